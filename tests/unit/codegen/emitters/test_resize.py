"""Resize and Interpolate: channels-last, along several axes, in 16 bits."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Interpolate, Resize


def linear(sizes: tuple[int, ...], targets: tuple[int, ...]) -> dict[str, Array]:
    """Positions and weights of some axes by their number in the list."""
    found: dict[str, Array] = {}
    for number, (size, target) in enumerate(zip(sizes, targets, strict=True)):
        position = np.linspace(0, size - 1, target)
        low = np.floor(position).astype(np.int32)
        found[f"low{number}"] = low
        found[f"high{number}"] = np.minimum(low + 1, size - 1).astype(np.int32)
        found[f"weight{number}"] = (position - low).astype(np.float32)
    return found


def resize(axes: tuple[int, ...], *, nearest: bool = False, zero_point: int = -3) -> Resize:
    names = [
        tuple(f"{word}{number}" for number in range(len(axes)))
        for word in ("low", "high", "weight")
    ]
    return Resize(
        name="resize",
        inputs=("x",),
        outputs=("y",),
        axes=axes,
        low=names[0],
        high=() if nearest else names[1],
        weights=() if nearest else names[2],
        x_zero_point=0 if nearest else 7,
        factor=1.0 if nearest else 0.7,
        zero_point=0 if nearest else zero_point,
    )


@pytest.mark.parametrize("rounding", list(Rounding))
def test_linear_between_convolutions(between, rounding) -> None:
    # 70 channels are more than are computed at a time.
    kernels = between(
        resize((2, 3)),
        (DType.INT8, (2, 70, 3, 5)),
        (DType.INT8, (2, 70, 7, 4)),
        linear((3, 5), (7, 4)),
        rounding,
    )
    assert kernels == ["tc_interpolate"]


def test_nearest_between_convolutions(between) -> None:
    kernels = between(
        resize((2, 3), nearest=True),
        (DType.INT8, (1, 5, 3, 4)),
        (DType.INT8, (1, 5, 6, 8)),
        linear((3, 4), (6, 8)),
    )
    assert kernels == ["tc_take"]


@pytest.mark.parametrize(
    "axes",
    [(0, 1, 2, 3), (1,), (1, 3), (0, 4), (2, 3, 4)],
    ids=lambda axes: "".join(map(str, axes)),
)
def test_any_axes(between, axes) -> None:
    shape = [2, 3, 4, 5, 2]
    sizes = tuple(shape[axis] for axis in axes)
    targets = tuple(size + 2 for size in sizes)
    for axis, target in zip(axes, targets, strict=True):
        shape[axis] = target
    between(
        resize(axes), (DType.INT8, (2, 3, 4, 5, 2)), (DType.INT8, tuple(shape)),
        linear(sizes, targets),
    )  # fmt: skip


@pytest.mark.parametrize(("source", "result"), [("int16", "int16"), ("uint16", "uint8")])
def test_other_types(between, source, result) -> None:
    op = resize((2,), zero_point=5)
    between(op, (DType(source), (1, 3, 9)), (DType(result), (1, 3, 5)), linear((9,), (5,)))


def test_cubic_with_a_border_between_convolutions(between) -> None:
    random = np.random.default_rng(3)
    constants: dict[str, Array] = {}
    for axis, (size, target) in enumerate(((4, 6), (5, 9))):
        constants[f"p{axis}"] = random.integers(0, size, (4, target)).astype(np.int32)
        constants[f"w{axis}"] = random.standard_normal((4, target)).astype(np.float32)
        constants[f"o{axis}"] = (np.arange(target) % 4 == axis).astype(np.uint8)
    op = Interpolate(
        name="resize",
        inputs=("x",),
        outputs=("y",),
        axes=(2, 3),
        positions=("p0", "p1"),
        weights=("w0", "w1"),
        outside=("o0", "o1"),
        fill=77,
        x_zero_point=5,
        factor=0.3,
        zero_point=10,
    )
    shape = (2, 6, 4, 5)
    kernels = between(op, (DType.UINT8, shape), (DType.INT16, (2, 6, 6, 9)), constants)
    assert kernels == ["tc_interpolate"]


def test_no_axes_at_all(between) -> None:
    between(resize(()), (DType.INT8, (1, 2, 3)), (DType.INT8, (1, 2, 3)))
