"""The text of models, where a compiler has not seen it already."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from types import MappingProxyType

import numpy as np
import pytest

from toolchain.codegen.calls import Call, Kernel, Step
from toolchain.codegen.generate import Generated
from toolchain.codegen.literals import Struct
from toolchain.codegen.memory import plan_memory
from toolchain.codegen.operands import Operand
from toolchain.codegen.sources import kernel_source
from toolchain.codegen.writer import Writer
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Program, Tensor

EMPTY = Generated(
    program=Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=(),
        outputs=(),
        tensors={},
        constants={},
        operations=(),
    ),
    steps=(),
    closing=(),
    constants=MappingProxyType({}),
    memory=plan_memory([], frozenset()),
    external=MappingProxyType({}),
    workers=1,
)


def test_every_kernel_is_listed() -> None:
    folder = files("toolchain.codegen") / "kernels"
    stems = {path.name.removesuffix(".h") for path in folder.iterdir() if path.name.endswith(".h")}
    rows = [row for row in (kernel_source("README.md") or "").splitlines() if row.startswith("|")]
    assert sorted(re.findall(r"`(tc_\w+)`", "\n".join(rows))) == sorted(stems)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((0, 1, 2, 3), "[1, 2, 3, 4]"),
        ((0, 2, 3, 1), "[1, 3, 4, 2], channels last"),
        ((3, 2, 1, 0), "[4, 3, 2, 1], axes 3, 2, 1, 0"),
    ],
)
def test_buffers_say_how_their_axes_lie(order: tuple[int, ...], words: str) -> None:
    y = Operand(buffer="y", dtype=DType.INT8, shape=(1, 2, 3, 4), order=order)
    made = Call(
        kernel=Kernel("tc_any"), name="op", params=Struct("tc_any_params", {}), inputs=(),
        outputs=(y,),
    )  # fmt: skip
    step = Step(op="op", summary="any", calls=(made,), results={})
    generated = replace(EMPTY, steps=(step,), memory=plan_memory([made], frozenset()))
    assert f"y = arena + 0; /* int8 {words} */" in Writer(generated, "model").source()


@pytest.mark.parametrize(("value", "included"), [(1.5, False), (-np.inf, True), (np.nan, True)])
def test_constants_that_are_no_numbers_need_their_header(value: float, included: bool) -> None:
    mask = np.array([0, value], np.float32)
    text = Writer(replace(EMPTY, constants=MappingProxyType({"mask": mask})), "model").weights()
    assert ("#include <math.h>" in text) == included


def test_the_header_says_what_stored_integers_mean() -> None:
    x = Tensor(name="x*/", dtype=DType.UINT8, shape=(1, 3), scale=0.5, zero_point=7)
    program = replace(EMPTY.program, inputs=("x*/",), outputs=("x*/",), tensors={"x*/": x})
    text = Writer(replace(EMPTY, program=program), "model").header()
    assert " * input 0: x?/, uint8_t [1, 3], real = (stored - 7) * 0.5f\n" in text
