"""Models that bring quantization along: their Q/DQ pairs become parameters beside a float model.

A pair behind an activation `v` goes: whoever read the dequantized value reads `v` again, and the
parameters are recorded for `v`. A dequantized constant becomes the float constant that it stands
for. What is no such pair (an integer graph input behind DequantizeLinear, QLinear operators,
computed scales) is left as it is.

Quantizers leave out a Relu or Clip whose bounds are those of the quantized range: the pair is the
activation. Where a range begins or ends at 0 behind an operator whose results have both signs, a
Clip takes the place of the pair, so that the float model still has its activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import Array, DType
from toolchain.core.operators import DEQUANTIZE, QUANTIZE
from toolchain.core.quant import (
    Granularity,
    PerBlock,
    PerChannel,
    PerTensor,
    QuantParams,
    QuantSpec,
)
from toolchain.errors import Code, ModelError, Problem
from toolchain.graph.attributes import int_of
from toolchain.graph.edit import (
    absorb,
    add_initializer,
    bypass,
    insert_node,
    remove_unread,
    rewrite,
)
from toolchain.graph.save import read, save_model
from toolchain.graph.tensors import constant_of, dtype_of, rank_of, static_shape
from toolchain.numerics.affine import dequantize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import onnx_ir as ir

_FLOAT_SUFFIX = "/float"
"""What `toolchain.graph.qdq` puts behind the name of a value in front of its Q."""
_BOTH_SIGNS = frozenset({"Add", "Conv", "ConvTranspose", "Gemm", "MatMul", "Mul", "Sub"})
"""Operators whose results are negative and positive, unless an activation follows."""
_INTEGER_SUFFIXES = ("/quantized", "_quantized")
"""How integer constants are called behind the name of what they stand for."""


def absorb_qdq(source: Path, destination: Path) -> Mapping[str, QuantParams]:
    """Write the model of `source` without its Q/DQ pairs; parameters by the values they hold for.

    Names of graph inputs and outputs stay. A value that is quantized twice in different ways gets
    an Identity, so that both parameters have a value of their own. Biases (int32 constants) become
    float and are not recorded: their scale follows from input and weight. Metadata under `tc.` is
    dropped, because it speaks of the quantized form.

    Raises:
        ModelError: Activations with more than one scale, blocks that do not fit their tensor,
            scales that are not finite and positive, zero points that do not fit; all of them.
    """
    model = read(source)
    model.graph.sort()
    absorber = _Absorber(model)
    for node in list(model.graph):
        if node.domain in ("", "ai.onnx") and node.graph is not None:
            absorber.visit(node)
    if absorber.problems:
        raise ModelError.of(absorber.problems)
    for key in [key for key in model.metadata_props if key.startswith("tc.")]:
        del model.metadata_props[key]
    save_model(model, destination)
    return {value.name or "": params for value, params in absorber.fixed.items()}


class _Absorber:
    """Takes the pairs out of one model, node by node in topological order."""

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._constants: dict[tuple[str, bytes, bytes], ir.Value] = {}
        self.fixed: dict[ir.Value, QuantParams] = {}
        self.problems: list[Problem] = []

    def visit(self, node: ir.Node) -> None:
        """Absorb `node` and what belongs to it, if it is part of a pair."""
        if node.op_type == DEQUANTIZE:
            integers = constant_of(node.inputs[0])
            params = None if integers is None else self._params(node)
            if integers is not None and params is not None:
                self._absorb_constant(node, integers, params)
        elif node.op_type == QUANTIZE:
            readers = self._dequantizers(node)
            params = self._params(node) if readers else None
            if params is not None and all(_same(params, self._params(r)) for r in readers):
                self._absorb_pair(node, readers, params)

    def _absorb_constant(self, node: ir.Node, integers: Array, params: QuantParams) -> None:
        """Replace a dequantized constant by a float one; equal ones are shared."""
        source, output = node.inputs[0], node.outputs[0]
        if source is None or source.name is None or output.is_graph_output():
            return
        key = (source.name, params.scale.tobytes(), params.zero_point.tobytes())
        if key not in self._constants:
            name, output.name = _float_name(source.name, output.name), None
            self._constants[key] = add_initializer(self._model, name, dequantize(integers, params))
            if params.spec.dtype is not DType.INT32:
                self.fixed[self._constants[key]] = params
        output.replace_all_uses_with(self._constants[key])
        remove_unread([output])

    def _absorb_pair(self, node: ir.Node, readers: list[ir.Node], params: QuantParams) -> None:
        """Let the value in front of Q stand for what was dequantized behind it."""
        value = node.inputs[0]
        if value is None:
            return
        whole = isinstance(params.spec.granularity, PerTensor)
        if not whole and constant_of(value) is None:
            self._report(node, "An activation has more than one scale", params.scale.shape)
            return
        known = self.fixed.get(value)
        if known is not None and not known.same_numbers(params):
            first, *readers = readers
            rewrite(first, "Identity", [value])
            value = first.outputs[0]
        elif known is None and not _is_own_form(value, readers[0].outputs[0]):
            value = self._clamped(node, value, params)
        self.fixed[value] = params
        for reader in readers:
            if _is_own_form(value, reader.outputs[0]):
                absorb(reader, value)
            elif not bypass(reader, value):
                rewrite(reader, "Identity", [value])

    def _clamped(self, node: ir.Node, value: ir.Value, params: QuantParams) -> ir.Value:
        """`value`, behind a Clip where Q was its activation."""
        producer, name = value.producer(), value.name
        low, high = _bounds(params)
        plain = producer is None or producer.op_type not in _BOTH_SIGNS or value.is_graph_output()
        if plain or name is None or (low < 0 < high) or self._keeps_sign(producer):
            return value
        value.name = f"{name}/unclamped"
        bounds = [
            add_initializer(self._model, f"{name}/{label}", np.array(bound, np.float32))
            for label, bound in (("low", low), ("high", high))
        ]
        clamped = insert_node(node, "Clip", [value, *bounds], name, f"{node.name}/clamp")
        clamped.shape, clamped.type = value.shape, value.type
        return clamped

    def _keeps_sign(self, producer: ir.Node | None) -> bool:
        """True for sums and products of values that are never negative."""
        if producer is None or producer.op_type not in ("Add", "Mul"):
            return False
        read = [self.fixed.get(item) for item in producer.inputs if item is not None]
        return all(found is not None and _bounds(found)[0] == 0 for found in read)

    def _dequantizers(self, node: ir.Node) -> list[ir.Node]:
        """The DequantizeLinear nodes behind `node`; none where anything else reads it too."""
        output = node.outputs[0]
        readers = [use.node for use in output.uses() if use.idx == 0]
        whole = len(readers) == len(output.uses()) and not output.is_graph_output()
        return readers if whole and all(r.op_type == DEQUANTIZE for r in readers) else []

    def _params(self, node: ir.Node) -> QuantParams | None:
        """The numbers of a Q or DQ node; None where they are computed or no integers are meant."""
        scale, point = (
            constant_of(node.inputs[i]) if i < len(node.inputs) else None for i in (1, 2)
        )
        dtype = _stored_type(node, point)
        computed = len(node.inputs) > 2 and node.inputs[2] is not None and point is None
        if scale is None or scale.dtype != np.float32 or computed or not dtype.is_integer:
            return None
        points = np.zeros(scale.shape, np.int32) if point is None else point.astype(np.int32)
        if _scales_misfit(node, scale):
            self._report(node, "Scales and blocks do not fit the tensor", scale.shape)
        elif _mixes_types(node):
            self._report(node, "Zero point and integers differ in type", dtype)
        elif not np.all(np.isfinite(scale) & (scale > 0)):
            self._report(node, "A scale is not finite and positive", scale.min())
        elif points.size != scale.size:
            self._report(node, "Scale and zero point differ in shape", (scale.shape, points.shape))
        else:
            return _as_params(node, scale, points, dtype)
        return None

    def _report(self, node: ir.Node, message: str, got: object) -> None:
        self.problems.append(
            Problem(
                code=Code.QDQ_INVALID,
                message=message,
                where=node.name,
                got=str(got),
                allowed="activations per tensor, constants per tensor, channel or block",
                hint="export the model with that quantization, or in float",
            )
        )


def _bounds(params: QuantParams) -> tuple[float, float]:
    """Smallest and largest real value of one quantized tensor."""
    spec, scale, point = params.spec, params.scale.max(), params.zero_point
    return float((spec.qmin - point.max()) * scale), float((spec.qmax - point.min()) * scale)


def _as_params(node: ir.Node, scale: Array, points: Array, dtype: DType) -> QuantParams:
    middle = 0 if dtype.signed else (dtype.qmax + 1) // 2
    granularity = _granularity(node, scale)
    shape = () if isinstance(granularity, PerTensor) else scale.shape
    spec = QuantSpec(dtype=dtype, symmetric=bool(np.all(points == middle)), granularity=granularity)
    return QuantParams(scale=scale.reshape(shape), zero_point=points.reshape(shape), spec=spec)


def _granularity(node: ir.Node, scale: Array) -> Granularity:
    size, axis = int_of(node, "block_size", 0), int_of(node, "axis", 1)
    axis += (rank_of(node.inputs[0]) or 0) if axis < 0 else 0
    if size:
        return PerBlock(axis, size)
    return PerTensor() if scale.size == 1 else PerChannel(axis)


def _scales_misfit(node: ir.Node, scale: Array) -> bool:
    """True unless there is one scale, one per channel, or one per `block_size` elements."""
    granularity, shape = _granularity(node, scale), static_shape(node.inputs[0])
    if isinstance(granularity, PerTensor) or shape is None:
        return scale.ndim > 1
    if isinstance(granularity, PerChannel):
        axis = granularity.axis
        return not 0 <= axis < len(shape) or scale.shape != (shape[axis],)
    axis, size = granularity.axis, granularity.size
    blocks = tuple(-(-dim // size) if index == axis else dim for index, dim in enumerate(shape))
    return not 0 <= axis < len(shape) or scale.shape != blocks


def _mixes_types(node: ir.Node) -> bool:
    """True where a DequantizeLinear reads integers of another type than its zero point."""
    if node.op_type != DEQUANTIZE or len(node.inputs) < 3:
        return False
    types = {value.dtype for value in (node.inputs[0], node.inputs[2]) if value is not None}
    return len(types - {None}) > 1


def _stored_type(node: ir.Node, point: Array | None) -> DType:
    """The integer type of a Q or DQ node; FLOAT32 where it stores something else."""
    value = node.inputs[0] if node.op_type == DEQUANTIZE else node.outputs[0]
    zero_point = node.inputs[2] if len(node.inputs) > 2 else None
    for known in (zero_point, value):
        if known is not None and known.dtype is not None:
            return dtype_of(known.dtype) or DType.FLOAT32
    return DType.UINT8 if point is None else DType(str(point.dtype))


def _same(params: QuantParams, other: QuantParams | None) -> bool:
    return other is not None and params.same_numbers(other)


def _is_own_form(value: ir.Value, output: ir.Value) -> bool:
    """True where `toolchain.graph.qdq` renamed `value` to make room for `output`."""
    return value.name == f"{output.name}{_FLOAT_SUFFIX}"


def _float_name(integers: str, output: str | None) -> str:
    for suffix in _INTEGER_SUFFIXES:
        if integers.endswith(suffix):
            return integers.removesuffix(suffix)
    return output or integers
