"""Other shapes for model inputs than those that the file fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.reports import SurgeryRow
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ModelError, Problem
from toolchain.graph.save import read, save_model
from toolchain.graph.shapes import clear_shapes, infer_shapes, unknown_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import onnx_ir as ir

    from toolchain.core.artifacts import ModelArtifact


def set_input_shapes(
    model: ir.Model,
    shapes: Mapping[str, tuple[int, ...]],
    section: str = "surgery.input_shapes",
) -> Iterator[SurgeryRow | Problem]:
    """Give inputs of the main graph other dimensions, batch first; a row or a problem for each.

    The number of dimensions stays. What nodes compute keeps its shapes: the caller infers them
    again, and sees whether the model runs with them. `section` is where the user set them.
    """
    import onnx_ir as ir

    fed = {value.name or "": value for value in model.graph.inputs if not value.is_initializer()}
    for name, shape in shapes.items():
        value = fed.get(name)
        where = f"{section}.{name}"
        if value is None:
            yield Problem(
                code=Code.NO_MATCH,
                message="The model has no input of this name",
                where=section,
                got=name,
                allowed=", ".join(fed),
                hint=did_you_mean(name, fed),
            )
            continue
        declared = None if value.shape is None else tuple(value.shape)
        if declared is not None and len(declared) != len(shape):
            yield Problem(
                code=Code.BAD_VALUE,
                message="The input has another number of dimensions",
                where=where,
                got=_text(shape),
                allowed=f"{len(declared)} dimensions, as in {_text(declared)}",
            )
        elif declared == shape:
            message = "The input has this shape already"
            yield Problem(code=Code.NO_EFFECT, message=message, where=where, got=_text(shape))
        else:
            old = "unknown" if declared is None else _text(declared)
            value.shape = ir.Shape(shape)
            yield SurgeryRow(change="input shape", where=name, old=old, new=_text(shape))


def write_in_shapes(
    source: Path, destination: Path, shapes: Mapping[str, tuple[int, ...]], section: str
) -> ModelArtifact:
    """Write the finished model of `source` for inputs of other shapes, all constants as they are.

    Raises ModelError: what is wrong with `shapes`, which the user set in `section`; MODEL_INVALID
    or SHAPE_UNKNOWN where the model has no shapes with them.
    """
    model = read(source)
    found = tuple(set_input_shapes(model, shapes, section))
    problems = [item for item in found if isinstance(item, Problem)]
    if problems:
        raise ModelError.of(problems)
    clear_shapes(model)
    infer_shapes(model)
    unknown = unknown_shapes(model)
    if unknown:
        raise ModelError(
            Code.SHAPE_UNKNOWN,
            "With these shapes of inputs the shape of a tensor cannot be told",
            where=section,
            got=unknown[0],
        )
    return save_model(model, destination)


def _text(shape: Sequence[object]) -> str:
    return f"[{', '.join(str(dim) for dim in shape)}]"
