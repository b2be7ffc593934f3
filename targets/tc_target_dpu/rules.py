"""Limits of single operators by the size of the hardware, from the table of its user guide."""

from __future__ import annotations

from math import ceil, prod

from toolchain.api import Constraint, Measured, NodeView
from toolchain.core.target import stated
from toolchain.core.window_constraints import dilations_of, kernel_of, strides_of

_DEPTHWISE, _KERNEL, _STRIDE, _RATIO = 256, 16, 8, 16

_REPEATING = frozenset(
    {
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("half_pixel", "round_prefer_ceil"),
    }
)
"""Of Resize: positions and rounding that repeat pixels where the factor is a whole number."""


def grouped_fully_or_not(node: NodeView) -> Measured:
    """There is one group, or one per channel with as many outputs as inputs."""
    groups = node.int_attribute("group", 1)
    inputs, outputs = _channels(node)
    ok = groups == 1 or groups == inputs == outputs
    return Measured(ok=ok, value=f"{groups} groups, {inputs} to {outputs} channels")


def kernel_range(node: NodeView) -> Measured:
    """The kernel is at most 16 wide and high, 256 where every channel is its own group."""
    limit = _DEPTHWISE if _is_depthwise(node) else _KERNEL
    kernel = kernel_of(node)
    return Measured(ok=max(kernel, default=0) <= limit, value=f"kernel {kernel}")


def stride_range(node: NodeView) -> Measured:
    """The stride is at most 8, 256 where every channel is its own group."""
    limit = _DEPTHWISE if _is_depthwise(node) else _STRIDE
    strides = strides_of(node)
    return Measured(ok=max(strides, default=1) <= limit, value=f"strides {strides}")


def kernel_per_stride(node: NodeView) -> Measured:
    """Kernel divided by stride is at least 1 and at most 16 on every axis."""
    kernel, strides = kernel_of(node), strides_of(node)
    ok = all(s <= k <= _RATIO * s for k, s in zip(kernel, strides, strict=True))
    return Measured(ok=ok, value=f"kernel {kernel}, strides {strides}")


def input_channels(parallel: int) -> Constraint:
    """Dilation * input channels is at most 256 * `parallel`."""
    limit = 256 * parallel

    def check(node: NodeView) -> Measured:
        inputs, _ = _channels(node)
        most = inputs * max(dilations_of(node), default=1)
        return Measured(ok=most <= limit, value=str(most))

    return stated(f"Dilation * input channels is at most {limit}.", check)


def output_channels(parallel: int) -> Constraint:
    """There are at most 256 * `parallel` output channels."""
    limit = 256 * parallel

    def check(node: NodeView) -> Measured:
        _, outputs = _channels(node)
        return Measured(ok=outputs <= limit, value=f"{outputs} channels")

    return stated(f"There are at most {limit} output channels.", check)


def weights_per_bank(parallel: int, depth: int) -> Constraint:
    """Kernel elements * ceil(input channels / `parallel`) is at most `depth`."""

    def check(node: NodeView) -> Measured:
        inputs, _ = _channels(node)
        rows = prod(kernel_of(node)) * ceil(inputs / parallel)
        return Measured(ok=rows <= depth, value=str(rows))

    return stated(
        f"Kernel width * height * ceil(input channels / {parallel}) is at most {depth}.", check
    )


def matrix_columns(parallel: int, depth: int) -> Constraint:
    """A matrix product is a convolution of 1x1: its rows and columns are channels."""
    limit = 256 * parallel

    def check(node: NodeView) -> Measured:
        weight = node.input(1)
        shape = () if weight is None else (weight.static_shape or ())
        if len(shape) != 2:
            return Measured(ok=False, value=f"a weight of {len(shape)} axes")
        transposed = node.int_attribute("transB", 0) == 1
        inputs, outputs = shape[::-1] if transposed else shape
        ok = inputs <= limit and ceil(inputs / parallel) <= depth and outputs <= limit
        return Measured(ok=ok, value=f"{inputs} to {outputs} channels")

    return stated(f"The weight is a matrix with at most {limit} inputs and outputs.", check)


