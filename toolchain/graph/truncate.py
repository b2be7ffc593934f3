"""A graph cut in two at named tensors, and put together again.

In front of the cut everything is optimized and quantized; the tail behind it stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, Problem
from toolchain.graph.edit import unique_name
from toolchain.graph.passes.constant_folding import fold_constants
from toolchain.graph.passes.dead_code import remove_dead_code
from toolchain.graph.shapes import infer_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import onnx_ir as ir

WHERE = "surgery.truncate"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Halves:
    """Two models that make the original one behind another.

    Attributes:
        head: Reads the model inputs; its outputs are the tensors of the cut and the model outputs
            that do not depend on them.
        tail: Reads the tensors of the cut.
        outputs: Names of all model outputs in their order.
    """

    head: ir.Model
    tail: ir.Model
    outputs: tuple[str, ...]

    def joined(self) -> ir.Model:
        """Both as one model again; shares the weights and changes neither half."""
        return _Joiner(self).join()


def cut(model: ir.Model, tensors: Sequence[str]) -> Halves:
    """Cut a normalized model at `tensors`, which takes it apart; constants are folded before.

    The cut must be exact: what flows from the nodes that the tensors depend on to all other nodes
    must be just these tensors. Raises ConfigError with everything that is wrong with them: unknown
    tensors and constants, tensors that nothing behind the cut reads, and further tensors or inputs
    that lead past it.
    """
    fold_constants(model)
    remove_dead_code(model)
    infer_shapes(model)
    problems = unknown_tensors(model, tensors)
    if problems:
        raise ConfigError.of(problems)
    values = _values(model)
    border = [values[name] for name in tensors]
    head = _ancestors(border)
    problems = list(_inexact(model, border, head))
    if problems:
        raise ConfigError.of(problems)
    return _split(model, border, head)


def unknown_tensors(model: ir.Model, tensors: Sequence[str]) -> list[Problem]:
    """A problem for each of `tensors` that is not fed or computed in the main graph."""
    values = _values(model)
    return [_unknown(name, model, values) for name in tensors if name not in values]


def _unknown(name: str, model: ir.Model, values: Iterable[str]) -> Problem:
    constant = name in model.graph.initializers
    return Problem(
        code=Code.NO_MATCH,
        message="A constant cannot cut the graph" if constant else "There is no such tensor",
        where=WHERE,
        got=name,
        hint=(None if constant else did_you_mean(name, values, most=3))
        or "name tensors that nodes compute, as a viewer of the file shows them",
    )


def _values(model: ir.Model) -> dict[str, ir.Value]:
    """Everything that is fed or computed in the main graph, by name."""
    fed = [value for value in model.graph.inputs if not value.is_initializer()]
    computed = [value for node in model.graph for value in node.outputs]
    return {value.name: value for value in (*fed, *computed) if value.name}


def _ancestors(values: Sequence[ir.Value]) -> set[ir.Node]:
    """The producers of `values`, and all nodes these depend on."""
    found: set[ir.Node] = set()
    pending = [value.producer() for value in values]
    while pending:
        node = pending.pop()
        if node is not None and node not in found:
            found.add(node)
            pending.extend(value.producer() for value in _reads(node))
    return found


def _reads(node: ir.Node) -> Iterator[ir.Value]:
    """What `node` and the graphs inside it read from the graph that it stands in."""
    import onnx_ir as ir

    yield from (value for value in node.inputs if value is not None)
    for attribute in node.attributes.values():
        if attribute.type is ir.AttributeType.GRAPH:
            graphs = [attribute.as_graph()]
        elif attribute.type is ir.AttributeType.GRAPHS:
            graphs = list(attribute.as_graphs())
        else:
            continue
        for graph in graphs:
            for inner in graph.all_nodes():
                yield from (v for v in inner.inputs if v is not None and v.graph is node.graph)


def _inexact(model: ir.Model, border: Sequence[ir.Value], head: set[ir.Node]) -> Iterator[Problem]:
    """Why `border` is not what separates `head` from the other nodes."""
    tail = [node for node in model.graph if node not in head]
    if not tail or not head:
        yield Problem(
            code=Code.NO_EFFECT,
            message=f"Nothing stands {'in front of' if tail else 'behind'} the tensors of the cut",
            where=WHERE,
            got=", ".join(value.name or "" for value in border),
        )
        return
    read = dict.fromkeys(value for node in tail for value in _reads(node))
    for value in border:
        if value not in read and not value.is_graph_output():
            yield Problem(
                code=Code.NO_EFFECT,
                message="Nothing behind the cut reads this tensor",
                where=WHERE,
                got=value.name,
                hint="leave it out: only what stands in front of the other tensors depends on it",
            )
    past = [
        value.name or ""
        for value in read
        if value not in border
        and (value.producer() in head or (value.is_graph_input() and not value.is_initializer()))
    ]
    if past:
        shown = ", ".join(f"`{name}`" for name in past[:_SHOWN])
        more = f" and {len(past) - _SHOWN} more" if len(past) > _SHOWN else ""
        yield Problem(
            code=Code.BAD_VALUE,
            message="The tensors do not cut the graph in two: others lead past them",
            where=WHERE,
            got=f"{shown}{more}",
            allowed="tensors through which all goes that is read behind them",
            hint="add these tensors, or those further back on the same paths",
        )


def _split(model: ir.Model, border: Sequence[ir.Value], head: set[ir.Node]) -> Halves:
    outputs = list(model.graph.outputs)
    early = [value for value in outputs if value.producer() in head or value.is_graph_input()]
    late = [value for value in outputs if value not in early]
    made = [value for value in border if value.producer() is not None]
    inputs = [value for value in model.graph.inputs if not value.is_initializer()]
    return Halves(
        head=_part(model, inputs, list(dict.fromkeys((*made, *early)))),
        tail=_part(model, border, late),
        outputs=tuple(value.name or "" for value in outputs),
    )


def _part(model: ir.Model, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]) -> ir.Model:
    import onnx_ir as ir

    graph = ir.convenience.extract(model.graph, inputs, outputs)
    graph.opset_imports.update(model.graph.opset_imports)
    part = ir.Model(graph, ir_version=model.ir_version)
    part.metadata_props.update(model.metadata_props)
    return part


class _Joiner:
    """Puts two halves together; lives for the length of one call."""

    def __init__(self, halves: Halves) -> None:
        self._model = halves.head.clone()
        self._tail = halves.tail.clone()
        self._outputs = halves.outputs

    def join(self) -> ir.Model:
        """The tail's nodes behind those of the head, which yields where names are the same."""
        front, behind = self._model.graph, self._tail.graph
        self._make_room()
        values = _values(self._model)
        for value in list(behind.inputs):
            value.replace_all_uses_with(values[value.name or ""])
        for name, value in list(behind.initializers.items()):
            self._move_constant(name, value)
        behind.outputs.clear()
        nodes = list(behind)
        behind.remove(nodes)
        front.extend(nodes)
        values = _values(self._model)
        front.outputs.clear()
        front.outputs.extend(values[name] for name in self._outputs)
        front.sort()
        return self._model

    def _make_room(self) -> None:
        """Rename what passes have made in the head under a name of the tail's."""
        behind = self._tail.graph
        values = {value.name for node in behind for value in node.outputs}
        nodes = {node.name for node in behind}
        for node in self._model.graph:
            if node.name in nodes:
                node.name = f"{node.name}/head"
            for value in node.outputs:
                if value.name in values:
                    value.name = unique_name(self._model, f"{value.name}/head")
        for name, constant in list(self._model.graph.initializers.items()):
            if name in values:
                del self._model.graph.initializers[name]
                constant.name = unique_name(self._model, f"{name}/head")
                self._model.graph.register_initializer(constant)

    def _move_constant(self, name: str, value: ir.Value) -> None:
        """Register a constant of the tail in the head; one that the halves share stays one."""
        known = self._model.graph.initializers.get(name)
        del self._tail.graph.initializers[name]
        if known is not None and known.const_value is value.const_value:
            value.replace_all_uses_with(known)
            return
        value.name = unique_name(self._model, name)
        if value.const_value is not None and value.name != name:
            value.const_value.name = value.name
        self._model.graph.register_initializer(value)
