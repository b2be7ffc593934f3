"""Rules of the operators of float islands.

Attributes and constants are read as ONNX defines them (docs/numerics.md, 9). An operator that means
something by axis 0 gets an axis of samples in front where its axes are attributes; where they are
constants, or where there is no such axis, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.batched.integers import concat, product
from toolchain.program.checks.float_ops import ELEMENT_WISE

if TYPE_CHECKING:
    from toolchain.program.batched.samples import Samples
    from toolchain.program.records import FloatOp

_ACROSS = "it works across axis 0, where the samples lie"


def float_op(op: FloatOp, samples: Samples) -> None:
    """Add an operator that reads samples."""
    rule = _RULES.get(op.op_type)
    if rule is None:
        samples.refuse(op, "there is no rule for it")
    else:
        rule(op, samples)


def _operand(op: FloatOp, index: int) -> str:
    """Name of an input, tensor or constant; empty where it is left out."""
    given = op.inputs[index] if index < len(op.inputs) else ""
    return given or op.constants.get(index, "")


def _operands(op: FloatOp) -> tuple[str, ...]:
    return tuple(filter(None, (_operand(op, index) for index in range(len(op.inputs)))))


def _only_first(op: FloatOp, samples: Samples) -> bool:
    """Whether input 0 alone holds samples; refuses the operator otherwise."""
    if samples.has(_operand(op, 0)) and not any(map(samples.has, op.inputs[1:])):
        return True
    samples.refuse(op, "an input beside the first depends on the sample")
    return False


def _numbers(op: FloatOp, index: int, samples: Samples) -> tuple[int, ...] | None:
    """Integers of a constant; None where it is left out. Checks of the program saw its type."""
    name = _operand(op, index)
    return tuple(int(item) for item in samples.constants[name].ravel()) if name else None


def _rank(op: FloatOp, samples: Samples) -> int:
    return len(samples.shape(_operand(op, 0)))


def _attribute(op: FloatOp, name: str, default: int) -> int:
    value = op.attributes.get(name, default)
    return value if isinstance(value, int) else default


def _reshape(op: FloatOp, samples: Samples) -> None:
    """The order of elements stays; the shape is the output's, whatever a constant says of it."""
    samples.reshape(op)


def _element_wise(op: FloatOp, samples: Samples) -> None:
    samples.broadcast(op, _operands(op))


def _plain(op: FloatOp, samples: Samples) -> None:
    """Axis 0 is the batch, or elements are on their own."""
    if _only_first(op, samples):
        samples.plain(op)


def _matmul(op: FloatOp, samples: Samples) -> None:
    a, b = _operand(op, 0), _operand(op, 1)
    if min(len(samples.shape(a)), len(samples.shape(b))) < 2:
        samples.refuse(op, "an operand is a vector")
    else:
        product(op, a, b, samples)


def _gemm(op: FloatOp, samples: Samples) -> None:
    bias = _operand(op, 2)
    rows = samples.shape(bias) if bias else ()
    if _attribute(op, "transA", 0) or (len(rows) == 2 and rows[0] != 1):
        samples.refuse(op, _ACROSS)
    elif _only_first(op, samples):
        samples.plain(op)


def _along(default: int) -> Callable[[FloatOp, Samples], None]:
    """The axis is an attribute, `default` where it is left out."""

    def rule(op: FloatOp, samples: Samples) -> None:
        if not _only_first(op, samples):
            return
        axis = _attribute(op, "axis", default) % max(1, _rank(op, samples))
        if axis == 0:
            samples.lifted(replace(op, attributes={**op.attributes, "axis": 1}))
        else:
            samples.plain(op)

    return rule


def _layer(op: FloatOp, samples: Samples) -> None:
    """From an axis to the last; gain and offset broadcast."""
    rank = _rank(op, samples)
    axis = _attribute(op, "axis", -1) % rank
    names = _operands(op)
    if len(op.outputs) == 1:
        # The axis is counted from the end, so that one in front makes no difference.
        samples.broadcast(replace(op, attributes={**op.attributes, "axis": axis - rank}), names)
    elif axis == 0 or any(len(samples.shape(name)) == rank for name in names[1:]):
        samples.refuse(op, _ACROSS)
    elif _only_first(op, samples):
        samples.plain(op)


def _concat(op: FloatOp, samples: Samples) -> None:
    names = _operands(op)
    axis = _attribute(op, "axis", 0) % _rank(op, samples)
    whole = replace(op, inputs=names, constants={})
    concat(whole, axis, {"attributes": {"axis": 1}}, samples)


def _gather(op: FloatOp, samples: Samples) -> None:
    data, indices = _operand(op, 0), _operand(op, 1)
    axis = _attribute(op, "axis", 0) % _rank(op, samples)
    if not samples.has(indices):
        _along(0)(op, samples)
    elif not samples.has(data) and axis == 0:
        samples.plain(op)
    else:
        samples.refuse(op, "the indices depend on the sample")


def _transpose(op: FloatOp, samples: Samples) -> None:
    perm = op.attributes.get("perm")
    if not isinstance(perm, tuple):
        perm = tuple(reversed(range(_rank(op, samples))))
    if perm[:1] == (0,):
        samples.plain(op)
    else:
        behind = (0, *(int(axis) + 1 for axis in perm))
        samples.lifted(replace(op, attributes={**op.attributes, "perm": behind}))


