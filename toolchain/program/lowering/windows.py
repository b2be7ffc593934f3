"""Kernel, strides, padding and dilations of window operators, with ONNX's defaults resolved."""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolchain.core.graph_view import NodeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """One entry per spatial axis; pads are all begins, then all ends."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]


def convolution_windows(node: NodeView) -> Windows | None:
    """Windows of Conv and ConvTranspose; None where a shape is unknown."""
    weight = node.input(1)
    shape = None if weight is None else weight.static_shape
    return None if shape is None else _resolve(node, shape[2:])


def pooling_windows(node: NodeView) -> Windows | None:
    """Windows of AveragePool, MaxPool and their global forms; None where a shape is unknown."""
    x = node.inputs[0]
    shape = None if x is None else x.static_shape
    if shape is None:
        return None
    if node.op_type.startswith("Global"):
        rank = len(shape) - 2
        ones, zeros = (1,) * rank, (0,) * (2 * rank)
        return Windows(kernel=shape[2:], strides=ones, pads=zeros, dilations=ones)
    return _resolve(node, node.ints_attribute("kernel_shape"))


def _resolve(node: NodeView, kernel: tuple[int, ...]) -> Windows | None:
    rank = len(kernel)
    ones, zeros = (1,) * rank, (0,) * (2 * rank)
    plain = Windows(
        kernel=kernel,
        strides=node.ints_attribute("strides", ones),
        pads=node.ints_attribute("pads", zeros),
        dilations=node.ints_attribute("dilations", ones),
    )
    auto = node.str_attribute("auto_pad", "NOTSET")
    sized = node.op_type == "ConvTranspose" and bool(node.ints_attribute("output_shape"))
    if auto == "VALID":
        return replace(plain, pads=zeros)
    if not auto.startswith("SAME") and not sized:
        return plain
    totals = _totals(node, plain)
    if totals is None:
        return None
    small = tuple(total // 2 for total in totals)
    large = tuple(total - half for total, half in zip(totals, small, strict=True))
    return replace(plain, pads=small + large if auto == "SAME_UPPER" else large + small)


def _totals(node: NodeView, windows: Windows) -> tuple[int, ...] | None:
    """Padding of every axis, begin and end together, that leads to the extents of the result."""
    x, y = node.inputs[0], node.outputs[0]
    if x is None or x.static_shape is None or y.static_shape is None:
        return None
    many, few = x.static_shape[2:], y.static_shape[2:]
    if node.op_type == "ConvTranspose":
        extra = node.ints_attribute("output_padding", (0,) * len(many))
        many, few = tuple(r - e for r, e in zip(few, extra, strict=True)), many
    return tuple(
        max((few[i] - 1) * windows.strides[i] + (k - 1) * windows.dilations[i] + 1 - many[i], 0)
        for i, k in enumerate(windows.kernel)
    )
