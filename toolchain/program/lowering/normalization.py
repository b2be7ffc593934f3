"""Normalizing operators; scale and bias stay float32 numbers per element or channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import NodeView
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.records import Normalize

_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What is normalized together.

    Attributes:
        length: Neighbouring elements that have one mean.
        spatial: Axes behind that of the channels where scale and bias are per channel, else 0.
    """

    length: int
    spatial: int


def lower_normalization(builder: Builder, node: NodeView) -> bool:
    """Layer, instance, group and RMS normalization; False where scale or bias are computed."""
    x, form = builder.integers(node.input(0)), _form(node)
    if x is None or x.constant is not None or form is None or not _fits(x, form.length):
        return False
    constants = [None if v is None else builder.float_constant(v) for v in node.inputs[1:3]]
    if any(v is not None and a is None for v, a in zip(node.inputs[1:3], constants, strict=True)):
        return False
    gain, offset = (*constants, None)[:2]
    found = integer_output(builder, node, clamps=False)
    if found is None or gain is None:
        return False
    out = found.quantized

    def steps(label: str, array: Array) -> str:
        numbers = np.asarray(array.astype(np.float32) / out.scale)
        trailing = (1,) * form.spatial
        return builder.constant(f"{node.name}/{label}", numbers.reshape(*numbers.shape, *trailing))

    builder.add(
        Normalize(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(out, found.shape),),
            length=form.length,
            centred=node.op_type != "RMSNormalization",
            x_zero_point=x.zero_point,
            epsilon=_epsilon(node, x, form.length),
            gain=steps("gain", gain),
            offset=None if offset is None else steps("offset", offset),
            zero_point=out.zero_point,
        )
    )
    return True


def _form(node: NodeView) -> _Form | None:
    """How the operator groups elements; None where a shape or a further output is in the way."""
    x = node.input(0)
    shape = None if x is None else x.static_shape
    if shape is None or len(node.outputs) != 1:
        return None
    if node.op_type in ("LayerNormalization", "RMSNormalization"):
        axis = node.int_attribute("axis", -1) % len(shape)
        return _Form(length=prod(shape[axis:]), spatial=0)
    groups = node.int_attribute("num_groups", 1) if node.op_type == "GroupNormalization" else None
    channels = 1 if groups is None else shape[1] // groups
    return _Form(length=channels * prod(shape[2:]), spatial=len(shape) - 2)


def _epsilon(node: NodeView, x: Quantized, length: int) -> float:
    """The operator's epsilon in squares of the steps that `Normalize` sums."""
    epsilon = float(np.float32(node.float_attribute("epsilon", 1e-5)))
    return epsilon * float(length) ** 2 / float(x.scale) ** 2


def _fits(x: Quantized, length: int) -> bool:
    """True if no variance can exceed int64."""
    spec = x.params.spec
    largest = max(x.zero_point - spec.qmin, spec.qmax - x.zero_point)
    return x.per_tensor and spec.dtype.bits <= 16 and (length * largest) ** 2 <= _INT64_MAX
