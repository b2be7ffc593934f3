"""From plan and parameters to the QDQ model."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.core.artifacts import ModelArtifact
from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import Edge, ParamSet, QuantParams, QuantPlan
from toolchain.errors import Code, QuantizationError
from toolchain.graph.qdq import StoredConstant, write_qdq
from toolchain.numerics.affine import quantize

FLOAT_NODES = "tc.float_nodes"
"""Metadata key: names of nodes that run in float although their inputs and outputs are stored."""


CHANNEL_SCALES = "tc.channel_scales"
"""Metadata key: what algorithms divided the channels of activations by, and which activations."""


def channel_scales(graph: GraphView) -> dict[str, NDArray[np.float32]]:
    """Activations of a QDQ graph whose channels (axis 1) are divided, and by what."""
    groups = json.loads(graph.metadata.get(CHANNEL_SCALES, "[]"))
    return {
        name: np.asarray(group["scales"], np.float32)
        for group in groups
        for name in group["values"]
    }


def float_nodes(graph: GraphView) -> frozenset[str]:
    """Nodes that a QDQ graph says run in float."""
    return frozenset(json.loads(graph.metadata.get(FLOAT_NODES, "[]")))


def write_quantized(
    source: Path,
    destination: Path,
    *,
    graph: GraphView,
    plan: QuantPlan,
    params: ParamSet,
    replaced: Mapping[str, Array],
    metadata: Mapping[str, str],
) -> ModelArtifact:
    """Write `source` as QDQ: activations, constants and conversions as `plan` and `params` say.

    `metadata` is what `qdq_metadata` made.

    Raises:
        QuantizationError: A bias that does not fit its integer type.
    """
    activations = {
        name: found for name, found in params.values.items() if not graph.values[name].is_constant
    }
    conversions = {
        edge: found
        for edge, found in params.edges.items()
        if not graph.values[edge.value].is_constant
    }
    return write_qdq(
        source,
        destination,
        activations=activations,
        constants=tuple(_constants(graph, plan, params, replaced)),
        conversions=conversions,
        replaced=replaced,
        metadata=metadata,
    )


def qdq_metadata(float_nodes: Iterable[str], scales: Mapping[str, Array]) -> dict[str, str]:
    """What must travel with the QDQ model; a key without content is left out.

    `scales` is what algorithms divided the channels of activations by, by name.
    """
    groups: dict[bytes, tuple[Array, list[str]]] = {}
    for name in sorted(scales):
        array = np.asarray(scales[name], np.float32)
        groups.setdefault(array.tobytes(), (array, []))[1].append(name)
    # Each float32 with the digits that it needs and no more.
    records = [
        {"values": names, "scales": [float(str(number)) for number in array]}
        for array, names in groups.values()
    ]
    found = {FLOAT_NODES: sorted(float_nodes), CHANNEL_SCALES: records}
    return {key: json.dumps(items) for key, items in found.items() if items}


def _constants(
    graph: GraphView, plan: QuantPlan, params: ParamSet, replaced: Mapping[str, Array]
) -> Iterator[StoredConstant]:
    """Initializers to store, one per distinct set of parameters."""
    by_value: dict[str, list[tuple[QuantParams, list[Edge]]]] = defaultdict(list)
    for name, found in params.values.items():
        if graph.values[name].is_constant:
            edges = [Edge(name, use.node.name, use.position) for use in graph.uses(name)]
            plain = [edge for edge in edges if edge not in plan.conversions]
            if plain:
                by_value[name].append((found, plain))
    for edge, found in params.edges.items():
        if graph.values[edge.value].is_constant:
            entries = by_value[edge.value]
            same = next((e for e in entries if e[0].same_numbers(found)), None)
            if same is None:
                entries.append((found, [edge]))
            else:
                same[1].append(edge)
    for name, entries in by_value.items():
        array = np.asarray(replaced.get(name, graph.values[name].constant), np.float32)
        for number, (found, edges) in enumerate(entries):
            yield StoredConstant(
                value=name,
                name=name if number == 0 else f"{name}/{number}",
                integers=_integers(name, array, found),
                params=found,
                edges=tuple(edges),
            )


def _integers(name: str, array: Array, params: QuantParams) -> Array:
    """Quantized constant; a bias (int32) is rounded in float64, where float32 is too coarse."""
    if params.spec.dtype.bits < 32:
        return quantize(array, params)
    steps = np.rint(array.astype(np.float64) / params.scale.astype(np.float64))
    if np.any(np.abs(steps) > params.spec.qmax):
        raise QuantizationError(
            Code.PARAMS_INVALID,
            "A bias does not fit its type",
            where=name,
            got=f"channel {int(np.abs(steps).argmax())}: {np.abs(steps).max():.3g} steps",
            allowed=f"at most {params.spec.qmax}",
            hint="pin a larger scale for the weight of that channel",
        )
    return steps.astype(np.int32)
