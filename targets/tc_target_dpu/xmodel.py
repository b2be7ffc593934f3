"""An integer program as a graph of XIR with fixed-point operators, for the vendor's tools.

XIR has channels last: so have tensors of 4 axes here, model inputs and outputs among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2
from typing import TYPE_CHECKING

import numpy as np

from tc_target_dpu.xir import (
    Attribute,
    Attributes,
    Kind,
    XirGraph,
    XirOperator,
    XirSubgraph,
    XirTensor,
)
from tc_target_dpu.xmodel_tensors import (
    CHANNELS_LAST,
    ROUNDS,
    NoOperatorError,
    called,
    fixed_fields,
    nonlinear,
    position_fields,
    position_of,
    refused,
    slice_fields,
    softmax_fields,
    xir_tensor,
)
from toolchain.accelerator.container.records import HostSegment, Segment
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Conv,
    Dequantize,
    FloatOp,
    MatMul,
    Move,
    MoveKind,
    Operation,
    Pool,
    PoolKind,
    Program,
    Quantize,
    Requantize,
    Table,
    Tensor,
)

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

_ACTIVATIONS = {"HardSigmoid": "HSIGMOID", "HardSwish": "HSWISH"}
_FLOAT = frozenset({"Softmax", "Sigmoid", "Tanh", "Relu"})
"""Float operators that XIR has under the same name, in small letters."""


def xir_graph(
    program: Program,
    segments: Sequence[Segment],
    name: str,
    *,
    biases: Mapping[str, int],
    kinds: Mapping[str, str],
) -> XirGraph:
    """The graph, a subgraph for every segment.

    Args:
        program: A program of int8 tensors whose scales are powers of two.
        segments: Its segments, in order.
        name: Name of the model.
        biases: Position of the bias of convolutions and matrix products, by operation.
        kinds: The ONNX operator that an operation comes from, by name.

    Raises:
        NoOperatorError: There is no operator for an operation.
    """
    builder = _Builder(program, biases, kinds)
    operations = {op.name: op for op in program.operations}
    subgraphs = [_subgraph("USER", builder.inputs())]
    for segment in segments:
        host = isinstance(segment, HostSegment)
        names = segment.reasons if isinstance(segment, HostSegment) else segment.code.operations
        made = [each for n in names for each in builder.operators(operations[n])]
        if made:
            subgraphs.append(_subgraph("CPU" if host else "DPU", made))
    return XirGraph(name=name, operators=tuple(builder.made), subgraphs=tuple(subgraphs))


def _subgraph(device: str, operators: Sequence[XirOperator]) -> XirSubgraph:
    """Named after the first operator that computes."""
    first = next(each for each in operators if each.type != "const-fix")
    return XirSubgraph(
        name=f"subgraph_{first.name}",
        device=device,
        operators=tuple(each.name for each in operators),
    )


@dataclass(slots=True)
class _Builder:
    """Makes operators, and knows which one computes a tensor."""

    program: Program
    biases: Mapping[str, int]
    kinds: Mapping[str, str]
    made: list[XirOperator] = field(default_factory=list)
    computed: dict[str, str] = field(default_factory=dict)

    def inputs(self) -> list[XirOperator]:
        """What the user hands in."""
        return [self._data(self.program.tensors[name]) for name in self.program.inputs]

    def operators(self, op: Operation) -> list[XirOperator]:
        """Operators of an operation, constants among them; each after what it reads."""
        before = len(self.made)
        match op:
            case Quantize() | Dequantize():
                self._conversion(op)
            case Conv():
                self._convolution(op)
            case MatMul():
                self._product(op)
            case Binary(kind=BinaryKind.ADD | BinaryKind.MUL):
                self._element(op)
            case Table():
                self._function(op)
            case Pool():
                self._pool(op)
            case Move():
                self._move(op)
            case FloatOp() if op.op_type in _FLOAT:
                self._plain(op, op.op_type.lower(), softmax_fields(op, self._out(op)))
            case _:
                raise refused(op, f"XIR has no operator for {called(op)}")
        return self.made[before:]

    def _data(self, tensor: Tensor) -> XirOperator:
        made = xir_tensor(tensor)
        attributes: dict[str, Attribute] = {
            "shape": made.shape,
            "data_type": f"{made.kind.name}{made.bits}",
        }
        self.computed[tensor.name] = tensor.name
        return self._add(tensor.name, "data", made, attributes)

    def _conversion(self, op: Quantize | Dequantize) -> None:
        into = isinstance(op, Quantize)
        stored = self.program.tensors[op.outputs[0] if into else op.inputs[0]]
        rounding = op.rounding if isinstance(op, Quantize) else self.program.rounding
        fixed = fixed_fields(stored, ROUNDS[rounding])
        self._plain(op, "float2fix" if into else "fix2float", fixed)

    def _convolution(self, op: Conv) -> None:
        weight = self.program.constants[op.weight]
        if weight.ndim != 4:
            raise refused(op, "it has not two spatial axes")
        depthwise = op.groups == weight.shape[0] > 1
        rows = weight.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
        top, left, bottom, right = op.pads
        window: dict[str, Attribute] = {
            "kernel": weight.shape[:1:-1],
            "stride": op.strides[::-1],
            "dilation": op.dilations[::-1],
            "pad": (left, right, top, bottom),
        }
        kind = "depthwise-conv2d-fix" if depthwise else "conv2d-fix"
        read = self._read(op.inputs[0])
        self._products(op, kind, rows, window, read, xir_tensor(self._out(op)))

    def _product(self, op: MatMul) -> None:
        """A convolution of 1 x 1 on rows, which are pixels of one column."""
        if op.b is None or len(self._out(op).shape) != 2:
            raise refused(op, "it is no product of rows and a constant matrix")
        matrix = self.program.constants[op.b]
        source, out = self.program.tensors[op.inputs[0]], xir_tensor(self._out(op))
        rows, depth = source.shape
        pixels = self._reshape(f"{op.name}/pixels", self._read(source.name), source, (rows, 1, 1))
        one: dict[str, Attribute] = {
            "kernel": (1, 1), "stride": (1, 1), "dilation": (1, 1), "pad": (0, 0, 0, 0)
        }  # fmt: skip
        wide = XirTensor(
            name=f"{out.name}/pixels",
            shape=(rows, 1, 1, out.shape[1]),
            kind=out.kind,
            bits=out.bits,
            attributes=out.attributes,
        )
        weights = matrix.T.reshape(-1, 1, 1, depth)
        self._products(op, "conv2d-fix", weights, one, pixels, wide)
        made = self._add(
            f"{op.name}/rows", "reshape-fix", out, {"shape": out.shape}, {"input": (op.name,)}
        )
        self.computed[out.name] = made.name

    def _products(
        self,
        op: Conv | MatMul,
        kind: str,
        weights: Array,
        window: Mapping[str, Attribute],
        read: str,
        out: XirTensor,
    ) -> None:
        """The operator of a convolution, with its constants."""
        if not isinstance(op.finish, Requantize):
            raise refused(op, "it ends in float")
        factor = float(self.program.constants[op.finish.factor])
        cut = round(-log2(factor)) - op.finish.guard_bits
        source, target = self.program.tensors[op.inputs[0]], self._out(op)
        position = cut - position_of(source) + position_of(target)
        arguments = {"input": (read,)}
        arguments["weights"] = (self._constant(f"{op.name}/weights", weights, position),)
        attributes = {**window, "nonlinear": nonlinear(op.finish, target), "shift_cut": cut}
        if op.bias is not None:
            own = self.biases[op.name]
            shift = position_of(source) + position - own
            bias = self.program.constants[op.bias] / 2.0 ** (shift + op.finish.guard_bits)
            arguments["bias"] = (self._constant(f"{op.name}/bias", bias, own),)
            attributes["shift_bias"] = shift
        self._add(op.name, kind, out, attributes, arguments)
        self.computed[op.outputs[0]] = op.name

    def _function(self, op: Table) -> None:
        """A function becomes the activation of the convolution that it follows.

        That is exact for those that read the rounded result, as the hard sigmoid does: of position
        `into`, by 2731 / 2**14, and for HardSwish as int8 of position 7 times what it is of.
        """
        at = next((n for n, x in enumerate(self.made) if x.name == self._read(op.inputs[0])), None)
        readers = sum(each.inputs.count(op.inputs[0]) for each in self.program.operations)
        kind = self.kinds.get(op.name, "a change of position")
        before = None if at is None else self.made[at]
        alone = readers == 1 and op.inputs[0] not in self.program.outputs
        if at is None or before is None or not alone or kind not in _ACTIVATIONS:
            raise refused(op, f"XIR has no operator for {kind}")
        if before.attributes.get("nonlinear") != "NONE" or "conv2d" not in before.type:
            raise refused(op, f"{kind} does not follow a convolution")
        into, out = position_of(self.program.tensors[op.inputs[0]]), self._out(op)
        inner = 7 if kind == "HardSwish" else position_of(out)
        attributes: dict[str, Attribute] = {
            **before.attributes,
            "nonlinear": _ACTIVATIONS[kind],
            "hsigmoid_in": into,
            "shift_hsigmoid": 14 + into - inner,
        }
        if kind == "HardSwish":
            attributes["shift_hswish"] = into + inner - position_of(out)
        self.made[at] = replace(before, attributes=attributes, output=xir_tensor(out))
        self.computed[out.name] = before.name

    def _element(self, op: Binary) -> None:
        """A sum or product; a constant operand has the position that its factor says."""
        out = self._out(op)
        read = []
        for name, other, factor in zip(
            op.inputs, op.inputs[::-1], (op.a_factor, op.b_factor), strict=True
        ):
            if name not in self.program.constants:
                read.append(self._read(name))
                continue
            position = position_of(out) + round(-log2(factor))
            if op.kind is BinaryKind.MUL:
                beside = position_of(self.program.tensors[other])
                position = position_of(out) + round(-log2(op.a_factor)) - beside
            values = self.program.constants[name]
            values = values.transpose(CHANNELS_LAST) if values.ndim == 4 else values
            read.append(self._constant(f"{op.name}/{name}", values, position))
        attributes = {"type": op.kind.name, "nonlinear": nonlinear(op, out)}
        self._add(op.name, "eltwise-fix", xir_tensor(out), attributes, {"input": tuple(read)})
        self.computed[out.name] = op.name

    def _pool(self, op: Pool) -> None:
        if len(op.kernel) != 2 or set(op.dilations) != {1}:
            raise refused(op, "it has not two spatial axes, or dilation")
        top, left, bottom, right = op.pads
        attributes: dict[str, Attribute] = {
            "kernel": op.kernel[::-1],
            "stride": op.strides[::-1],
            "pad": (left, right, top, bottom),
            "type": "MAX" if op.kind is PoolKind.MAX else "AVG",
        }
        self._plain(op, "pool-fix", attributes)

    def _move(self, op: Move) -> None:
        source, out = self.program.tensors[op.inputs[0]], self._out(op)
        last = CHANNELS_LAST if len(source.shape) == 4 else tuple(range(len(source.shape)))
        suffix = "" if out.dtype.is_float else "-fix"
        match op.kind:
            case MoveKind.RESHAPE:
                self._rearranged(op, source, out)
            case MoveKind.CONCAT:
                (axis,) = op.arguments["axis"]
                self._plain(op, f"concat{suffix}", {"axis": last.index(axis)})
            case MoveKind.PAD if op.mode == "constant" and op.fill == 0:
                pads = op.arguments["pads"]
                sides = tuple(pads[at + end] for at in last for end in (0, len(last)))
                self._plain(op, f"pad{suffix}", {"paddings": sides, "mode": "CONSTANT"})
            case MoveKind.SLICE:
                self._plain(op, f"strided_slice{suffix}", slice_fields(op, source, last))
            case _:
                raise refused(op, f"XIR has no operator for {called(op)}")

    def _rearranged(self, op: Move, source: Tensor, out: Tensor) -> None:
        """A reshape; where it joins channels and pixels, these change places before."""
        if len(out.shape) == 4 and len(source.shape) != 4:
            raise refused(op, "it splits channels and pixels")
        read = self._read(source.name)
        if len(source.shape) == len(out.shape) == 4 and source.shape != out.shape:
            raise refused(op, "it splits channels and pixels")
        if len(source.shape) == 4 and source.shape[1] > 1 and max(source.shape[2:]) > 1:
            first = XirTensor(
                name=f"{op.name}/first",
                shape=source.shape,
                kind=xir_tensor(source).kind,
                bits=source.dtype.bits,
                attributes=xir_tensor(source).attributes,
            )
            order = {"order": (0, 3, 1, 2)}
            read = self._add(first.name, "transpose", first, order, {"input": (read,)}).name
        made = xir_tensor(out)
        kind = "reshape" if out.dtype.is_float else "reshape-fix"
        self._add(op.name, kind, made, {"shape": made.shape}, {"input": (read,)})
        self.computed[out.name] = op.name

    def _reshape(self, name: str, read: str, source: Tensor, pixels: tuple[int, ...]) -> str:
        shape = (*pixels, source.shape[-1])
        made = XirTensor(
            name=name,
            shape=shape,
            kind=Kind.XINT,
            bits=source.dtype.bits,
            attributes=xir_tensor(source).attributes,
        )
        return self._add(name, "reshape-fix", made, {"shape": shape}, {"input": (read,)}).name

    def _plain(self, op: Operation, kind: str, attributes: Attributes) -> None:
        """An operator that reads the inputs of an operation and makes its one output."""
        if len(op.outputs) != 1:
            raise refused(op, "it has several results")
        arguments = {"input": tuple(self._read(name) for name in op.inputs)}
        self._add(op.name, kind, xir_tensor(self._out(op)), attributes, arguments)
        self.computed[op.outputs[0]] = op.name

    def _constant(self, name: str, values: Array, position: int) -> str:
        tensor = XirTensor(
            name=name,
            shape=values.shape,
            kind=Kind.XINT,
            bits=8,
            attributes=position_fields(position, "STD_ROUND"),
        )
        stored = values.astype(np.int8)
        if not np.array_equal(stored, values):
            raise NoOperatorError(f"`{name}` is no int8 constant at position {position}")
        content: dict[str, Attribute] = {
            "shape": values.shape,
            "data_type": "XINT8",
            "data": stored.tobytes(),
        }
        return self._add(name, "const-fix", tensor, content).name

    def _read(self, name: str) -> str:
        """The operator that computes a tensor, or the constant of that name."""
        if name not in self.computed:
            raise NoOperatorError(f"`{name}` is a constant, which XIR's operator does not take")
        return self.computed[name]

    def _out(self, op: Operation) -> Tensor:
        return self.program.tensors[op.outputs[0]]

    def _add(
        self,
        name: str,
        kind: str,
        tensor: XirTensor,
        attributes: Attributes,
        arguments: Mapping[str, tuple[str, ...]] | None = None,
    ) -> XirOperator:
        made = XirOperator(
            name=name, type=kind, output=tensor, attributes=attributes, arguments=arguments or {}
        )
        self.made.append(made)
        return made
