"""Integer programs of a float model without samples: everything is real but the ranges.

Passes, plan, QDQ model and lowering are those of a build. The range of every value is
made up, so that shapes, types, float islands and movement are those of the program that a build
makes, and the numbers in it are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolchain.calibration.statistics import stats_of
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import QuantParams, QuantPlan
from toolchain.core.samples import SampleStore
from toolchain.core.stats import TensorStats
from toolchain.core.target import TargetSpec
from toolchain.graph.inputs import input_specs
from toolchain.graph.surgery import truncated
from toolchain.graph.view import read_view
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.stages.quantize import planned, without_qdq
from toolchain.plugin.requests import LowerRequest, OptimizeRequest, QuantizeRequest
from toolchain.program.records import Program
from toolchain.quantization.report import float_reason
from toolchain.quantization.roles import configured
from toolchain.quantization.rules import Asked

_EXPONENTS = 4
"""Ranges of different values lie this many powers of two apart; more than shifts reach would be
drawn together again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloatModel:
    """The simplified float model, without Q/DQ.

    Attributes:
        path: Where it is.
        graph: What is in it.
        fixed: Parameters that the model brought along.
        tail: Nodes behind a cut, which stay in float.
        zeros: One sample of zeros, for what only a run can tell.
    """

    path: Path
    graph: GraphView
    fixed: Mapping[str, QuantParams]
    tail: frozenset[str]
    zeros: SampleStore


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planned:
    """What is decided of a model for the chip of `target`.

    Attributes:
        target: Facts of the chip, with the types chosen for this build.
        plan: How values are stored.
        asked: What rules want of single nodes.
        reasons: Why nodes run in float, by name.
    """

    target: TargetSpec
    plan: QuantPlan
    asked: Mapping[str, Asked]
    reasons: Mapping[str, str]

    def agrees(self, other: Planned) -> bool:
        """True if both make the same program: the same plan under the same arithmetic.

        Why nodes run in float may differ, and what is in tables.
        """
        mine, its = self.plan, other.plan
        return (
            mine.specs == its.specs
            and mine.conversions == its.conversions
            and mine.shared == its.shared
            and mine.fused == its.fused
            and replace(self.target, platforms=(), ops={})
            == replace(other.target, platforms=(), ops={})
        )


def simplify(context: BuildContext, folder: Path) -> FloatModel:
    """The model of `context` after the passes, written into `folder`; nothing is proved.

    Raises:
        ModelError: It is no usable model, or inputs have open dimensions.
    """
    options, zeros = context.options, _zeros(context, folder)
    result = context.hooks.optimize(
        OptimizeRequest(
            target=context.target,
            source=Path(options.model),
            destination=folder / "optimized.onnx",
            inputs=options.input,
            options=replace(options.optimize, prove=False),
            passes=context.manager.passes(),
            samples=zeros,
            truncate=truncated(options.surgery),
        )
    )
    path, fixed = without_qdq(result.model.path, folder)
    return FloatModel(
        path=path,
        graph=read_view(path),
        fixed=fixed,
        tail=frozenset(result.report.tail),
        zeros=zeros,
    )


def make_plan(context: BuildContext, model: FloatModel) -> Planned:
    """The plan of `model` for the chip of `context`, rules applied.

    Raises:
        ConfigError: Rules that cannot take effect.
        UnsupportedOpError: Nodes that cannot run.
    """
    options = context.options
    target = configured(context.target, options.quantize)
    rules = options.mixed_precision
    plan, asked = planned(context, target, model.graph, model.fixed, rules, model.tail)
    precision = {name: wanted.precision for name, wanted in asked.items()}
    reasons = {
        node.name: reason
        for node in model.graph.nodes
        if (reason := float_reason(node, plan, target, precision.get(node.name))) is not None
    }
    return Planned(target=target, plan=plan, asked=asked, reasons=reasons)


def make_program(context: BuildContext, model: FloatModel, found: Planned, folder: Path) -> Program:
    """The integer program of `model` as `found` has it; the QDQ model is written into `folder`."""
    options = context.options
    destination = folder / "quantized.onnx"
    context.hooks.quantize(
        QuantizeRequest(
            target=found.target,
            model=model.path,
            destination=destination,
            graph=model.graph,
            plan=found.plan,
            stats=_ranges(model.graph),
            fixed=model.fixed,
            asked=found.asked,
            options=replace(
                options.quantize, method="minmax", weight_method="minmax", algorithms=()
            ),
            mixed_precision=options.mixed_precision,
            methods=context.manager.range_methods(),
            algorithms={},
            samples=model.zeros,
            threads=1,
            scratch=folder,
            progress=context.progress,
        )
    )
    lower = LowerRequest(target=context.target, graph=read_view(destination), name=context.name)
    return context.hooks.lower(lower)


def _ranges(graph: GraphView) -> dict[str, TensorStats]:
    """Statistics of every value as if it had been seen at both ends of a range of its own.

    Equal scales would need no conversion between them, and real ones are hardly ever equal but
    where they are powers of two: there a program that is built may have some conversions less or
    more.
    """
    names = [name for name, value in graph.values.items() if not value.is_constant]
    ends = (
        np.float32(2.0 ** (number % _EXPONENTS) * (1.0 + number / (2 * len(names))))
        for number in range(len(names))
    )
    # Not symmetric: a zero point of 0 would need no correction.
    pairs = zip(names, ends, strict=True)
    return {name: stats_of(np.array([-0.75 * end, end], np.float32)) for name, end in pairs}


def _zeros(context: BuildContext, folder: Path) -> SampleStore:
    """One sample of zeros for every input."""
    specs = input_specs(Path(context.options.model), context.options.input)
    store = SampleStore(folder=folder, inputs=specs, names=("zeros",))
    for index, spec in enumerate(specs):
        np.zeros(spec.shape, spec.dtype).tofile(store.path(index))
    return store
