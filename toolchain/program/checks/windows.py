"""Windows that slide over spatial axes, and pooling."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, TypeAlias

from toolchain.program.records import PoolKind

if TYPE_CHECKING:
    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import BlockedConv, Conv, ConvTranspose, Pool

    Windowed: TypeAlias = Conv | ConvTranspose | BlockedConv | Pool


def check_window(op: Windowed, kernel: tuple[int, ...], facts: Facts) -> None:
    """Kernel, strides, dilations and pads are there for every spatial axis, and positive."""
    rank = len(facts.x.shape) - 2
    facts.require(rank >= 1, "There is no spatial axis", facts.x.shape)
    lengths = (len(kernel), len(op.strides), len(op.dilations), len(op.pads))
    facts.require(
        lengths == (rank, rank, rank, 2 * rank),
        "Kernel, strides, dilations and pads do not fit the spatial axes",
        lengths,
        (rank, rank, rank, 2 * rank),
    )
    facts.require(
        min(*kernel, *op.strides, *op.dilations) >= 1,
        "Kernel, strides and dilations must be positive",
        (kernel, op.strides, op.dilations),
    )
    facts.require(min(op.pads) >= 0, "Pads must not be negative", op.pads)


def positions(
    op: Windowed, kernel: tuple[int, ...], extent: tuple[int, ...], facts: Facts
) -> tuple[int, ...]:
    """Positions per axis that lie wholly inside the padded input (ONNX Conv)."""
    rank = len(extent)
    padded = tuple(
        size + begin + end
        for size, begin, end in zip(extent, op.pads[:rank], op.pads[rank:], strict=True)
    )
    facts.elements((*facts.x.shape[:2], *padded), "The padded input")
    return tuple(
        (size - (k - 1) * d - 1) // s + 1
        for size, k, d, s in zip(padded, kernel, op.dilations, op.strides, strict=True)
    )


def check_pool(op: Pool, facts: Facts) -> None:
    """Windows that each meet the input, and numbers that fit the kind."""
    facts.arity(1)
    x, y = facts.x, facts.y
    facts.require(
        len(x.shape) == len(y.shape) and x.shape[:2] == y.shape[:2],
        "Rank, batch or channels do not fit",
        f"x {x.shape}, y {y.shape}",
    )
    check_window(op, op.kernel, facts)
    inside = positions(op, op.kernel, x.shape[2:], facts)
    rank = len(op.kernel)
    for axis, (size, count) in enumerate(zip(x.shape[2:], y.shape[2:], strict=True)):
        begin, stride, dilation = op.pads[axis], op.strides[axis], op.dilations[axis]
        facts.require(
            inside[axis] <= count <= max(inside[axis], 0) + 1,
            "The output's extent does not fit the window",
            y.shape,
            f"{max(inside[axis], 1)} on axis {2 + axis}, or one more",
        )
        facts.require(
            begin <= (op.kernel[axis] - 1) * dilation
            and (count - 1) * stride - begin < size
            and (dilation <= size or not any(op.pads)),
            "A window would lie in the padding only",
            op.pads[axis::rank],
        )
    if op.kind is PoolKind.MAX:
        facts.integers(op.inputs[0])
        facts.result(y.shape, x.dtype)
        return
    _check_average(op, facts)


def _check_average(op: Pool, facts: Facts) -> None:
    largest = facts.magnitude(op.inputs[0], op.x_zero_point) * prod(op.kernel)
    facts.accumulator(largest)
    facts.scaling(op.factor, largest)
    facts.requantizes(op.zero_point, (op.low, op.high))
    if facts.program.exact:
        # One reciprocal for all windows: each must count the same.
        whole = all(
            count == found
            for count, found in zip(
                facts.y.shape[2:], positions(op, op.kernel, facts.x.shape[2:], facts), strict=True
            )
        )
        facts.require(
            whole and (op.count_include_pad or not any(op.pads)),
            "Exact requantization needs windows of one count",
            op.pads,
        )
