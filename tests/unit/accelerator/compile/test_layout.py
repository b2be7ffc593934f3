"""Which tensors lie with their channels last."""

from __future__ import annotations

from toolchain.accelerator.compile.layout import orders
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Conv,
    Move,
    MoveKind,
    Operation,
    Program,
    Requantize,
    Tensor,
)

IMAGE, ROWS = (0, 2, 3, 1), (0, 1, 2, 3)


def program(shapes: dict[str, tuple[int, ...]], *operations: Operation) -> Program:
    return Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=(),
        outputs=(),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=s) for n, s in shapes.items()},
        constants={},
        operations=operations,
    )


def conv(source: str, target: str) -> Conv:
    return Conv(
        name="conv", inputs=(source,), outputs=(target,), weight="w", weight_zero_point=None,
        bias=None, x_zero_point=0, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), groups=1,
        finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
    )  # fmt: skip


def add(a: str, b: str, target: str) -> Binary:
    return Binary(
        name="add", inputs=(a, b), outputs=(target,), kind=BinaryKind.ADD, a_zero_point=0,
        b_zero_point=0, a_factor=1.0, b_factor=1.0, zero_point=0, low=-128, high=127,
    )  # fmt: skip


def move(kind: MoveKind, source: str, target: str) -> Move:
    return Move(name="move", inputs=(source,), outputs=(target,), kind=kind)


SHAPE = (1, 4, 6, 8)


def test_what_windows_step_over_and_all_that_meets_it() -> None:
    names = dict.fromkeys(("x", "a", "b", "c", "d"), SHAPE)
    found = orders(
        program(names, conv("x", "a"), add("a", "b", "c"), move(MoveKind.COPY, "c", "d"))
    )
    assert found == dict.fromkeys(names, IMAGE)


def test_order_goes_backwards_as_well() -> None:
    names = dict.fromkeys(("x", "y", "z"), SHAPE)
    assert orders(program(names, move(MoveKind.COPY, "x", "y"), conv("y", "z")))["x"] == IMAGE


def test_a_transposition_ends_it() -> None:
    names = dict.fromkeys(("x", "a", "b", "c"), SHAPE)
    found = orders(
        program(names, conv("x", "a"), move(MoveKind.TRANSPOSE, "a", "b"), add("b", "b", "c"))
    )
    assert found == {"x": IMAGE, "a": IMAGE, "b": ROWS, "c": ROWS}


def test_two_axes_are_rows_and_other_ranks_have_their_own() -> None:
    shapes = {"x": (1, 4, 8), "a": (1, 4, 8), "b": (4, 8), "c": (1, 4, 8)}
    found = orders(program(shapes, conv("x", "a"), add("a", "b", "c")))
    assert found == {"x": (0, 2, 1), "a": (0, 2, 1), "b": (0, 1), "c": (0, 2, 1)}


def test_without_windows_everything_is_in_rows() -> None:
    names = dict.fromkeys(("x", "y"), SHAPE)
    assert orders(program(names, add("x", "x", "y"))) == dict.fromkeys(names, ROWS)
