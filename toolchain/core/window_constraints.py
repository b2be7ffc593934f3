"""Rules about kernels, strides and padding; each docstring is the rule as the user reads it.

Rules with a number in them are made by a function, which writes the number into the docstring.
Padding by `auto_pad` is resolved before anything runs and is smaller than its kernel.
"""

from __future__ import annotations

from toolchain.core.graph_view import NodeView
from toolchain.core.target import Constraint, Measured, stated


def kernel_of(node: NodeView) -> tuple[int, ...]:
    """Extents of the window: of the weight, of `kernel_shape`, or of the whole input."""
    if node.op_type in ("Conv", "ConvTranspose"):
        weight = node.input(1)
        return () if weight is None else (weight.static_shape or ())[2:]
    if node.op_type.startswith("Global"):
        x = node.input(0)
        return () if x is None else (x.static_shape or ())[2:]
    return node.ints_attribute("kernel_shape")


def strides_of(node: NodeView) -> tuple[int, ...]:
    """Steps of the window, 1 where the node says nothing."""
    return node.ints_attribute("strides", (1,) * len(kernel_of(node)))


def dilations_of(node: NodeView) -> tuple[int, ...]:
    """Distances between the elements of the window, 1 where the node says nothing."""
    return node.ints_attribute("dilations", (1,) * len(kernel_of(node)))


def spatial_axes(*allowed: int) -> Constraint:
    """The window has one of the numbers of spatial axes in `allowed`."""

    def check(node: NodeView) -> Measured:
        rank = len(kernel_of(node))
        return Measured(ok=rank in allowed, value=f"{rank} spatial axes")

    return stated(f"The window has {' or '.join(map(str, allowed))} spatial axes.", check)


def kernel_at_most(limit: int) -> Constraint:
    """No extent of the kernel is larger than `limit`."""

    def check(node: NodeView) -> Measured:
        kernel = kernel_of(node)
        return Measured(ok=max(kernel, default=0) <= limit, value=f"kernel {_by(kernel)}")

    return stated(f"The kernel is at most {limit} wide and high.", check)


def strides_at_most(height: int, width: int) -> Constraint:
    """No stride is larger than `height` and `width`; a single axis counts as width."""

    def check(node: NodeView) -> Measured:
        strides = strides_of(node)
        limits = (width,) if len(strides) == 1 else (height,) * (len(strides) - 1) + (width,)
        ok = all(s <= limit for s, limit in zip(strides, limits, strict=True))
        return Measured(ok=ok, value=f"strides {_by(strides)}")

    return stated(f"The stride is at most {height} in height and {width} in width.", check)


def no_dilation(node: NodeView) -> Measured:
    """The dilation is 1."""
    dilations = dilations_of(node)
    return Measured(ok=all(d == 1 for d in dilations), value=f"dilations {_by(dilations)}")


def padding_within_kernel(node: NodeView) -> Measured:
    """Padding is at most (kernel - 1) * dilation on every side, and never negative."""
    pads, kernel = node.ints_attribute("pads"), kernel_of(node)
    limits = [(k - 1) * d for k, d in zip(kernel, dilations_of(node), strict=True)] * 2
    ok = not pads or all(0 <= p <= limit for p, limit in zip(pads, limits, strict=True))
    return Measured(ok=ok, value=f"pads {_by(pads)}, kernel {_by(kernel)}")


def output_padding_within_pads(node: NodeView) -> Measured:
    """The output padding of a transposed convolution is at most its padding at the end."""
    extra = node.ints_attribute("output_padding")
    ends = node.ints_attribute("pads", (0,) * (2 * len(extra)))[len(extra) :]
    ok = all(e <= p for e, p in zip(extra, ends, strict=False))
    return Measured(ok=ok, value=f"output padding {_by(extra)}, pads at the end {_by(ends)}")


def uniform_average(node: NodeView) -> Measured:
    """All windows of the average pooling hold the same number of elements.

    So that the division is one factor for all of them: there is no padding or it is counted, and
    `ceil_mode` is 0.
    """
    pads, auto = node.ints_attribute("pads"), node.str_attribute("auto_pad", "NOTSET")
    padded = any(pads) or auto not in ("NOTSET", "VALID")
    counted = node.int_attribute("count_include_pad", 0)
    ceil = node.int_attribute("ceil_mode", 0)
    return Measured(
        ok=(counted == 1 or not padded) and ceil == 0,
        value=f"pads {_by(pads)} ({auto}), count_include_pad {counted}, ceil_mode {ceil}",
    )


def _by(numbers: tuple[int, ...]) -> str:
    return "x".join(map(str, numbers)) or "none"
