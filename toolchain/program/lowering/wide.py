"""Functions and softmax of elements of more than 8 bits."""

from __future__ import annotations

import numpy as np

from toolchain.core.graph_view import NodeView
from toolchain.numerics import series
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.elementwise import TABLE_OPS, lower_softmax, lower_table
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.records import Function, WideSoftmax

_ONE = 2.0**30


def lower_unary(builder: Builder, node: NodeView) -> bool:
    """Any function of one element: a table on 8 bits, computed for every element on 16."""
    return lower_table(builder, node) or _lower_function(builder, node)


def lower_any_softmax(builder: Builder, node: NodeView) -> bool:
    """Softmax of 8 or 16 bits."""
    return lower_softmax(builder, node) or _lower_wide_softmax(builder, node)


def _lower_function(builder: Builder, node: NodeView) -> bool:
    x, others = _wide(builder, node), node.inputs[1:]
    arrays = [None if v is None else builder.float_constant(v) for v in others]
    computed = any(v is not None and a is None for v, a in zip(others, arrays, strict=True))
    several = any(a is not None and a.size != 1 for a in arrays)
    if x is None or computed or several or node.op_type not in TABLE_OPS or len(node.outputs) != 1:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    builder.add(
        Function(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(found.quantized, found.shape),),
            op_type=node.op_type,
            attributes=dict(node.attributes),
            constants={
                index: builder.constant(f"{node.name}/constant{index}", array.astype(np.float32))
                for index, array in enumerate(arrays, 1)
                if array is not None
            },
        )
    )
    return True


def _lower_wide_softmax(builder: Builder, node: NodeView) -> bool:
    x, shape = _wide(builder, node), node.outputs[0].static_shape
    if x is None or shape is None:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    out, steps = found.quantized, np.arange(256, dtype=np.float64)

    def exponentials(label: str, distances: np.ndarray) -> str:
        real = np.rint(series.exp(distances * -float(x.scale)) * _ONE)
        return builder.constant(f"{node.name}/{label}", real.astype(np.int32))

    builder.add(
        WideSoftmax(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(out, found.shape),),
            axis=node.int_attribute("axis", -1) % len(shape),
            high=exponentials("high", steps * 256.0),
            low=exponentials("low", steps),
            factor=float(np.float32(np.float32(1.0) / out.scale)),
            zero_point=out.zero_point,
        )
    )
    return True


def _wide(builder: Builder, node: NodeView) -> Quantized | None:
    """The 16-bit integers that the node reads first, or None."""
    x = builder.integers(node.input(0))
    wide = x is not None and x.constant is None and x.params.spec.dtype.bits == 16
    return x if wide else None
