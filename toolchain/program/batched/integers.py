"""Rules of the records that compute on integers or move elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    Function,
    Interpolate,
    MatMul,
    Move,
    MoveKind,
    Normalize,
    Operation,
    Pool,
    Quantize,
    Reduce,
    Rescale,
    Resize,
    Slope,
    Softmax,
    Table,
    WideSoftmax,
)

if TYPE_CHECKING:
    from toolchain.program.batched.samples import Samples


def _plain(op: Operation, samples: Samples) -> None:
    """Windows, whose axis 0 is the batch, and functions of single elements."""
    samples.plain(op)


def _binary(op: Binary, samples: Samples) -> None:
    samples.broadcast(op, op.inputs)


def _slope(op: Slope, samples: Samples) -> None:
    samples.broadcast(op, (*op.inputs, op.negative))


def _normalize(op: Normalize, samples: Samples) -> None:
    offset = () if op.offset is None else (op.offset,)
    samples.broadcast(op, (*op.inputs, op.gain, *offset))


def _matmul(op: MatMul | BlockedMatMul, samples: Samples) -> None:
    product(op, op.inputs[0], op.inputs[1] if op.b is None else op.b, samples)


def product(op: Operation, a: str, b: str, samples: Samples) -> None:
    """A product of matrices (..., M, K) and (..., K, N); without batch axes, samples are rows."""
    if len(samples.shape(op.outputs[0])) > 2:
        samples.broadcast(op, (a, b))
    elif samples.has(b):
        samples.lifted(op)
    else:
        samples.plain(op)


def _table(op: Table, samples: Samples) -> None:
    if op.axis == 0:
        samples.lifted(replace(op, axis=1))
    else:
        samples.plain(op)


def _along(op: Softmax | WideSoftmax | ArgExtreme, samples: Samples) -> None:
    if op.axis == 0:
        samples.lifted(replace(op, axis=1))
    else:
        samples.plain(op)


def _axes(op: Reduce | Resize | Interpolate, samples: Samples) -> None:
    if 0 in op.axes:
        samples.lifted(replace(op, axes=_behind(op.axes)))
    else:
        samples.plain(op)


def _move(op: Move, samples: Samples) -> None:
    if op.kind is MoveKind.EXPAND:
        samples.broadcast(op, op.inputs)
    elif op.kind is MoveKind.CONCAT:
        concat(op, op.arguments["axis"][0], {"arguments": {"axis": (1,)}}, samples)
    elif not _moves_samples(op):
        samples.plain(op)
    else:
        samples.lifted(replace(op, arguments={**op.arguments, **_LIFTED[op.kind](op.arguments)}))


def concat(op: Operation, axis: int, lifted: Mapping[str, Any], samples: Samples) -> None:
    """Join operands, all with samples, along `axis`; `lifted` are the fields for axis 0."""
    if axis == 0:
        inputs = tuple(map(samples.in_front, op.inputs))
        samples.lifted(replace(op, inputs=inputs, **lifted))
    else:
        samples.plain(replace(op, inputs=tuple(map(samples.merged, op.inputs))))


def _moves_samples(op: Move) -> bool:
    """Whether a movement means something by axis 0."""
    arguments = op.arguments
    match op.kind:
        case MoveKind.TRANSPOSE:
            return arguments["perm"][0] != 0
        case MoveKind.SLICE:
            return 0 in arguments["axes"]
        case MoveKind.SPLIT | MoveKind.GATHER:
            return arguments["axis"] == (0,)
        case MoveKind.PAD:
            pads = arguments["pads"]
            return any(pads[:: len(pads) // 2])
        case MoveKind.TILE:
            return arguments["repeats"][0] != 1
        case _:
            return False


_Arguments = Mapping[str, tuple[int, ...]]


def _behind(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Axes where one is put in front of all."""
    return tuple(axis + 1 for axis in axes)


def _lifted_pads(arguments: _Arguments) -> _Arguments:
    pads = arguments["pads"]
    rank = len(pads) // 2
    return {"pads": (0, *pads[:rank], 0, *pads[rank:])}


_LIFTED: Mapping[MoveKind, Callable[[_Arguments], _Arguments]] = {
    MoveKind.TRANSPOSE: lambda arguments: {"perm": (0, *_behind(arguments["perm"]))},
    MoveKind.SLICE: lambda arguments: {"axes": _behind(arguments["axes"])},
    MoveKind.SPLIT: lambda arguments: {"axis": _behind(arguments["axis"])},
    MoveKind.GATHER: lambda arguments: {"axis": _behind(arguments["axis"])},
    MoveKind.PAD: _lifted_pads,
    MoveKind.TILE: lambda arguments: {"repeats": (1, *arguments["repeats"])},
}
"""Arguments of movements whose operand has an axis of samples in front of its own."""

RULES: Mapping[type[Operation], Callable[[Any, Samples], None]] = {
    **dict.fromkeys((Conv, ConvTranspose, BlockedConv, Pool), _plain),
    **dict.fromkeys((Quantize, Dequantize, Rescale, Function), _plain),
    Table: _table,
    **dict.fromkeys((Softmax, WideSoftmax, ArgExtreme), _along),
    **dict.fromkeys((Reduce, Resize, Interpolate), _axes),
    **dict.fromkeys((MatMul, BlockedMatMul), _matmul),
    Binary: _binary,
    Slope: _slope,
    Normalize: _normalize,
    Move: _move,
}
"""The rules of every record but FloatOp."""
