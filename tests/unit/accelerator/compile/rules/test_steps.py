"""Movements whose results are nowhere: chains between operations, on machines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Move, MoveKind, Operation, Program, Rescale, Tensor
from toolchain.testing.machines import run_on_machine
from toolchain.testing.parts import run_in_parts


def move(name: str, source: str, kind: MoveKind, **more: Any) -> Move:
    indices = more.pop("indices", None)
    return Move(
        name=name, inputs=(source,), outputs=(name,), kind=kind, arguments=more,
        indices=indices,
    )  # fmt: skip


def scaled(name: str, source: str) -> Rescale:
    return Rescale(
        name=name, inputs=(source,), outputs=(name,), x_zero_point=1, factor=0.75, zero_point=0
    )


def joined(name: str, sources: tuple[str, ...], axis: int) -> Move:
    kind, arguments = MoveKind.CONCAT, {"axis": (axis,)}
    return Move(name=name, inputs=sources, outputs=(name,), kind=kind, arguments=arguments)


SHUFFLE = (
    scaled("x", "fed"),
    move("r", "x", MoveKind.RESHAPE),
    move("t", "r", MoveKind.TRANSPOSE, perm=(1, 0, 2)),
    move("h", "t", MoveKind.RESHAPE),
    move("even", "h", MoveKind.GATHER, axis=(0,), indices="zero"),
    move("odd", "h", MoveKind.GATHER, axis=(0,), indices="one"),
    scaled("y", "odd"),
    joined("z", ("even", "y"), 1),
)
HEADS = (
    scaled("x", "fed"),
    move("r", "x", MoveKind.RESHAPE),
    move("t", "r", MoveKind.TRANSPOSE, perm=(0, 3, 1, 2)),
    move("m", "t", MoveKind.RESHAPE),
    scaled("y", "m"),
    move("back", "y", MoveKind.RESHAPE),
    move("z", "back", MoveKind.TRANSPOSE, perm=(0, 2, 3, 1)),
)
# Elements of columns one after the other: no axis of it has one step.
COLUMNS = (
    scaled("x", "fed"),
    move("t", "x", MoveKind.TRANSPOSE, perm=(0, 3, 2, 1)),
    move("m", "t", MoveKind.RESHAPE),
    scaled("y", "m"),
    move("z", "m", MoveKind.SLICE, axes=(0,), starts=(40,), ends=(200,), steps=(3,)),
)
SHAPES = {
    "fed": (1, 8, 5, 6), "x": (1, 8, 5, 6), "even": (1, 4, 5, 6), "odd": (1, 4, 5, 6),
    "h": (2, 1, 4, 5, 6), "back": (1, 6, 8, 5),
}  # fmt: skip


def program(operations: tuple[Operation, ...], **shapes: tuple[int, ...]) -> Program:
    names = ("fed", *(op.outputs[0] for op in operations))
    shapes = SHAPES | shapes
    tensors = (Tensor(name=name, dtype=DType.INT8, shape=shapes[name]) for name in names)
    return Program(
        name="chain",
        rounding=Rounding.HALF_EVEN,
        inputs=("fed",),
        outputs=tuple(name for name in "yz" if name in names),
        tensors={tensor.name: tensor for tensor in tensors},
        constants={"zero": np.array(0, np.int64), "one": np.array(1, np.int64)},
        operations=operations,
    )


CASES = {
    "shuffle": (
        program(SHUFFLE, r=(4, 2, 30), t=(2, 4, 30), y=(1, 4, 5, 6), z=(1, 8, 5, 6)),
        {"x", "y", "z"},
    ),
    "heads": (
        program(HEADS, r=(1, 8, 5, 6), t=(1, 6, 8, 5), m=(6, 40), y=(6, 40), z=(1, 8, 5, 6)),
        {"x", "y", "z"},
    ),
    "columns": (
        program(COLUMNS, t=(1, 6, 5, 8), m=(240,), y=(240,), z=(54,)),
        {"x", "m", "y", "z"},
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("turn", range(4))
def test_only_what_cannot_be_looked_at_is_copied(
    case: str, turn: int, some_machine: Machine
) -> None:
    chain, made = CASES[case]
    rng = np.random.default_rng(turn)
    feeds = {"fed": rng.integers(-128, 128, SHAPES["fed"]).astype(np.int8)}
    found = run_on_machine(chain, feeds, some_machine)
    assert set(found) == made
    expected = Interpreter(chain).run(feeds, observe=tuple(found))
    for name, array in (*found.items(), *run_in_parts(chain, feeds, turn).items()):
        if name in expected:
            np.testing.assert_array_equal(array, expected[name])
