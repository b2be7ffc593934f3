"""Parameters that a QDQ graph holds, tensor by tensor and node by node, for targets to write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import DEQUANTIZE, QUANTIZE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredTensor:
    """One tensor that is stored as integers.

    Attributes:
        name: The value whose integers they are, as the float model calls it.
        dtype: Type of the integers.
        scale: float32, (1,) per tensor or (channels,) per channel.
        zero_point: int64, the shape of `scale`.
        axis: Axis of the channels, None per tensor.
        is_constant: True for weights, biases and other initializers.
    """

    name: str
    dtype: DType
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int | None
    is_constant: bool

    @property
    def positions(self) -> tuple[int | None, ...]:
        """The position p of every scale that is 2**-p, None of one that is no power of two."""
        significand, exponent = np.frexp(self.scale)
        return tuple(
            1 - int(power) if half == 0.5 else None
            for half, power in zip(significand, exponent, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeTensors:
    """A node that is neither Q nor DQ, with the stored tensors at its ports.

    Attributes:
        node: The node.
        inputs: What every input reads, None where it is float or left out.
        outputs: What every output is stored in, None where it stays float.
    """

    node: NodeView
    inputs: tuple[StoredTensor | None, ...]
    outputs: tuple[StoredTensor | None, ...]


class StoredTensors:
    """All parameters of one QDQ graph."""

    def __init__(self, graph: GraphView) -> None:
        self._graph = graph

    @cached_property
    def by_integers(self) -> dict[str, StoredTensor]:
        """The stored tensors, by the name of the value that holds the integers, in graph order."""
        found: dict[str, StoredTensor] = {}
        for node in self._graph.nodes:
            if node.op_type in (QUANTIZE, DEQUANTIZE):
                value = node.outputs[0] if node.op_type == QUANTIZE else node.inputs[0]
                if value is not None and value.name not in found:
                    found[value.name] = _stored(node, value)
        return found

    @property
    def tensors(self) -> tuple[StoredTensor, ...]:
        """All stored tensors in graph order."""
        return tuple(self.by_integers.values())

    @cached_property
    def nodes(self) -> tuple[NodeTensors, ...]:
        """All nodes that are neither Q nor DQ, in graph order."""
        return tuple(
            NodeTensors(
                node=node,
                inputs=tuple(self._read(value) for value in node.inputs),
                outputs=tuple(self._written(value) for value in node.outputs),
            )
            for node in self._graph.nodes
            if node.op_type not in (QUANTIZE, DEQUANTIZE)
        )

    def _read(self, value: ValueView | None) -> StoredTensor | None:
        producer = None if value is None else self._graph.producers.get(value.name)
        if producer is None or producer.op_type != DEQUANTIZE or producer.inputs[0] is None:
            return None
        return self.by_integers[producer.inputs[0].name]

    def _written(self, value: ValueView) -> StoredTensor | None:
        for use in self._graph.uses(value.name):
            if use.node.op_type == QUANTIZE:
                return self.by_integers[use.node.outputs[0].name]
        return None


def _stored(node: NodeView, value: ValueView) -> StoredTensor:
    scale, point = node.constant_input(1), node.constant_input(2)
    scales = np.atleast_1d(np.asarray(1.0 if scale is None else scale, np.float32))
    points = np.zeros(scales.shape) if point is None else np.atleast_1d(point)
    per_channel = scale is not None and scale.ndim == 1
    axis = node.int_attribute("axis", 1) % max(len(value.shape or ()), 1)
    return StoredTensor(
        name=value.name.removesuffix("/quantized"),
        dtype=value.dtype or DType.INT8,
        scale=scales,
        zero_point=points.astype(np.int64),
        axis=axis if per_channel else None,
        is_constant=value.is_constant,
    )
