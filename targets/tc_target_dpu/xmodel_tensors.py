"""Tensors of a program as XIR has them: channels last, and a position for fixed point."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from tc_target_dpu.xir import Attributes, Kind, XirTensor
from toolchain.program.records import Binary, FloatOp, Move, Operation, Requantize, Tensor

CHANNELS_LAST = (0, 2, 3, 1)
"""From channels first to channels last."""
ROUNDS = {"half_up": "DPU_ROUND", "half_away": "STD_ROUND", "half_even": "PY3_ROUND"}


class NoOperatorError(Exception):
    """XIR has no operator for an operation of the program; says which and why."""


def slice_fields(op: Move, source: Tensor, last: Sequence[int]) -> Attributes:
    """Bounds and steps of every axis, in the order `last`."""
    begin, end, steps = [0] * len(last), list(source.shape), [1] * len(last)
    parts = (op.arguments[name] for name in ("axes", "starts", "ends", "steps"))
    for axis, start, stop, step in zip(*parts, strict=True):
        if step < 0:
            raise refused(op, "it goes backwards")
        begin[axis], end[axis], steps[axis] = start, min(stop, source.shape[axis]), step
    named = (("begin", begin), ("end", end), ("strides", steps))
    return {name: tuple(values[axis] for axis in last) for name, values in named}


def softmax_fields(op: FloatOp, out: Tensor) -> Attributes:
    """The axis of a Softmax; nothing for other functions."""
    if op.op_type != "Softmax":
        return {}
    axis = op.attributes.get("axis", -1)
    if not isinstance(axis, int):
        raise refused(op, "its axis is no integer")
    axis %= len(out.shape)
    return {"axis": CHANNELS_LAST.index(axis) if len(out.shape) == 4 else axis}


def nonlinear(finish: Requantize | Binary, out: Tensor) -> str:
    """The activation that limits stand for.

    Raises:
        NoOperatorError: There is none with these limits.
    """
    limits = (finish.low, finish.high)
    if limits == (out.dtype.qmin, out.dtype.qmax):
        return "NONE"
    if limits == (0, out.dtype.qmax):
        return "RELU"
    if limits == (0, round(6 * 2.0 ** position_of(out))):
        return "RELU6"
    raise NoOperatorError(f"`{out.name}` has limits {limits}, which are no activation's")


def xir_tensor(tensor: Tensor) -> XirTensor:
    """Channels last; float32 without a position."""
    shape = tensor.shape
    if len(shape) == 4:
        shape = tuple(shape[axis] for axis in CHANNELS_LAST)
    if tensor.dtype.is_float:
        return XirTensor(name=tensor.name, shape=shape, kind=Kind.FLOAT, bits=32)
    attributes = fixed_fields(tensor, "DPU_ROUND")
    return XirTensor(
        name=tensor.name, shape=shape, kind=Kind.XINT, bits=tensor.dtype.bits, attributes=attributes
    )


def fixed_fields(tensor: Tensor, rounds: str) -> Attributes:
    """Position and rounding of a tensor."""
    return position_fields(position_of(tensor), rounds)


def position_fields(position: int, rounds: str) -> Attributes:
    """What fixed-point tensors and conversions say of themselves; all have 8 signed bits."""
    return {"fix_point": position, "bit_width": 8, "if_signed": True, "round_mode": rounds}


def position_of(tensor: Tensor) -> int:
    """The position p of a scale 2**-p."""
    if tensor.scale is None:
        raise NoOperatorError(f"`{tensor.name}` has no scale")
    return round(-log2(tensor.scale))


def called(op: Operation) -> str:
    """An operation in a few words."""
    if isinstance(op, FloatOp):
        return f"float {op.op_type}"
    return f"{type(op).__name__} {getattr(op, 'kind', '')}".strip()


def refused(op: Operation, why: str) -> NoOperatorError:
    """The error for an operation."""
    return NoOperatorError(f"`{op.name}`: {why}")
