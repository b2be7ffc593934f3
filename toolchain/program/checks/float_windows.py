"""What comes out of float convolutions, pooling and resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType
from toolchain.program.checks.facts import MAX_ELEMENTS
from toolchain.program.float_ops.convolution import transposed_windows
from toolchain.program.float_ops.resize import COORDINATES, MODES, NEAREST, resized_axes
from toolchain.program.float_ops.windows import Windows, per_axis, sliding_windows

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.float_ops.call import Call

    Results = tuple[tuple[tuple[int, ...], DType], ...]


def _ranks(call: Call, x: Array, kernel: tuple[int, ...]) -> None:
    """A kernel for the spatial axes of x, with steps that go forward."""
    if x.ndim < 3 or len(kernel) != x.ndim - 2 or min(kernel) < 1:
        raise call.invalid("shape of the kernel", got=kernel, allowed=f"{x.ndim - 2} axes")
    for name in ("strides", "dilations"):
        steps = per_axis(call, name, x.ndim - 2, 1)
        if min(steps) < 1:
            raise call.invalid(f"attribute {name}", got=steps, allowed="at least 1")


def _covered(call: Call, x: Array, windows: Windows) -> Windows:
    """Windows with pads that indices of 32 bits can reach; none before the input's beginning."""
    if min(*windows.before, *windows.after) < 0:
        raise call.invalid("attribute pads", got=(windows.before, windows.after), allowed=">= 0")
    sizes = zip(x.shape[2:], windows.before, windows.after, windows.reach(), strict=True)
    extents = [max(size + front + behind, reach) for size, front, behind, reach in sizes]
    if min(windows.output) < 1 or prod((*x.shape[:2], *extents)) > MAX_ELEMENTS:
        raise call.invalid("the padded input has too many elements", got=extents)
    return windows


def _bias(call: Call, channels: int) -> None:
    bias = call.optional_real(2)
    if bias is not None and bias.shape != (channels,):
        raise call.invalid("shape of the bias", got=bias.shape, allowed=f"({channels},)")


def _conv(call: Call) -> Results:
    x, weight = call.real(0), call.real(1)
    groups = call.integer("group", 1)
    _ranks(call, x, weight.shape[2:])
    if groups < 1 or weight.shape[0] % groups or weight.shape[1] * groups != x.shape[1]:
        raise call.invalid("shape of the weight", got=weight.shape)
    _bias(call, weight.shape[0])
    windows = _covered(call, x, sliding_windows(call, x.shape[2:], weight.shape[2:]))
    return (((x.shape[0], weight.shape[0], *windows.output), DType.FLOAT32),)


def _conv_transpose(call: Call) -> Results:
    x, weight = call.real(0), call.real(1)
    groups = call.integer("group", 1)
    _ranks(call, x, weight.shape[2:])
    if groups < 1 or x.shape[1] % groups or weight.shape[0] != x.shape[1]:
        raise call.invalid("shape of the weight", got=weight.shape)
    channels = weight.shape[1] * groups
    _bias(call, channels)
    windows = transposed_windows(call, x.shape[2:], weight.shape[2:])
    sizes = zip(windows.reach(), windows.before, windows.after, strict=True)
    extents = tuple(reach - front - behind for reach, front, behind in sizes)
    whole = (x.shape[0], channels, *map(max, extents, windows.reach()))
    if min(extents) < 1 or prod(whole) > MAX_ELEMENTS:
        raise call.invalid("extents of the output", got=extents)
    return (((x.shape[0], channels, *extents), DType.FLOAT32),)


def _pool(call: Call) -> Results:
    x = call.array(0) if call.op.op_type == "MaxPool" else call.real(0)
    kernel = call.integers("kernel_shape")
    _ranks(call, x, kernel or ())
    windows = _covered(call, x, sliding_windows(call, x.shape[2:], kernel or ()))
    call.integer("count_include_pad", 0)
    spans = zip(windows.before, windows.after, windows.kernel, windows.dilations, strict=True)
    if any(max(front, behind) > (k - 1) * d for front, behind, k, d in spans):
        raise call.invalid("pads", got=(windows.before, windows.after), allowed="below the kernel")
    return (((*x.shape[:2], *windows.output), DType(x.dtype.name)),)


def _global(call: Call) -> Results:
    x = call.array(0) if call.op.op_type == "GlobalMaxPool" else call.real(0)
    if x.ndim < 3:
        raise call.invalid("rank of the input", got=x.ndim, allowed="at least 3")
    return (((*x.shape[:2], *(1,) * (x.ndim - 2)), DType(x.dtype.name)),)


def _resize(call: Call) -> Results:
    """The axes that are resized have their new extent."""
    gathers = call.text("mode", "nearest", MODES) == "nearest"
    x = call.array(0) if gathers else call.real(0)
    coordinates = call.text("coordinate_transformation_mode", "half_pixel", COORDINATES)
    call.text("nearest_mode", "round_prefer_floor", NEAREST)
    for name in ("cubic_coeff_a", "extrapolation_value"):
        call.number(name, 0.0)
    if call.integer("antialias", 0):
        raise call.invalid("attribute antialias", got=1, allowed="0")
    shape = list(x.shape)
    for axis in resized_axes(call, x.shape, cropped=coordinates == "tf_crop_and_resize"):
        if not axis.scale > 0 or axis.output < 1:
            raise call.invalid("a scale or size", got=(axis.scale, axis.output), allowed="above 0")
        shape[axis.axis] = axis.output
    return ((tuple(shape), DType(x.dtype.name)),)


WINDOWS: Mapping[str, Callable[[Call], Results]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global,
    "GlobalMaxPool": _global,
    "Resize": _resize,
}
"""Rules of this family by ONNX operator name."""