def element_channels(parallel: int) -> Constraint:
    """The result has at most 256 * `parallel` channels."""
    limit = 256 * parallel

    def check(node: NodeView) -> Measured:
        shape = node.outputs[0].static_shape or ()
        channels = shape[1] if len(shape) > 1 else 1
        return Measured(ok=channels <= limit, value=f"{channels} channels")

    return stated(f"The result has at most {limit} channels.", check)


def relu6(node: NodeView) -> Measured:
    """Clip is from 0 to 6."""
    bounds = [node.constant_input(index) for index in (1, 2)]
    numbers = ["none" if bound is None else f"{float(bound):g}" for bound in bounds]
    return Measured(ok=numbers == ["0", "6"], value=f"from {numbers[0]} to {numbers[1]}")


def slope_of_a_tenth(node: NodeView) -> Measured:
    """The slope of LeakyRelu is 0.1 (the hardware has 26/256)."""
    slope = node.float_attribute("alpha", 0.01)
    ok = min(abs(slope - 0.1), abs(slope - 26 / 256)) < 1e-6
    return Measured(ok=ok, value=f"{slope:g}")


def sixth_and_half(node: NodeView) -> Measured:
    """HardSigmoid is x / 6 + 1/2."""
    alpha, beta = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    ok = abs(alpha - 1 / 6) < 1e-5 and beta == 0.5
    return Measured(ok=ok, value=f"{alpha:g} x + {beta:g}")


def zero_fill(node: NodeView) -> Measured:
    """Pad writes constant zeros."""
    fill = node.constant_input(2)
    mode = node.str_attribute("mode", "constant")
    zero = node.input(2) is None or (fill is not None and not fill.any())
    return Measured(ok=mode == "constant" and zero, value=f"mode {mode}, {'' if zero else 'not '}0")


def steps_along_pixels(node: NodeView) -> Measured:
    """Slice has constant bounds, and steps of more than 1 along rows and columns only."""
    x, steps, axes = node.input(0), node.constant_input(4), node.constant_input(3)
    rank = 0 if x is None or x.shape is None else len(x.shape)
    if rank == 0 or any(v is not None and not v.is_constant for v in node.inputs[1:]):
        return Measured(ok=False, value="computed bounds or an unknown shape")
    count = 0 if steps is None else steps.size
    at = range(count) if axes is None else (int(axis) % rank for axis in axes.reshape(-1))
    found = {} if steps is None else dict(zip(at, map(int, steps.reshape(-1)), strict=True))
    wide = [axis for axis, step in found.items() if step != 1]
    ok = min(found.values(), default=1) > 0 and all(rank == 4 and axis > 1 for axis in wide)
    return Measured(ok=ok, value=f"steps {found} of {rank} axes")


def pixels_repeated(node: NodeView) -> Measured:
    """Resize is nearest and repeats every row and column a whole number of times."""
    x, y = node.input(0), node.outputs[0]
    shapes = [() if v is None else (v.static_shape or ()) for v in (x, y)]
    mode = node.str_attribute("mode", "nearest")
    coordinates = node.str_attribute("coordinate_transformation_mode", "half_pixel")
    nearest = node.str_attribute("nearest_mode", "round_prefer_floor")
    repeats = (coordinates, nearest) in _REPEATING
    small, large = shapes
    whole = len(small) == len(large) == 4 and small[:2] == large[:2]
    whole = whole and all(b % a == 0 for a, b in zip(small[2:], large[2:], strict=True))
    value = f"{mode}, {coordinates}, {nearest}, {small} to {large}"
    return Measured(ok=mode == "nearest" and repeats and whole, value=value)


def _channels(node: NodeView) -> tuple[int, int]:
    """Channels of input and result."""
    values = (node.input(0), node.outputs[0])
    shapes = [() if v is None else (v.static_shape or ()) for v in values]
    inputs, outputs = (shape[1] if len(shape) > 1 else 0 for shape in shapes)
    return inputs, outputs


def _is_depthwise(node: NodeView) -> bool:
    return node.int_attribute("group", 1) == _channels(node)[0] > 1
