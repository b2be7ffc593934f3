"""What a model must satisfy before anything is done with it."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, ModelError, Problem
from toolchain.graph.light import light_proto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx_ir as ir

MIN_OPSET = 7


def validate(model: ir.Model, path: Path) -> None:
    """Check a model as loaded and sort its nodes.

    Raises ModelError: UNKNOWN_OPSET, UNKNOWN_DOMAIN (all such nodes), MODEL_INVALID (unknown
    operators and undefined values, all of them; whatever else onnx's checker finds), MODEL_CYCLIC
    (the nodes on the cycle), NOT_FINITE_WEIGHT (all such initializers).
    """
    _check_opset(model, path)
    _check_operators(model)
    _check_defined(model)
    _check_cycle(model)
    model.graph.sort()
    for function in model.functions.values():
        function.sort()
    _check_onnx(model, path)
    check_finite(model)


def _check_opset(model: ir.Model, path: Path) -> None:
    import onnx

    newest = onnx.defs.onnx_opset_version()
    version = model.graph.opset_imports.get("")
    if version is None or not MIN_OPSET <= version <= newest:
        raise ModelError(
            Code.UNKNOWN_OPSET,
            "The model's ONNX opset is not supported",
            where=str(path),
            got="none" if version is None else version,
            allowed=f"{MIN_OPSET} to {newest}",
            hint="export the model again with an opset in this range",
        )


def _check_operators(model: ir.Model) -> None:
    import onnx

    version = model.graph.opset_imports[""]
    problems = []
    for node in _all_nodes(model):
        if node.op_identifier() in model.functions:
            continue
        where = f"node {node.name or node.outputs[0].name!r}" if node.outputs else "a node"
        if node.domain != "":
            problems.append(
                Problem(
                    code=Code.UNKNOWN_DOMAIN,
                    message=f"Operator {node.domain}.{node.op_type} is not standard ONNX",
                    where=where,
                    got=f"domain {node.domain!r}",
                    allowed="operators of ai.onnx and functions defined in the model",
                    hint="export without vendor operators or graph optimization by a runtime",
                )
            )
        elif not onnx.defs.has(node.op_type, max_inclusive_version=version):
            problems.append(
                Problem(
                    code=Code.MODEL_INVALID,
                    message=f"ONNX opset {version} has no operator {node.op_type}",
                    where=where,
                )
            )
    if problems:
        raise ModelError.of(problems)


def _check_defined(model: ir.Model) -> None:
    graphs = [*model.graphs(), *(function.graph for function in model.functions.values())]
    problems = [
        Problem(
            code=Code.MODEL_INVALID,
            message=f"Value {value.name!r} is read but nothing computes it",
            where=f"node {node.name!r}",
        )
        for graph in graphs
        for node in graph
        for value in node.inputs
        if value is not None
        and value.producer() is None
        and not (value.is_graph_input() or value.is_initializer())
    ]
    problems += [
        Problem(
            code=Code.MODEL_INVALID,
            message="A model output is computed by nothing",
            where=f"output {value.name!r}",
        )
        for graph in graphs
        for value in graph.outputs
        if value.producer() is None and not (value.is_graph_input() or value.is_initializer())
    ]
    if problems:
        raise ModelError.of(problems)


def _check_cycle(model: ir.Model) -> None:
    for graph in (model.graph, *model.functions.values()):
        sorter: TopologicalSorter[ir.Node] = TopologicalSorter()
        for node in graph:
            sorter.add(node, *_producers(node))
        try:
            sorter.prepare()
        except CycleError as error:
            nodes = [node.name or node.outputs[0].name or node.op_type for node in error.args[1]]
            raise ModelError(
                Code.MODEL_CYCLIC,
                "The graph has a cycle",
                where=f"node {nodes[0]!r}",
                got=" <- ".join(nodes),
                allowed="a graph whose nodes can be put in order",
            ) from error


def _check_onnx(model: ir.Model, path: Path) -> None:
    import onnx

    try:
        onnx.checker.check_model(light_proto(model))
    except (onnx.checker.ValidationError, ValueError, TypeError, RuntimeError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            Code.MODEL_INVALID,
            "The model breaks ONNX's rules",
            where=str(path),
            got=lines[0] if lines else type(error).__name__,
        ) from error


def check_finite(model: ir.Model) -> None:
    """Raise ModelError (NOT_FINITE_WEIGHT) that lists all float constants with NaN or infinity.

    One element alone may be infinite: that is how bounds and attention masks are written.
    """
    problems = [
        Problem(
            code=Code.NOT_FINITE_WEIGHT,
            message="A constant is not finite",
            where=f"initializer {name!r}",
            got=found,
            hint="the training of this model has diverged or its file is damaged",
        )
        for graph in model.graphs()
        for name, value in graph.initializers.items()
        if (found := _not_finite(value)) is not None
    ]
    if problems:
        raise ModelError.of(problems)


def _not_finite(value: ir.Value) -> str | None:
    tensor = value.const_value
    if tensor is None or not tensor.dtype.is_floating_point():
        return None
    array = tensor.numpy()
    if array.dtype.kind != "f":
        array = array.astype(np.float32)
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad == 0 or (array.size == 1 and not np.isnan(array).any()):
        return None
    return f"{bad} of {array.size} elements are NaN or infinite"


def _all_nodes(model: ir.Model) -> Iterator[ir.Node]:
    yield from model.graph.all_nodes()
    for function in model.functions.values():
        yield from function.all_nodes()


def _producers(node: ir.Node) -> list[ir.Node]:
    """Nodes of the same graph that `node`, or a graph inside it, reads from."""
    import onnx_ir as ir

    inner = [
        item
        for attribute in node.attributes.values()
        if attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
        for graph in (
            [attribute.as_graph()]
            if attribute.type is ir.AttributeType.GRAPH
            else attribute.as_graphs()
        )
        for item in graph.all_nodes()
    ]
    values = [value for item in (node, *inner) for value in item.inputs if value is not None]
    producers = dict.fromkeys(value.producer() for value in values)
    return [item for item in producers if item is not None and item.graph is node.graph]
