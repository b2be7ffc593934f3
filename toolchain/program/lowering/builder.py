"""The program under construction, and what the lowering of every operator needs to know."""

from __future__ import annotations

import numpy as np

from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import QUANTIZE
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, CompileError
from toolchain.numerics.affine import dequantize, quantize
from toolchain.program.lowering.factors import Factors
from toolchain.program.lowering.quantized import (
    Quantized,
    dequantized_values,
    quantized_output,
)
from toolchain.program.records import (
    Dequantize,
    Operation,
    Program,
    Rescale,
    Table,
    Tensor,
)
from toolchain.quantization.qdq import float_nodes


class Builder:
    """Collects tensors, constants and operations of one program."""

    def __init__(self, graph: GraphView, target: TargetSpec) -> None:
        self.graph = graph
        self.target = target
        self.factors = Factors(target)
        self.dequantized = dequantized_values(graph, target.rounding)
        self.float_nodes = float_nodes(graph)
        self.done: set[str] = set()
        self._tensors: dict[str, Tensor] = {}
        self._constants: dict[str, Array] = {}
        self._operations: list[Operation] = []

    def program(self, name: str) -> Program:
        """The finished program."""
        return Program(
            name=name,
            rounding=self.target.rounding,
            requantization=self.target.requantization,
            wide_accumulator=self.target.wide_accumulator,
            inputs=tuple(value.name for value in self.graph.inputs),
            outputs=tuple(value.name for value in self.graph.outputs),
            tensors=self._tensors,
            constants=self._constants,
            operations=tuple(self._operations),
        )

    def add(self, operation: Operation) -> None:
        """Append an operation."""
        self._operations.append(operation)

    def constant(self, name: str, array: Array) -> str:
        """Register a constant under a unique name, which is returned."""
        unique, number = name, 1
        while unique in self._constants and not _same(self._constants[unique], array):
            unique, number = f"{name}.{number}", number + 1
        if unique not in self._constants:
            self._constants[unique] = np.array(array, order="C")
        return unique

    def float_tensor(self, value: ValueView) -> str:
        """Register a tensor that is not quantized (float, or indices and shapes)."""
        shape = value.static_shape
        if shape is None:
            raise CompileError(
                Code.LOWERING_FAILED,
                "A tensor has no static shape",
                where=value.name,
                got=value.shape,
                hint="give all dimensions of the model inputs by `[[input]] shape`",
            )
        dtype = value.dtype or DType.FLOAT32
        self._tensors.setdefault(value.name, Tensor(name=value.name, dtype=dtype, shape=shape))
        return value.name

    def input_tensor(self, value: ValueView) -> str:
        """Register a program input; one that is integers has the numbers it is dequantized with."""
        found = next((q for q in self.dequantized.values() if q.name == value.name), None)
        if found is None or value.static_shape is None:
            return self.float_tensor(value)
        return self.integer_tensor(found, value.static_shape)

    def integer_tensor(self, found: Quantized, shape: tuple[int, ...], name: str = "") -> str:
        """Register the tensor that holds the integers of `found`.

        Raises CompileError where it is known with another scale or zero point: a tensor has one
        meaning.
        """
        label = name or found.name
        tensor = Tensor(
            name=label,
            dtype=found.params.spec.dtype,
            shape=shape,
            scale=float(found.scale),
            zero_point=found.zero_point,
        )
        known = self._tensors.setdefault(label, tensor)
        if (known.scale, known.zero_point) != (tensor.scale, tensor.zero_point):
            raise CompileError(
                Code.QDQ_INVALID,
                "A tensor is dequantized in another way than it was quantized, or in two ways",
                where=label,
                got=f"scale {tensor.scale}, zero point {tensor.zero_point}",
                allowed=f"scale {known.scale}, zero point {known.zero_point}",
            )
        return label

    def integers(self, value: ValueView | None) -> Quantized | None:
        """The integers that a node reads through DequantizeLinear, or None where it reads float."""
        return None if value is None else self.dequantized.get(value.name)

    def read_float(self, value: ValueView) -> str:
        """A float tensor of `value`: itself, or its integers dequantized (once)."""
        found = self.dequantized.get(value.name)
        if found is None:
            return self.float_tensor(value)
        if value.name not in self._tensors:
            if found.constant is not None:
                raise CompileError(
                    Code.LOWERING_FAILED,
                    "A quantized constant is read as a tensor",
                    where=value.name,
                )
            self.float_tensor(value)
            self.integer_tensor(found, self._tensors[value.name].shape)
            self.add(
                Dequantize(
                    name=f"{value.name}/dequantize", inputs=(found.name,), outputs=(value.name,)
                )
            )
        return value.name

    def float_constant(self, value: ValueView) -> Array | None:
        """The float array of an initializer, or of a quantized initializer dequantized."""
        found = self.dequantized.get(value.name)
        if found is not None and found.constant is not None:
            return dequantize(found.constant, found.params)
        return value.constant

    def sole_quantizer(self, value: str) -> NodeView | None:
        """The one QuantizeLinear that is the only reader of `value`, or None."""
        uses = self.graph.uses(value)
        if value in self.graph.output_names or len(uses) != 1:
            return None
        node = uses[0].node
        return node if node.op_type == QUANTIZE and uses[0].position == 0 else None

    def quantized_by(self, node: NodeView) -> Quantized:
        """What a QuantizeLinear writes; the node counts as lowered from now on."""
        self.done.add(node.name)
        return quantized_output(node, self.target.rounding)

    def rescale_tensor(
        self,
        name: str,
        source: Quantized,
        tensor: str,
        result: Quantized,
        shape: tuple[int, ...],
        output: str = "",
    ) -> None:
        """`tensor`, integers in `source`'s parameters, into integers of `result`.

        A table for 8 bits, else a multiplier. Writes the tensor `output`, or `result`'s own.
        """
        inputs, outputs = (tensor,), (self.integer_tensor(result, shape, name=output),)
        if source.params.spec.dtype.bits == 8:
            table = quantize(dequantize(all_codes(source), source.params), result.params)
            constant = self.constant(f"{name}/table", table)
            self.add(Table(name=name, inputs=inputs, outputs=outputs, table=constant))
            return
        self.add(
            Rescale(
                name=name,
                inputs=inputs,
                outputs=outputs,
                x_zero_point=source.zero_point,
                factor=float(self.factors.ratio(source.scale, result.scale)),
                zero_point=result.zero_point,
            )
        )


def all_codes(found: Quantized) -> Array:
    """Every integer of an 8-bit type, smallest first."""
    dtype = found.params.spec.dtype
    return np.arange(dtype.qmin, dtype.qmax + 1).astype(dtype.numpy)


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b))
