"""An integer program as a graph of XIR with fixed-point operators, for the vendor's tools.

XIR has channels last: so have tensors of 4 axes here, model inputs and outputs among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    Tensor,
)

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

_LAST = (0, 2, 3, 1)
"""From channels first to channels last."""
_ROUNDS = {"half_up": "DPU_ROUND", "half_away": "STD_ROUND", "half_even": "PY3_ROUND"}
_FLOAT = frozenset({"Softmax", "Sigmoid", "Tanh", "Relu"})
"""Float operators that XIR has under the same name, in small letters."""


class NoOperatorError(Exception):
    """XIR has no operator for an operation of the program; says which and why."""


def xir_graph(
    program: Program, segments: Sequence[Segment], biases: Mapping[str, int], name: str
) -> XirGraph:
    """The graph, a subgraph for every segment.

    Args:
        program: A program of int8 tensors whose scales are powers of two.
        segments: Its segments, in order.
        biases: Position of the bias of convolutions and matrix products, by operation.
        name: Name of the model.

    Raises:
        NoOperatorError: There is no operator for an operation.
    """
    builder = _Builder(program, biases)
    operations = {op.name: op for op in program.operations}
    subgraphs = [_subgraph("USER", builder.inputs())]
    for segment in segments:
        host = isinstance(segment, HostSegment)
        names = segment.reasons if isinstance(segment, HostSegment) else segment.code.operations
        made = [each for n in names for each in builder.operators(operations[n])]
        subgraphs.append(_subgraph("CPU" if host else "DPU", made))
    return XirGraph(name=name, operators=tuple(builder.made), subgraphs=tuple(subgraphs))


def _subgraph(device: str, operators: Sequence[XirOperator]) -> XirSubgraph:
    return XirSubgraph(
        name=f"subgraph_{operators[0].output.name}",
        device=device,
        operators=tuple(each.name for each in operators),
    )


@dataclass(slots=True)
class _Builder:
    """Makes operators, and knows which one computes a tensor."""

    program: Program
    biases: Mapping[str, int]
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
                kind = {"type": op.kind.name, "nonlinear": _nonlinear(op, self._out(op))}
                self._plain(op, "eltwise-fix", kind)
            case Pool():
                self._pool(op)
            case Move():
                self._move(op)
            case FloatOp() if op.op_type in _FLOAT:
                self._plain(op, op.op_type.lower(), _softmax_axis(op, self._out(op)))
            case _:
                raise _refused(op, f"XIR has no operator for {_called(op)}")
        return self.made[before:]

    def _data(self, tensor: Tensor) -> XirOperator:
        made = _tensor(tensor)
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
        fixed = _fixed(stored, _ROUNDS[rounding])
        self._plain(op, "float2fix" if into else "fix2float", fixed)

    def _convolution(self, op: Conv) -> None:
        weight = self.program.constants[op.weight]
        if weight.ndim != 4:
            raise _refused(op, "it has not two spatial axes")
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
        self._products(op, kind, rows, window, read, _tensor(self._out(op)))

    def _product(self, op: MatMul) -> None:
        """A convolution of 1 x 1 on rows, which are pixels of one column."""
        if op.b is None or len(self._out(op).shape) != 2:
            raise _refused(op, "it is no product of rows and a constant matrix")
        matrix = self.program.constants[op.b]
        source, out = self.program.tensors[op.inputs[0]], _tensor(self._out(op))
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
            raise _refused(op, "it ends in float")
        factor = float(self.program.constants[op.finish.factor])
        cut = round(-log2(factor)) - op.finish.guard_bits
        source, target = self.program.tensors[op.inputs[0]], self._out(op)
        position = cut - _position(source) + _position(target)
        arguments = {"input": (read,)}
        arguments["weights"] = (self._constant(f"{op.name}/weights", weights, position),)
        attributes = {**window, "nonlinear": _nonlinear(op.finish, target), "shift_cut": cut}
        if op.bias is not None:
            own = self.biases[op.name]
            shift = _position(source) + position - own
            bias = self.program.constants[op.bias] / 2.0 ** (shift + op.finish.guard_bits)
            arguments["bias"] = (self._constant(f"{op.name}/bias", bias, own),)
            attributes["shift_bias"] = shift
        self._add(op.name, kind, out, attributes, arguments)
        self.computed[op.outputs[0]] = op.name

    def _pool(self, op: Pool) -> None:
        if len(op.kernel) != 2 or set(op.dilations) != {1}:
            raise _refused(op, "it has not two spatial axes, or dilation")
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
        last = _LAST if len(source.shape) == 4 else tuple(range(len(source.shape)))
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
                self._plain(op, f"strided_slice{suffix}", _slices(op, source, last))
            case _:
                raise _refused(op, f"XIR has no operator for {_called(op)}")

    def _rearranged(self, op: Move, source: Tensor, out: Tensor) -> None:
        """A reshape; where it joins channels and pixels, these change places before."""
        if len(out.shape) == 4 and len(source.shape) != 4:
            raise _refused(op, "it splits channels and pixels")
        read = self._read(source.name)
        if len(source.shape) == len(out.shape) == 4 and source.shape != out.shape:
            raise _refused(op, "it splits channels and pixels")
        if len(source.shape) == 4 and source.shape[1] > 1 and max(source.shape[2:]) > 1:
            first = XirTensor(
                name=f"{op.name}/first",
                shape=source.shape,
                kind=_tensor(source).kind,
                bits=source.dtype.bits,
                attributes=_tensor(source).attributes,
            )
            order = {"order": (0, 3, 1, 2)}
            read = self._add(first.name, "transpose", first, order, {"input": (read,)}).name
        made = _tensor(out)
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
            attributes=_tensor(source).attributes,
        )
        return self._add(name, "reshape-fix", made, {"shape": shape}, {"input": (read,)}).name

    def _plain(self, op: Operation, kind: str, attributes: Attributes) -> None:
        """An operator that reads the inputs of an operation and makes its one output."""
        if len(op.outputs) != 1:
            raise _refused(op, "it has several results")
        arguments = {"input": tuple(self._read(name) for name in op.inputs)}
        self._add(op.name, kind, _tensor(self._out(op)), attributes, arguments)
        self.computed[op.outputs[0]] = op.name

    def _constant(self, name: str, values: Array, position: int) -> str:
        tensor = XirTensor(
            name=name,
            shape=values.shape,
            kind=Kind.XINT,
            bits=8,
            attributes=_position_fields(position, "STD_ROUND"),
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


def _slices(op: Move, source: Tensor, last: Sequence[int]) -> Attributes:
    begin, end, steps = [0] * len(last), list(source.shape), [1] * len(last)
    parts = (op.arguments[name] for name in ("axes", "starts", "ends", "steps"))
    for axis, start, stop, step in zip(*parts, strict=True):
        if step < 0:
            raise _refused(op, "it goes backwards")
        begin[axis], end[axis], steps[axis] = start, min(stop, source.shape[axis]), step
    named = (("begin", begin), ("end", end), ("strides", steps))
    return {name: tuple(values[axis] for axis in last) for name, values in named}


def _softmax_axis(op: FloatOp, out: Tensor) -> Attributes:
    if op.op_type != "Softmax":
        return {}
    axis = op.attributes.get("axis", -1)
    if not isinstance(axis, int):
        raise _refused(op, "its axis is no integer")
    axis %= len(out.shape)
    return {"axis": _LAST.index(axis) if len(out.shape) == 4 else axis}


def _nonlinear(finish: Requantize | Binary, out: Tensor) -> str:
    """The activation that limits stand for."""
    if finish.low == out.dtype.qmin:
        return "NONE"
    return "RELU" if finish.high == out.dtype.qmax else "RELU6"


def _tensor(tensor: Tensor) -> XirTensor:
    """Channels last; float32 without a position."""
    shape = tensor.shape
    if len(shape) == 4:
        shape = tuple(shape[axis] for axis in _LAST)
    if tensor.dtype.is_float:
        return XirTensor(name=tensor.name, shape=shape, kind=Kind.FLOAT, bits=32)
    attributes = _fixed(tensor, "DPU_ROUND")
    return XirTensor(
        name=tensor.name, shape=shape, kind=Kind.XINT, bits=tensor.dtype.bits, attributes=attributes
    )


def _fixed(tensor: Tensor, rounds: str) -> Attributes:
    return _position_fields(_position(tensor), rounds)


def _position_fields(position: int, rounds: str) -> Attributes:
    return {"fix_point": position, "bit_width": 8, "if_signed": True, "round_mode": rounds}


def _position(tensor: Tensor) -> int:
    """The position p of a scale 2**-p."""
    if tensor.scale is None:
        raise NoOperatorError(f"`{tensor.name}` has no scale")
    return round(-log2(tensor.scale))


def _called(op: Operation) -> str:
    if isinstance(op, FloatOp):
        return f"float {op.op_type}"
    return f"{type(op).__name__} {getattr(op, 'kind', '')}".strip()


def _refused(op: Operation, why: str) -> NoOperatorError:
    return NoOperatorError(f"`{op.name}`: {why}")
