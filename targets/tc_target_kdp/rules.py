"""Limits of single operators, from the vendor's table of operators."""

from __future__ import annotations

from math import prod

from toolchain.api import Constraint, Measured, NodeView
from toolchain.core.constraints import reduced_axes
from toolchain.core.target import stated
from toolchain.core.window_constraints import kernel_of, strides_of


def clip_from_zero(node: NodeView) -> Measured:
    """Clip is from 0 to a maximum that is not negative."""
    low, high = node.constant_input(1), node.constant_input(2)
    bounds = ["none" if bound is None else f"{float(bound):g}" for bound in (low, high)]
    ok = low is not None and float(low) == 0 and (high is None or float(high) >= 0)
    return Measured(ok=ok, value=f"from {bounds[0]} to {bounds[1]}")


def global_pool_at_most(limit: int) -> Constraint:
    """The pooled rows and columns hold at most `limit` elements."""

    def check(node: NodeView) -> Measured:
        size = prod(kernel_of(node))
        return Measured(ok=size <= limit, value=f"{size} elements")

    return stated(f"Rows * columns is at most {limit}.", check)


def more_than_three_rows(node: NodeView) -> Measured:
    """The input has more than 3 rows."""
    rows = (*kernel_of(node), 0)[0]
    return Measured(ok=rows > 3, value=f"{rows} rows")


def average_pool_520(node: NodeView) -> Measured:
    """AveragePool is square up to 3 with a stride up to that, or strides by 4 or more.

    Strides by 4 or more are square, without `ceil_mode` and without counted padding.
    """
    kernel, strides = kernel_of(node), strides_of(node)
    small = _square(kernel, 1, 3) and _square(strides, 1, kernel[0])
    return _form(node, _large_average(node) or small)


def average_pool_720(node: NodeView) -> Measured:
    """AveragePool is up to 3, square or along one of 2 axes, or strides by 4 or more.

    Strides by 4 or more are square, without `ceil_mode` and without counted padding.
    """
    return _form(node, _large_average(node) or _up_to_three(node, axes=2))


def average_pool_730(node: NodeView) -> Measured:
    """AveragePool is up to 3, square or along one of 1 or 2 axes, or strides by 4 or more.

    Strides by 4 or more are square, without `ceil_mode` and without counted padding.
    """
    one = len(kernel_of(node)) == 1
    small = _up_to_three(node, axes=1 if one else 2)
    return _form(node, _large_average(node) or small)


def max_pool_520(node: NodeView) -> Measured:
    """MaxPool is square of 2 or 3 with a stride up to that, or of more than 3.

    More than 3 is without `ceil_mode`.
    """
    kernel, strides = kernel_of(node), strides_of(node)
    small = _square(kernel, 2, 3) and _square(strides, 1, kernel[0])
    return _form(node, _large_maximum(node) or small)


def max_pool_530(node: NodeView) -> Measured:
    """MaxPool is up to 3, square or along one of 2 axes, or of more than 3.

    More than 3 is without `ceil_mode`.
    """
    return _form(node, _large_maximum(node) or _up_to_three(node, axes=2))


def square_stride(only: int | None = None) -> Constraint:
    """The stride is equal on all axes, and `only` where that is given."""

    def check(node: NodeView) -> Measured:
        strides = strides_of(node)
        ok = len(set(strides)) <= 1 and (only is None or set(strides) <= {only})
        return Measured(ok=ok, value=f"strides {strides}")

    rule = "equal on all axes" if only is None else f"{only} on all axes"
    return stated(f"The stride is {rule}.", check)


def matmul_from(fewest: int, most: int) -> Constraint:
    """A constant second operand is a matrix; with a computed one there are so many axes."""

    def check(node: NodeView) -> Measured:
        second = node.input(1)
        shape = () if second is None or second.shape is None else second.shape
        if second is not None and second.is_constant:
            matrix = len(shape) == 2 or (len(shape) == 4 and shape[:2] == (1, 1))
            return Measured(ok=matrix, value=f"constant of shape {shape}")
        return Measured(ok=fewest <= len(shape) <= most, value=f"{len(shape)} axes")

    axes = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return stated(
        f"The second operand is a constant matrix, or computed and with {axes} axes.", check
    )


def over_channels(node: NodeView) -> Measured:
    """The sum is over the channels (axis 1)."""
    axes = reduced_axes(node)
    return Measured(ok=axes == (1,), value=f"axes {axes or 'computed'}")


def single_index(node: NodeView) -> Measured:
    """Gather takes a single constant index."""
    indices = node.constant_input(1)
    size = None if indices is None else indices.size
    return Measured(ok=size == 1, value="computed" if size is None else f"{size} indices")


def exponent_two(node: NodeView) -> Measured:
    """The exponent of Pow is 2."""
    exponent = node.constant_input(1)
    value = "computed" if exponent is None else str(exponent.tolist())
    return Measured(ok=exponent is not None and bool((exponent == 2).all()), value=value)


