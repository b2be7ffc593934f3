"""The text of models, where a compiler has not seen it already."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from toolchain.codegen.generate import Generated
from toolchain.codegen.memory import plan_memory
from toolchain.codegen.writer import Writer
from toolchain.core.quant import Rounding
from toolchain.program.records import Program


@pytest.mark.parametrize(("value", "included"), [(1.5, False), (-np.inf, True), (np.nan, True)])
def test_constants_that_are_no_numbers_need_their_header(value: float, included: bool) -> None:
    program = Program(
        name="p", rounding=Rounding.HALF_EVEN, inputs=(), outputs=(), tensors={}, constants={},
        operations=(),
    )  # fmt: skip
    generated = Generated(
        program=program,
        steps=(),
        closing=(),
        constants=MappingProxyType({"mask": np.array([0, value], np.float32)}),
        memory=plan_memory([], frozenset()),
        external=MappingProxyType({}),
        workers=1,
    )
    text = Writer(generated, "model").weights()
    assert ("#include <math.h>" in text) == included
