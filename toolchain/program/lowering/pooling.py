"""Pooling operators."""

from __future__ import annotations

from math import prod

from toolchain.core.graph_view import NodeView
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.windows import Windows, pooling_windows
from toolchain.program.records import Pool, PoolKind


def lower_average_pool(builder: Builder, node: NodeView) -> bool:
    """AveragePool and GlobalAveragePool."""
    x, windows = builder.integers(node.input(0)), pooling_windows(node)
    if x is None or windows is None or x.constant is not None:
        return False
    count = _uniform_count(node, windows)
    if builder.factors.exact and count is None:
        return False
    found = integer_output(builder, node, clamps=True)
    if found is None:
        return False
    out = found.quantized
    builder.add(
        Pool(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(out, found.shape),),
            kind=PoolKind.AVERAGE,
            kernel=windows.kernel,
            strides=windows.strides,
            pads=windows.pads,
            dilations=windows.dilations,
            count_include_pad=node.int_attribute("count_include_pad", 0) == 1,
            x_zero_point=x.zero_point,
            factor=float(
                builder.factors.average(x.scale, out.scale, windows.kernel, count)
                if builder.factors.exact and count is not None
                else builder.factors.ratio(x.scale, out.scale)
            ),
            zero_point=out.zero_point,
            low=found.low,
            high=found.high,
        )
    )
    return True


def _uniform_count(node: NodeView, windows: Windows) -> int | None:
    """Elements that every window divides by, or None where windows differ in it."""
    whole = node.int_attribute("ceil_mode", 0) == 0
    padded = any(windows.pads) and node.int_attribute("count_include_pad", 0) == 0
    return prod(windows.kernel) if whole and not padded else None


def lower_max_pool(builder: Builder, node: NodeView) -> bool:
    """MaxPool and GlobalMaxPool; a result in other parameters is rescaled behind the pooling."""
    x, windows = builder.integers(node.input(0)), pooling_windows(node)
    used = [value for value in node.outputs if value.name]
    if x is None or windows is None or x.constant is not None or len(used) != 1:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    out = found.quantized
    same = x.params.same_numbers(out.params)
    result = (
        builder.integer_tensor(out, found.shape)
        if same
        else builder.integer_tensor(x, found.shape, name=f"{node.name}/moved")
    )
    spec = x.params.spec
    builder.add(
        Pool(
            name=node.name,
            inputs=(x.name,),
            outputs=(result,),
            kind=PoolKind.MAX,
            kernel=windows.kernel,
            strides=windows.strides,
            pads=windows.pads,
            dilations=windows.dilations,
            count_include_pad=False,
            x_zero_point=x.zero_point,
            factor=1.0,
            zero_point=x.zero_point,
            low=spec.qmin,
            high=spec.qmax,
        )
    )
    if not same:
        builder.rescale_tensor(f"{node.name}/rescale", x, result, out, found.shape)
    return True