def _reduce(op: FloatOp, samples: Samples) -> None:
    """Axes are a constant, or were an attribute; none are all of them, or none at all."""
    rank = _rank(op, samples)
    axes = _numbers(op, 1, samples)
    if axes is None:
        given = op.attributes.get("axes", ())
        axes = tuple(map(int, given)) if isinstance(given, tuple) else ()
    if not axes and not _attribute(op, "noop_with_empty_axes", 0):
        axes = tuple(range(rank))
    axes = tuple(axis % rank for axis in axes)
    if 0 not in axes:
        samples.plain(op)
        return
    name = samples.constant(f"{op.name}/axes", np.array([axis + 1 for axis in axes], np.int64))
    attributes = {key: value for key, value in op.attributes.items() if key != "axes"}
    inputs = (op.inputs[0], "")
    samples.lifted(replace(op, inputs=inputs, attributes=attributes, constants={1: name}))


def _unless(touches: Callable[[FloatOp, Samples], bool]) -> Callable[[FloatOp, Samples], None]:
    """A rule for operators whose axes are constants: as they are, unless they touch axis 0."""

    def rule(op: FloatOp, samples: Samples) -> None:
        if touches(op, samples):
            samples.refuse(op, _ACROSS)
        elif _only_first(op, samples):
            samples.plain(op)

    return rule


def _slices(op: FloatOp, samples: Samples) -> bool:
    starts, axes = _numbers(op, 1, samples) or (), _numbers(op, 3, samples)
    named = range(len(starts)) if axes is None else axes
    return any(axis % _rank(op, samples) == 0 for axis in named)


def _pads(op: FloatOp, samples: Samples) -> bool:
    pads, axes = _numbers(op, 1, samples) or (), _numbers(op, 3, samples)
    rank = _rank(op, samples)
    named = tuple(range(rank)) if axes is None else axes
    half = len(pads) // 2
    amounts = zip(named, pads[:half], pads[half:], strict=True)
    return any(axis % rank == 0 and (begin or end) for axis, begin, end in amounts)


def _tiles(op: FloatOp, samples: Samples) -> bool:
    return (_numbers(op, 1, samples) or (1,))[0] != 1


def _sums_up(op: FloatOp, samples: Samples) -> bool:
    return (_numbers(op, 1, samples) or (0,))[0] % _rank(op, samples) == 0


def _is_matrix(op: FloatOp, samples: Samples) -> bool:
    return _rank(op, samples) < 3


def _expand(op: FloatOp, samples: Samples) -> None:
    """The shape that is asked for names the samples where it names axis 0."""
    shape, result = samples.shape(op.inputs[0]), samples.shape(op.outputs[0])
    if shape[:1] != result[:1] or len(shape) != len(result):
        samples.refuse(op, _ACROSS)
        return
    wanted = np.array((1, *result[1:]), np.int64)
    name = samples.constant(f"{op.name}/shape", wanted)
    samples.plain(replace(op, inputs=(op.inputs[0], ""), constants={1: name}))


def _resize(op: FloatOp, samples: Samples) -> None:
    """Region, scales and sizes of all axes become those of all but axis 0, which must stay."""
    rank, axes = _rank(op, samples), op.attributes.get("axes")
    kept = samples.shape(_operand(op, 0))[0] == samples.shape(op.outputs[0])[0]
    policy = op.attributes.get("keep_aspect_ratio_policy", "stretch")
    if axes is None and kept and policy == "stretch":
        constants = {}
        for index, name in op.constants.items():
            values = samples.constants[name]
            first = [0, rank] if index == 1 else [0]
            rest = np.delete(values, first) if values.size else values
            constants[index] = samples.constant(f"{op.name}/{index}", rest)
        attributes = {**op.attributes, "axes": tuple(range(1, rank))}
        samples.plain(replace(op, attributes=attributes, constants=constants))
    elif isinstance(axes, tuple) and kept and all(int(axis) % rank for axis in axes):
        samples.plain(op)
    else:
        samples.refuse(op, _ACROSS)


_CHANNELS = ("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN")
_POOLS = ("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool")
_RULES: Mapping[str, Callable[[FloatOp, Samples], None]] = {
    **dict.fromkeys(ELEMENT_WISE, _element_wise),
    "Clip": _plain,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"), _reshape),
    **dict.fromkeys((*_CHANNELS, *_POOLS, "Conv", "ConvTranspose"), _plain),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _plain),
    **dict.fromkeys(("Softmax", "LogSoftmax", "LpNormalization", "TopK"), _along(-1)),
    **dict.fromkeys(("ArgMax", "ArgMin", "Split"), _along(0)),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer),
    **dict.fromkeys(("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceMean"), _reduce),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"), _reduce),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Concat": _concat,
    "Gather": _gather,
    "Transpose": _transpose,
    "Resize": _resize,
    "Expand": _expand,
    "Slice": _unless(_slices),
    "Pad": _unless(_pads),
    "Tile": _unless(_tiles),
    "CumSum": _unless(_sums_up),
    "Trilu": _unless(_is_matrix),
}
"""The rules of the operators that can be had for several samples."""
