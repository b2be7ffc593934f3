"""Operators that only move elements, on integers or on float alike."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from toolchain.core.graph_view import NodeView, ValueView
from toolchain.numerics.affine import quantize
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.records import Move, MoveKind

_RESHAPES = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What moves how; see `records.Move`."""

    kind: MoveKind
    arguments: dict[str, tuple[int, ...]] = field(default_factory=dict)
    mode: str = "constant"
    indices: ValueView | None = None


def lower_move(builder: Builder, node: NodeView) -> bool:
    """A movement of one integer tensor; outputs in other parameters are rescaled behind it."""
    x, movement = builder.integers(node.input(0)), movement_of(node)
    if x is None or movement is None or x.constant is not None:
        return False
    fill = _fill(builder, node, x)
    outputs = None if fill is None else _outputs(builder, node)
    if outputs is None or fill is None:
        return False
    names = [_result(builder, node, x, out, shape, i) for i, (out, shape) in enumerate(outputs)]
    indices = None if movement.indices is None else movement.indices.constant
    builder.add(
        Move(
            name=node.name,
            inputs=(x.name,),
            outputs=tuple(names),
            kind=movement.kind,
            arguments=movement.arguments,
            mode=movement.mode,
            fill=fill,
            indices=None
            if indices is None
            else builder.constant(f"{node.name}/indices", np.asarray(indices, np.int64)),
        )
    )
    for number, (name, (out, shape)) in enumerate(zip(names, outputs, strict=True)):
        if not x.params.same_numbers(out.params):
            builder.rescale_tensor(f"{node.name}/rescale{number}", x, name, out, shape)
    return True


def lower_concat(builder: Builder, node: NodeView) -> bool:
    """Concat of integer tensors; inputs in other parameters are rescaled in front of it."""
    parts = [builder.integers(value) for value in node.inputs]
    if any(p is None or not p.per_tensor for p in parts):
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    out, names = found.quantized, list[str]()
    for number, (part, value) in enumerate(zip(parts, node.inputs, strict=True)):
        if part is None or value is None:
            continue
        names.append(_part(builder, node, part, value, out, number))
    axis = node.int_attribute("axis", 0) % len(found.shape)
    builder.add(
        Move(
            name=node.name,
            inputs=tuple(names),
            outputs=(builder.integer_tensor(out, found.shape),),
            kind=MoveKind.CONCAT,
            arguments={"axis": (axis,)},
        )
    )
    return True


def _part(
    builder: Builder, node: NodeView, part: Quantized, value: ValueView, out: Quantized, number: int
) -> str:
    if part.constant is not None:
        real = builder.float_constant(value)
        integers = (
            part.constant if real is None else quantize(np.asarray(real, np.float32), out.params)
        )
        return builder.constant(f"{node.name}/part{number}", integers)
    if part.params.same_numbers(out.params):
        return part.name
    name = f"{node.name}/part{number}"
    builder.integer_tensor(out, value.static_shape or (), name=name)
    builder.rescale_tensor(f"{name}/rescale", part, part.name, out, value.static_shape or (), name)
    return name


def _outputs(builder: Builder, node: NodeView) -> list[tuple[Quantized, tuple[int, ...]]] | None:
    """The integers behind every output, or None where one is read in float."""
    quantizers = [builder.sole_quantizer(value.name) for value in node.outputs]
    shapes = [value.static_shape for value in node.outputs]
    found = [
        (quantizer, shape)
        for quantizer, shape in zip(quantizers, shapes, strict=True)
        if quantizer is not None and shape is not None
    ]
    if len(found) != len(node.outputs):
        return None
    return [(builder.quantized_by(quantizer), shape) for quantizer, shape in found]


def _result(
    builder: Builder,
    node: NodeView,
    x: Quantized,
    out: Quantized,
    shape: tuple[int, ...],
    number: int,
) -> str:
    if x.params.same_numbers(out.params):
        return builder.integer_tensor(out, shape)
    return builder.integer_tensor(x, shape, name=f"{node.name}/moved{number}")


