"""Other shapes for model inputs than those that the file fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.reports import SurgeryRow
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_ir as ir

_WHERE = "surgery.input_shapes"


def set_input_shapes(
    model: ir.Model, shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[SurgeryRow | Problem]:
    """Give inputs of the main graph other dimensions, batch first; a row or a problem for each.

    The number of dimensions stays. What nodes compute keeps its shapes: the caller infers them
    again, and sees whether the model runs with them.
    """
    import onnx_ir as ir

    fed = {value.name or "": value for value in model.graph.inputs if not value.is_initializer()}
    for name, shape in shapes.items():
        value = fed.get(name)
        where = f"{_WHERE}.{name}"
        if value is None:
            yield Problem(
                code=Code.NO_MATCH,
                message="The model has no input of this name",
                where=_WHERE,
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


def _text(shape: Sequence[object]) -> str:
    return f"[{', '.join(str(dim) for dim in shape)}]"
