"""PRelu."""

from __future__ import annotations

import numpy as np

from toolchain.core.graph_view import NodeView
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.wide import lower_unary
from toolchain.program.records import Slope


def lower_prelu(builder: Builder, node: NodeView) -> bool:
    """PRelu with one slope as any function of one element, else with a factor per element."""
    x, value = builder.integers(node.input(0)), node.input(1)
    slope = None if value is None else builder.float_constant(value)
    if x is None or x.constant is not None or slope is None:
        return False
    if slope.size == 1:
        return lower_unary(builder, node)
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    factor = np.float32(x.scale / found.quantized.scale)
    negative = np.asarray(slope.astype(np.float32) * factor)
    builder.add(
        Slope(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(found.quantized, found.shape),),
            x_zero_point=x.zero_point,
            factor=float(factor),
            negative=builder.constant(f"{node.name}/negative", negative),
            zero_point=found.quantized.zero_point,
        )
    )
    return True
