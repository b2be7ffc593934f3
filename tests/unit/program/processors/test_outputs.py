"""Outputs in another order, as integers, or both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.options import OutputDtype
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.program.interpreter import Interpreter
from toolchain.program.processors import OutputForm, apply_output
from toolchain.program.records import Dequantize, FloatOp, Program, Tensor
from toolchain.program.validation import check_program
from toolchain.testing.compiled import COMPILER, assert_same

SHAPE = (1, 2, 3, 4)
Q = np.arange(24, dtype=np.uint8).reshape(SHAPE)
REAL = ((Q.astype(np.float32) - 3) * np.float32(0.25)).astype(np.float32)


@pytest.fixture
def program() -> Program:
    """`y`, the integers `q` dequantized; and `z`, which a float operator makes of `y`."""
    tensors = (
        Tensor(name="q", dtype=DType.UINT8, shape=SHAPE, scale=0.25, zero_point=3),
        Tensor(name="y", dtype=DType.FLOAT32, shape=SHAPE),
        Tensor(name="z", dtype=DType.FLOAT32, shape=SHAPE),
    )
    return Program(
        name="outputs",
        rounding=Rounding.HALF_EVEN,
        inputs=("q",),
        outputs=("y", "z"),
        tensors={tensor.name: tensor for tensor in tensors},
        constants={},
        operations=(
            Dequantize(name="d", inputs=("q",), outputs=("y",)),
            FloatOp(name="n", inputs=("y",), outputs=("z",), op_type="Neg"),
        ),
    )


def alone(program: Program) -> Program:
    """Without `z`."""
    tensors = {name: tensor for name, tensor in program.tensors.items() if name != "z"}
    return replace(program, outputs=("y",), tensors=tensors, operations=program.operations[:1])


def ran(program: Program) -> dict[str, np.ndarray]:
    check_program(program)
    if COMPILER is not None:
        assert_same(program, {"q": Q})
    return Interpreter(program).run({"q": Q})


def form(**fields: Any) -> OutputForm:
    return OutputForm(**{"name": "y", **fields})


PERM = (0, 2, 3, 1)


@pytest.mark.parametrize("perm", [(), PERM])
@pytest.mark.parametrize("dtype", OutputDtype)
def test_an_output_that_is_dequantized(program, perm, dtype) -> None:
    found = apply_output(alone(program), form(perm=perm, dtype=dtype))
    expected = REAL if dtype is OutputDtype.FLOAT32 else Q
    y = ran(found)["y"]
    np.testing.assert_array_equal(y, expected.transpose(perm or (0, 1, 2, 3)), strict=True)
    if dtype is OutputDtype.STORED:
        assert (found.tensors["y"].scale, found.tensors["y"].zero_point) == (0.25, 3)
        assert [type(op).__name__ for op in found.operations] == ["Move"]


@pytest.mark.parametrize("dtype", OutputDtype)
def test_what_else_reads_an_output_still_has_it(program, dtype) -> None:
    found = ran(apply_output(program, form(perm=PERM, dtype=dtype)))
    expected = REAL if dtype is OutputDtype.FLOAT32 else Q
    np.testing.assert_array_equal(found["y"], expected.transpose(PERM), strict=True)
    np.testing.assert_array_equal(found["z"], -REAL, strict=True)


def test_an_output_of_a_float_operator_is_moved_as_floats(program) -> None:
    found = ran(apply_output(program, form(name="z", perm=PERM)))
    np.testing.assert_array_equal(found["z"], -REAL.transpose(PERM), strict=True)


def test_integers_of_what_is_computed_in_float_are_refused(program) -> None:
    with pytest.raises(CompileError, match="computed in float") as caught:
        apply_output(program, form(name="z", dtype=OutputDtype.STORED))
    assert caught.value.problems[0].code is Code.LOWERING_FAILED


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "x"}, Code.UNKNOWN_NAME),
        ({"perm": (0, 1)}, Code.BAD_VALUE),
        ({"perm": (0, 1, 2, 2)}, Code.BAD_VALUE),
    ],
)
def test_what_does_not_fit_is_refused(program, fields, code) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_output(program, form(**fields))
    assert caught.value.problems[0].code is code


def test_an_input_handed_out_is_refused(program) -> None:
    with pytest.raises(CompileError, match="no other form"):
        apply_output(replace(program, outputs=("q",)), form(name="q", perm=PERM))
