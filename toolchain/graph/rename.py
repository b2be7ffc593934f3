"""Other names for model inputs and outputs, and tensors that become outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.reports import SurgeryRow
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import onnx_ir as ir


def rename(
    model: ir.Model, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> Iterator[SurgeryRow | Problem]:
    """Rename inputs and outputs, all at once, so that two may swap names; a row for each.

    Nothing is renamed where a name is not that of an input or output, or a new name belongs to
    another tensor: then there is a problem for each.
    """
    graph = model.graph
    fed = {value.name or "": value for value in graph.inputs if not value.is_initializer()}
    made = {value.name or "": value for value in graph.outputs if not value.is_graph_input()}
    chosen: list[tuple[str, ir.Value, str]] = []
    problems: list[Problem] = []
    for key, known, names in (("inputs", fed, inputs), ("outputs", made, outputs)):
        for old, new in names.items():
            if old in known:
                chosen.append((key.removesuffix("s"), known[old], new))
            else:
                message = f"The model has no {key.removesuffix('s')} of this name"
                problems.append(_no_match(message, old, known, f"surgery.rename_{key}"))
    problems += _clashes(model, chosen)
    if problems:
        yield from problems
        return
    for change, value, new in chosen:
        yield SurgeryRow(
            change=f"{change} name", where=value.name or "", old=value.name or "", new=new
        )
    for _, value, _ in chosen:
        value.name = None
    for _, value, new in chosen:
        value.name = new


def add_outputs(model: ir.Model, names: Sequence[str]) -> Iterator[SurgeryRow | Problem]:
    """Make tensors that nodes of the main graph compute further outputs; a row for each."""
    graph = model.graph
    computed = {value.name: value for node in graph for value in node.outputs if value.name}
    for index, name in enumerate(names):
        where = f"surgery.outputs[{index}]"
        value = computed.get(name)
        if value is None:
            yield _no_match("No node of the model computes this tensor", name, computed, where)
        elif value.is_graph_output():
            message = "The tensor is an output already"
            yield Problem(code=Code.NO_EFFECT, message=message, where=where, got=name)
        else:
            graph.outputs.append(value)
            yield SurgeryRow(change="further output", where=name, old="inside", new="output")


def _clashes(model: ir.Model, chosen: Sequence[tuple[str, ir.Value, str]]) -> Iterator[Problem]:
    """New names that belong to a tensor which is not renamed itself."""
    leaving = {value for _, value, _ in chosen}
    staying = {
        value.name
        for graph in model.graphs()
        for value in (
            *graph.inputs,
            *graph.initializers.values(),
            *(output for node in graph for output in node.outputs),
        )
        if value not in leaving
    }
    names = [new for _, _, new in chosen]
    for change, value, new in chosen:
        if new in staying or names.count(new) > 1:
            yield Problem(
                code=Code.CONTRADICTION,
                message="Another tensor has the new name",
                where=f"surgery.rename_{change}s.{value.name}",
                got=new,
                hint="choose a name that the model does not use",
            )


def _no_match(message: str, name: str, known: Iterable[str | None], where: str) -> Problem:
    names = [item for item in known if item]
    return Problem(
        code=Code.NO_MATCH,
        message=message,
        where=where,
        got=name,
        allowed=", ".join(names) if len(names) <= 20 else None,
        hint=did_you_mean(name, names, most=3)
        or "names are those of the file, before any renaming",
    )
