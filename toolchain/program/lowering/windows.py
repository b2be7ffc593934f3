"""Kernel, strides, padding and dilations of window operators, with ONNX's defaults resolved."""

from __future__ import annotations

from dataclasses import dataclass

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
    strides = node.ints_attribute("strides", (1,) * rank)
    dilations = node.ints_attribute("dilations", (1,) * rank)
    pads = node.ints_attribute("pads", (0,) * (2 * rank))
    x, y = node.inputs[0], node.outputs[0]
    source = None if x is None else x.static_shape
    result = y.static_shape
    if source is None or result is None:
        return None
    auto = node.str_attribute("auto_pad", "NOTSET")
    transposed = node.op_type == "ConvTranspose"
    if auto.startswith("SAME") or (transposed and node.ints_attribute("output_shape")):
        totals = [
            _total(source[i + 2], result[i + 2], kernel[i], strides[i], dilations[i], node)
            for i in range(rank)
        ]
        small = [total // 2 for total in totals]
        large = [total - half for total, half in zip(totals, small, strict=True)]
        upper = auto == "SAME_UPPER"
        begins, ends = (small, large) if upper else (large, small)
        pads = (*begins, *ends)
    elif auto == "VALID":
        pads = (0,) * (2 * rank)
    return Windows(kernel=kernel, strides=strides, pads=pads, dilations=dilations)


def _total(
    source: int, result: int, kernel: int, stride: int, dilation: int, node: NodeView
) -> int:
    """Padding of one axis that makes `source` elements become `result`."""
    extent = (kernel - 1) * dilation + 1
    if node.op_type == "ConvTranspose":
        extra = node.ints_attribute("output_padding")
        return max((source - 1) * stride + extent + (extra[0] if extra else 0) - result, 0)
    return max((result - 1) * stride + extent - source, 0)
