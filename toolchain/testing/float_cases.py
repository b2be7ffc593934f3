"""Float operators in generated C against their definition, many in one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.program.float_ops import evaluate
from toolchain.program.records import FloatOp, Program, Tensor
from toolchain.testing.compiled import run_in_c

_AT_ONCE = 16
"""Cases in one program: a program costs a moment to compile, and has at most 64 inputs."""


@dataclass(frozen=True, kw_only=True)
class FloatCase:
    """One operator with its inputs, of which those listed in `constants` are part of the model."""

    op_type: str
    inputs: tuple[Array | None, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    constants: frozenset[int] = frozenset()
    outputs: int = 1


def float_case(
    op_type: str,
    *inputs: Any,
    constants: Sequence[int] = (),
    outputs: int = 1,
    **attributes: Any,
) -> FloatCase:
    """A case; inputs are arrays, None where one is left out."""
    return FloatCase(
        op_type=op_type,
        inputs=tuple(None if item is None else np.asarray(item) for item in inputs),
        attributes=attributes,
        constants=frozenset(constants),
        outputs=outputs,
    )


def _tensor(name: str, array: Array) -> Tensor:
    return Tensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)


@dataclass
class _Built:
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    feeds: dict[str, Array] = field(default_factory=dict)
    expected: dict[str, Array] = field(default_factory=dict)
    operations: list[FloatOp] = field(default_factory=list)

    def add(self, number: int, case: FloatCase) -> None:
        label = f"{case.op_type}{number}"
        names = [f"{label}.{index}" for index in range(len(case.inputs))]
        fed = [
            "" if array is None or index in case.constants else names[index]
            for index, array in enumerate(case.inputs)
        ]
        for name, array in zip(names, case.inputs, strict=True):
            if array is not None and name in fed:
                self.feeds[name] = array
                self.tensors[name] = _tensor(name, array)
            elif array is not None:
                self.constants[name] = array.copy()
        op = FloatOp(
            name=label,
            inputs=tuple(fed),
            outputs=tuple(f"{label}.y{index}" for index in range(case.outputs)),
            op_type=case.op_type,
            attributes=case.attributes,
            constants={index: names[index] for index in sorted(case.constants)},
        )
        self.operations.append(op)
        for name, array in zip(op.outputs, evaluate(op, case.inputs), strict=True):
            self.expected[name] = array
            self.tensors[name] = _tensor(name, array)

    def program(self) -> Program:
        return Program(
            name="floats",
            rounding=Rounding.HALF_EVEN,
            inputs=tuple(self.feeds),
            outputs=tuple(self.expected),
            tensors=self.tensors,
            constants=self.constants,
            operations=tuple(self.operations),
        )


def assert_float_ops(*cases: FloatCase, workers: int = 1) -> None:
    """C and `evaluate` agree in every bit on all cases; any NaN is as good as any other."""
    for first in range(0, len(cases), _AT_ONCE):
        built = _Built()
        for number, case in enumerate(cases[first : first + _AT_ONCE]):
            built.add(number, case)
        found = run_in_c(built.program(), built.feeds, workers=workers)
        for name, expected in built.expected.items():
            assert_same_bits(found[name], expected, name)


def assert_same_bits(found: Array, expected: Array, name: str) -> None:
    """Equal values with equal signs of zero; any NaN is any other."""
    np.testing.assert_array_equal(found, expected, err_msg=name, strict=True)
    if expected.dtype.kind == "f":
        real = ~np.isnan(expected)
        np.testing.assert_array_equal(
            np.signbit(found)[real], np.signbit(expected)[real], err_msg=f"{name}: signs"
        )
