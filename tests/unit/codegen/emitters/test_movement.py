"""Movement between convolutions: what is a view, and what is copied."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.codegen.generate import generate
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Move, MoveKind, Operation, Program, Tensor
from toolchain.testing.compiled import COMPILER, assert_same

SHUFFLE = {
    "fed": (1, 12, 4, 5),
    "x": (1, 12, 4, 5),
    "pairs": (6, 2, 20),
    "halves": (2, 6, 20),
    "images": (2, 1, 6, 4, 5),
    "first": (1, 6, 4, 5),
    "second": (1, 6, 4, 5),
    "a": (1, 6, 4, 5),
    "b": (1, 6, 4, 5),
}


def move(kind: MoveKind, source: str, result: str, **arguments: tuple[int, ...]) -> Move:
    indices = f"at_{result}" if kind is MoveKind.GATHER else None
    return Move(
        name=result, inputs=(source,), outputs=(result,), kind=kind, arguments=arguments,
        indices=indices,
    )  # fmt: skip


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")
def test_a_channel_shuffle_is_two_copies(window_of_one) -> None:
    operations: tuple[Operation, ...] = (
        window_of_one("x", "fed", 4),
        move(MoveKind.RESHAPE, "x", "pairs"),
        move(MoveKind.TRANSPOSE, "pairs", "halves", perm=(1, 0, 2)),
        move(MoveKind.RESHAPE, "halves", "images"),
        move(MoveKind.GATHER, "images", "first", axis=(0,)),
        move(MoveKind.GATHER, "images", "second", axis=(0,)),
        window_of_one("a", "first", 4),
        window_of_one("b", "second", 4),
    )
    program = Program(
        name="shuffle",
        rounding=Rounding.HALF_EVEN,
        inputs=("fed",),
        outputs=("a", "b"),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=s) for n, s in SHUFFLE.items()},
        constants={"at_first": np.array(0), "at_second": np.array(-1)},
        operations=operations,
    )
    fed = np.random.default_rng(0).integers(-128, 128, SHUFFLE["fed"]).astype(np.int8)
    assert_same(program, {"fed": fed})
    calls = [call.kernel.name for step in generate(program).steps for call in step.calls]
    assert calls == ["tc_copy", "tc_pool", "tc_copy", "tc_copy", "tc_pool", "tc_pool"]
