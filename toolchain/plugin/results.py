"""What functions of plugins must return besides the right type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from toolchain.core.cost import OperationEstimate
from toolchain.core.registry import (
    AlgorithmDef,
    AlgorithmInput,
    AlgorithmOutput,
    CostModelDef,
    MetricDef,
    PassDef,
    RangeMethodDef,
)
from toolchain.core.stats import TensorRange
from toolchain.plugin.declared import said

if TYPE_CHECKING:
    from toolchain.core.cost import OperationCost
    from toolchain.core.dtypes import Array
    from toolchain.plugin.declared import Findings


class Contract(NamedTuple):
    """What a function returns: its type, and what (result, *arguments) must fulfil."""

    declared: Any
    further: Callable[..., Findings] | None = None


def _range(result: TensorRange, *_: object) -> Findings:
    if not (math.isfinite(result.minimum) and math.isfinite(result.maximum)):
        yield "", f"{result.minimum} to {result.maximum}", "finite bounds"
    elif result.minimum > result.maximum:
        yield "", f"{result.minimum} to {result.maximum}", "a minimum that is not above the maximum"


def _constants(result: AlgorithmOutput, given: AlgorithmInput) -> Findings:
    values = given.graph.values
    for name, array in result.constants.items():
        known = values.get(name)
        old = None if known is None else known.constant
        if old is None:
            yield f"constants[{name}]", name, "initializers of the graph"
        elif array.shape != old.shape or array.dtype != old.dtype:
            found = f"{array.dtype} {array.shape}"
            yield f"constants[{name}]", found, f"{old.dtype} {old.shape}, as it was"
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            yield f"constants[{name}]", "values that are not finite", "finite values"
    for name in sorted(result.changed_values - values.keys()):
        yield "changed_values", name, "values of the graph"


def _graph(result: bool, model: Any) -> Findings:
    del result
    try:
        # Follows every edge, and copies no tensor.
        model.clone()
    except Exception as error:  # noqa: BLE001 - becomes a finding
        yield "", said(error).splitlines()[0], "a graph whose nodes read what exists"


def _scores(result: Array, *_: object) -> Findings:
    if result.dtype.kind not in "fiub" or not np.isfinite(result).all():
        yield "", f"{result.dtype} {result.shape}", "finite numbers"


def _estimates(
    result: tuple[OperationEstimate, ...], operations: Sequence[OperationCost], *_: object
) -> Findings:
    names = [each.name for each in operations]
    if [each.name for each in result] != names:
        yield "", f"{len(result)} estimates", f"one for each of {len(names)} operations, in order"
    for each in result:
        if not (math.isfinite(each.latency_us) and each.latency_us >= 0):
            yield f"latency_us of {each.name}", each.latency_us, "a finite time, 0 or more"


RESULTS: Mapping[tuple[type[Any], str], Contract] = MappingProxyType(
    {
        (RangeMethodDef, "function"): Contract(TensorRange, _range),
        (AlgorithmDef, "function"): Contract(AlgorithmOutput, _constants),
        (PassDef, "function"): Contract(bool, _graph),
        (MetricDef, "function"): Contract(np.ndarray, _scores),
        (MetricDef, "score"): Contract(float),
        (MetricDef, "truth"): Contract(Mapping[int, Any]),
        (CostModelDef, "function"): Contract(tuple[OperationEstimate, ...], _estimates),
    }
)
"""What the functions in the fields of records return."""
