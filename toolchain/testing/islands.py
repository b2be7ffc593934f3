"""Programs of float operators, computed in C and compared with the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import Attribute
from toolchain.core.quant import Rounding
from toolchain.program.float_ops import evaluate
from toolchain.program.records import FloatOp, Program, Tensor
from toolchain.testing.compiled import run_in_c


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Island:
    """One float operator with all that it reads.

    Attributes:
        op_type: ONNX operator.
        inputs: In ONNX order, None where left out.
        constant: Which of them are constants of the program.
        attributes: Attributes of the operator.
        outputs: Number of outputs.
    """

    op_type: str
    inputs: tuple[Array | None, ...]
    constant: frozenset[int] = frozenset()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    outputs: int = 1

    def record(self, number: int) -> FloatOp:
        """The operation; its tensors and constants are called after `number`."""
        computed = tuple(
            "" if array is None or index in self.constant else f"x{number}_{index}"
            for index, array in enumerate(self.inputs)
        )
        return FloatOp(
            name=f"op{number}",
            op_type=self.op_type,
            inputs=computed,
            outputs=tuple(f"y{number}_{index}" for index in range(self.outputs)),
            attributes=self.attributes,
            constants={index: f"c{number}_{index}" for index in sorted(self.constant)},
        )


def island(
    op_type: str,
    *inputs: Array | None,
    constant: Sequence[int] = (),
    outputs: int = 1,
    **attributes: Attribute,
) -> Island:
    """An operator; `constant` lists the inputs that are constants of the program."""
    return Island(
        op_type=op_type,
        inputs=inputs,
        constant=frozenset(constant),
        attributes=attributes,
        outputs=outputs,
    )


def assert_islands_agree(islands: Sequence[Island], *, workers: int = 1) -> None:
    """One program of all operators side by side gives the reference's bits; NaN is NaN."""
    feeds: dict[str, Array] = {}
    constants: dict[str, Array] = {}
    expected: dict[str, Array] = {}
    records = []
    for number, one in enumerate(islands):
        op = one.record(number)
        records.append(op)
        for index, array in enumerate(one.inputs):
            if array is not None:
                place = constants if index in one.constant else feeds
                place[f"{'c' if index in one.constant else 'x'}{number}_{index}"] = array
        expected |= dict(zip(op.outputs, evaluate(op, one.inputs), strict=True))
    program = Program(
        name="islands",
        rounding=Rounding.HALF_EVEN,
        inputs=tuple(feeds),
        outputs=tuple(expected),
        tensors={
            name: Tensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)
            for name, array in (feeds | expected).items()
        },
        constants=constants,
        operations=tuple(records),
    )
    computed = run_in_c(program, feeds, workers=workers)
    for number, op in enumerate(records):
        for name in op.outputs:
            message = f"{name}: {islands[number].op_type} {dict(islands[number].attributes)}"
            assert_same_bits(computed[name], expected[name], message)


def assert_same_bits(computed: Array, expected: Array, message: str = "") -> None:
    """Equal in every bit, zeros' signs included; NaN is NaN whatever its bits."""
    np.testing.assert_array_equal(computed, expected, err_msg=message, strict=True)
    if expected.dtype.kind == "f":
        numbers = ~np.isnan(expected)
        signs = np.signbit(computed[numbers]), np.signbit(expected[numbers])
        np.testing.assert_array_equal(*signs, err_msg=message)