def zero_padding_below_32(node: NodeView) -> Measured:
    """Pad writes constant zeros, fewer than 32 on a side, and none along the batch."""
    pads, fill = node.constant_input(1), node.constant_input(2)
    mode = node.str_attribute("mode", "constant")
    if pads is None or node.input(3) is not None:
        return Measured(ok=False, value="computed pads or chosen axes")
    zero = fill is None or not fill.any()
    sides = [int(pad) for pad in pads.reshape(-1)]
    batch = sides[0] != 0 or sides[len(sides) // 2] != 0
    ok = mode == "constant" and zero and not batch and max(sides) < 32
    return Measured(ok=ok, value=f"mode {mode}, {'' if zero else 'not '}zero, pads {sides}")


def steps_of_one(node: NodeView) -> Measured:
    """All steps of Slice are 1."""
    steps = node.constant_input(4)
    ok = steps is None or bool((steps == 1).all())
    return Measured(ok=ok, value="1" if steps is None else f"steps {steps.tolist()}")


def flatten_from_channels(node: NodeView) -> Measured:
    """Flatten is along axis 1."""
    axis = node.int_attribute("axis", 1)
    return Measured(ok=axis == 1, value=f"axis {axis}")


def batch_stays(node: NodeView) -> Measured:
    """Transpose leaves the batch where it is."""
    perm = node.ints_attribute("perm")
    return Measured(ok=bool(perm) and perm[0] == 0, value=f"perm {perm}")


def neighbours_swapped(node: NodeView) -> Measured:
    """Transpose swaps rows with columns, or channels with rows."""
    perm = node.ints_attribute("perm")
    return Measured(ok=perm in ((0, 1, 3, 2), (0, 2, 1, 3)), value=f"perm {perm}")


def spread(*axes: str) -> Constraint:
    """Expand repeats along `axes` (of batch, channel, row, column) only."""

    def check(node: NodeView) -> Measured:
        x, y = node.input(0), node.outputs[0]
        small, large = (() if v is None else (v.static_shape or ()) for v in (x, y))
        if len(large) != 4:
            return Measured(ok=False, value=f"{len(large)} axes")
        small = (1,) * (4 - len(small)) + small
        names = ("batch", "channel", "row", "column")
        grown = [n for n, a, b in zip(names, small, large, strict=True) if a != b]
        return Measured(ok=set(grown) <= set(axes), value=" and ".join(grown) or "nothing")

    return stated(f"Expand is along {' or '.join(axes)}.", check)


def blocks_of(*sizes: int) -> Constraint:
    """The block size is one of `sizes`."""

    def check(node: NodeView) -> Measured:
        size = node.int_attribute("blocksize", 0)
        return Measured(ok=size in sizes, value=f"block size {size}")

    return stated(f"The block size is {' or '.join(map(str, sizes))}.", check)


def one_channel_of_four(node: NodeView) -> Measured:
    """DepthToSpace makes one channel of 4, in mode CRD with blocks of 2."""
    x = node.input(0)
    shape = () if x is None or x.shape is None else x.shape
    mode, size = node.str_attribute("mode", "DCR"), node.int_attribute("blocksize", 0)
    ok = shape[:2] == (1, 4) and mode == "CRD" and size == 2
    return Measured(ok=ok, value=f"shape {shape}, mode {mode}, block size {size}")


def resize_from_corner(node: NodeView) -> Measured:
    """Resize of 4 axes starts at position 0, nearest with `floor`."""
    x = node.input(0)
    rank = 0 if x is None or x.shape is None else len(x.shape)
    coordinates = node.str_attribute("coordinate_transformation_mode", "half_pixel")
    nearest = node.str_attribute("mode", "nearest") == "nearest"
    rounding = node.str_attribute("nearest_mode", "round_prefer_floor")
    starts = coordinates in ("asymmetric", "align_corners")
    ok = rank == 4 and starts and (not nearest or rounding == "floor")
    value = f"{rank} axes, {coordinates}" + (f", {rounding}" if nearest else "")
    return Measured(ok=ok, value=value)


def resize_of_one_axis(node: NodeView) -> Measured:
    """Resize of 4 axes changes rows or columns, not both."""
    x, y = node.input(0), node.outputs[0]
    small, large = (() if v is None else (v.static_shape or ()) for v in (x, y))
    changed = sum(a != b for a, b in zip(small, large, strict=False))
    return Measured(ok=len(small) == 4 and changed <= 1, value=f"{changed} axes change")


def _square(extents: tuple[int, ...], low: int, high: int) -> bool:
    return len(extents) == 2 and len(set(extents)) == 1 and low <= extents[0] <= high


def _up_to_three(node: NodeView, axes: int) -> bool:
    kernel, strides = kernel_of(node), strides_of(node)
    if len(kernel) != axes or max((*kernel, *strides)) > 3:
        return False
    pairs = tuple(zip(kernel, strides, strict=True))
    square = len(set(kernel)) == 1 and len(set(strides)) == 1
    return square or (1, 1) in pairs


def _large_average(node: NodeView) -> bool:
    kernel, strides = kernel_of(node), strides_of(node)
    padded = any(node.ints_attribute("pads")) and node.int_attribute("count_include_pad", 0) == 1
    wide = len(set(strides)) == 1 and strides[0] > 3
    whole = not node.int_attribute("ceil_mode", 0)
    return whole and (_skips(kernel, strides) or (wide and not padded))


def _large_maximum(node: NodeView) -> bool:
    kernel, strides = kernel_of(node), strides_of(node)
    return not node.int_attribute("ceil_mode", 0) and (_skips(kernel, strides) or min(kernel) > 3)


def _skips(kernel: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """True for a kernel of 1 that only picks every n-th element."""
    return set(kernel) == {1} and min(strides) > 1


def _form(node: NodeView, ok: bool) -> Measured:
    ceil = node.int_attribute("ceil_mode", 0)
    return Measured(
        ok=ok, value=f"kernel {kernel_of(node)}, strides {strides_of(node)}, ceil_mode {ceil}"
    )