def _fill(builder: Builder, node: NodeView, x: Quantized) -> float | None:
    """The integer that Pad writes outside, 0 for other operators; None where it is computed."""
    if node.op_type != "Pad":
        return 0.0
    value = node.input(2)
    if value is None:
        return float(x.zero_point)
    real = builder.float_constant(value)
    if real is None:
        return None
    first = np.float32(real.reshape(-1)[0] if real.size else 0.0)
    return float(quantize(np.asarray(first), x.params))


def movement_of(node: NodeView) -> Movement | None:
    """How `node` moves elements, or None where that is not known when the model is built."""
    x = node.inputs[0]
    shape = None if x is None else x.static_shape
    parameters = [v for i, v in enumerate(node.inputs[1:], 1) if (node.op_type, i) != ("Pad", 2)]
    if shape is None or any(v is not None and not v.is_constant for v in parameters):
        return None
    if node.op_type in _RESHAPES:
        return Movement(kind=MoveKind.RESHAPE)
    if node.op_type == "Transpose":
        perm = node.ints_attribute("perm", tuple(reversed(range(len(shape)))))
        return Movement(kind=MoveKind.TRANSPOSE, arguments={"perm": perm})
    builders = {
        "Slice": _slice,
        "Split": _split,
        "Pad": _pad,
        "Gather": _gather,
        "Tile": _tile,
        "DepthToSpace": _blocks,
        "SpaceToDepth": _blocks,
    }
    if node.op_type in builders:
        return builders[node.op_type](node, shape)
    kinds = {"Expand": MoveKind.EXPAND, "Identity": MoveKind.COPY}
    return Movement(kind=kinds[node.op_type]) if node.op_type in kinds else None


def _ints(node: NodeView, position: int) -> tuple[int, ...] | None:
    array = node.constant_input(position)
    return None if array is None else tuple(int(v) for v in array.reshape(-1))


def _slice(node: NodeView, shape: tuple[int, ...]) -> Movement | None:
    starts, ends = _ints(node, 1), _ints(node, 2)
    if starts is None or ends is None:
        return None
    axes = _ints(node, 3) or tuple(range(len(starts)))
    steps = _ints(node, 4) or (1,) * len(starts)
    return Movement(
        kind=MoveKind.SLICE,
        arguments={
            "starts": starts,
            "ends": ends,
            "axes": tuple(axis % len(shape) for axis in axes),
            "steps": steps,
        },
    )


def _split(node: NodeView, shape: tuple[int, ...]) -> Movement | None:
    axis = node.int_attribute("axis", 0) % len(shape)
    sizes = tuple((v.static_shape or shape)[axis] for v in node.outputs)
    if sum(sizes) != shape[axis]:
        return None
    return Movement(kind=MoveKind.SPLIT, arguments={"axis": (axis,), "sizes": sizes})


def _pad(node: NodeView, shape: tuple[int, ...]) -> Movement | None:
    given = _ints(node, 1)
    if given is None:
        return None
    axes = _ints(node, 3) or tuple(range(len(shape)))
    pads = [0] * (2 * len(shape))
    for number, axis in enumerate(axes):
        pads[axis % len(shape)] = given[number]
        pads[axis % len(shape) + len(shape)] = given[number + len(axes)]
    return Movement(
        kind=MoveKind.PAD,
        arguments={"pads": tuple(pads)},
        mode=node.str_attribute("mode", "constant"),
    )


def _gather(node: NodeView, shape: tuple[int, ...]) -> Movement:
    axis = node.int_attribute("axis", 0) % len(shape)
    return Movement(kind=MoveKind.GATHER, arguments={"axis": (axis,)}, indices=node.inputs[1])


def _tile(node: NodeView, shape: tuple[int, ...]) -> Movement | None:
    repeats = _ints(node, 1)
    known = repeats is not None and len(repeats) == len(shape)
    return (
        Movement(kind=MoveKind.TILE, arguments={"repeats": repeats}) if known and repeats else None
    )


def _blocks(node: NodeView, shape: tuple[int, ...]) -> Movement:
    del shape
    block = (node.int_attribute("blocksize", 1),)
    if node.op_type == "SpaceToDepth":
        return Movement(kind=MoveKind.SPACE_TO_DEPTH, arguments={"blocksize": block})
    crd = (int(node.str_attribute("mode", "DCR") == "CRD"),)
    return Movement(kind=MoveKind.DEPTH_TO_SPACE, arguments={"blocksize": block, "crd": crd})
