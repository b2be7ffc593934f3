"""What stage hooks get and return: one request and one result per step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolchain.core.artifacts import CompiledArtifact, ModelArtifact
from toolchain.core.check_report import CheckReport
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.options import (
    CheckOptions,
    CompileOptions,
    InputOptions,
    MixedPrecisionOptions,
    OptimizeOptions,
    QuantizeOptions,
)
from toolchain.core.progress import Progress
from toolchain.core.quant import ParamSet, QuantParams, QuantPlan
from toolchain.core.registry import AlgorithmDef, PassDef, RangeMethodDef
from toolchain.core.reports import OptimizeReport, QuantReport, RuleEffect
from toolchain.core.samples import SampleStore
from toolchain.core.stats import TensorStats
from toolchain.core.target import TargetSpec
from toolchain.program.records import Program
from toolchain.quantization.rules import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeRequest:
    """Simplify `source` into `destination` and prove it on `samples`.

    Attributes:
        truncate: Tensors behind which the model is left alone; empty to simplify all of it.
    """

    target: TargetSpec
    source: Path
    destination: Path
    inputs: tuple[InputOptions, ...]
    options: OptimizeOptions
    passes: tuple[PassDef, ...]
    samples: SampleStore
    truncate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeResult:
    """The simplified model and what was done to it."""

    model: ModelArtifact
    report: OptimizeReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanRequest:
    """Decide how every value of `graph` is stored.

    Attributes:
        target: Facts, with the types of activations and weights that the user chose as defaults.
        bias_dtype: How biases are stored.
        input_dtype: How model inputs are stored; None: as other activations.
        fixed: Parameters that the model brought along.
        asked: What is wanted of single nodes.
    """

    target: TargetSpec
    graph: GraphView
    bias_dtype: DType
    input_dtype: DType | None = None
    fixed: Mapping[str, QuantParams]
    asked: Mapping[str, Asked]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefineRequest:
    """Settle the rules of `options` for `graph`; `quantize` holds for all nodes."""

    target: TargetSpec
    graph: GraphView
    plan: QuantPlan
    options: MixedPrecisionOptions
    quantize: QuantizeOptions = field(default_factory=QuantizeOptions)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantizeRequest:
    """Choose parameters for `plan` and write the QDQ model.

    Attributes:
        model: The float model with Q/DQ taken out.
        asked: Range methods of single nodes, from rules.
        samples: The calibration samples, for algorithms that observe more.
        threads: Threads of further sweeps; 0 takes one per core.
        scratch: An empty folder for temporary models.
    """

    target: TargetSpec
    model: Path
    destination: Path
    graph: GraphView
    plan: QuantPlan
    stats: Mapping[str, TensorStats]
    fixed: Mapping[str, QuantParams]
    asked: Mapping[str, Asked]
    options: QuantizeOptions
    mixed_precision: MixedPrecisionOptions
    methods: Mapping[str, RangeMethodDef]
    algorithms: Mapping[str, AlgorithmDef]
    samples: SampleStore
    threads: int
    scratch: Path
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantizeResult:
    """The QDQ model, its parameters, and what was quantized how."""

    model: ModelArtifact
    params: ParamSet
    report: QuantReport
    effects: tuple[RuleEffect, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LowerRequest:
    """Turn the QDQ model into an integer program under the target's rules."""

    target: TargetSpec
    graph: GraphView
    name: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompileRequest:
    """Write the target's files into `folder`.

    `sources` holds the program as C, which is published whatever the answer; None where
    `compile.sources` switches it off. `groups` holds the program for each entry of
    `compile.groups`, with the parameters of `program` and the shapes of the group.
    """

    target: TargetSpec
    platform: str
    model: ModelArtifact
    program: Program
    folder: Path
    sources: Path | None
    name: str
    options: CompileOptions
    target_options: Any
    groups: tuple[Program, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckRequest:
    """Compare float model, QDQ model and integer program on `samples`."""

    target: TargetSpec
    float_model: Path
    qdq_model: Path
    program: Program
    compiled: CompiledArtifact
    samples: SampleStore
    options: CheckOptions
    threads: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckResult:
    """What the comparisons found."""

    report: CheckReport
