"""Registration records: what collecting hooks return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toolchain.core.cost import OperationCost, OperationEstimate
from toolchain.core.dtypes import Array
from toolchain.core.labels import LabelReader, Truth
from toolchain.core.options import Format, InputOptions
from toolchain.core.quant import ParamSet, QuantPlan, QuantSpec
from toolchain.core.samples import InputSpec
from toolchain.core.stats import TensorRange, TensorStats

if TYPE_CHECKING:
    from toolchain.core.graph_view import GraphView
    from toolchain.core.target import TargetSpec

RangeFunction = Callable[[TensorStats, QuantSpec, float], TensorRange]
"""(statistics, spec, percentile) to range. Pure; never computes parameters."""

PreprocessFunction = Callable[[Array, InputOptions, InputSpec], Array]
"""(one raw sample, options of its input, the model input) to one sample of `InputSpec.shape`."""

MetricFunction = Callable[[Array, NDArray[np.int64]], NDArray[np.float64]]
"""(first output of N samples, N classes) to N scores; their mean is the metric."""

EvidenceFunction = Callable[[Mapping[str, Array], Any], Any]
"""(outputs of one sample by name, its truth) to what it contributes, which is kept: small."""

ScoreFunction = Callable[[Sequence[Any]], float]
"""What all samples contributed, in their order, to the metric."""

CostModel = Callable[[Sequence[OperationCost], int], tuple[OperationEstimate, ...]]
"""(operations in the order of the program, cores) to an estimate for each, in their order."""

PassFunction = Callable[[Any], bool]
"""Rewrites an `onnx_ir.Model` in place; True if it changed anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeMethodDef:
    """A way to choose a range from statistics.

    Attributes:
        name: What users write in `quantize.method`.
        summary: One line.
        function: Chooses the range.
        weighed: True if it is given not what was counted but what errors cost and what unseen
            samples may bring: elements weighed by the importance of their channels, and tails
            beyond the extremes of the model outputs.
    """

    name: str
    summary: str
    function: RangeFunction
    weighed: bool = False


class SourceKind(StrEnum):
    """How the samples of a source are told apart, which decides how those of inputs are paired."""

    FILES = "files"
    """By file names, in their order."""
    LIST = "list"
    """By their order, which somebody chose; a single one may stand for all."""
    NUMBERED = "numbered"
    """By numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """A source to open.

    Attributes:
        path: File or folder.
        key: What stands behind the colon in `file.npz:key`, or the input's name where one source
            feeds several inputs.
        input: The model input that is fed; None where only the names of the samples are asked for.
        format: What the files hold, as the user says.
        dtype: numpy name of the element type of raw files; None for that of the input.
        undecoded: True if a function of the user's reads the files: they may hold anything.
    """

    path: Path
    key: str | None = None
    input: InputSpec | None = None
    format: Format = Format.AUTO
    dtype: str | None = None
    undecoded: bool = False


class SampleReader(Protocol):
    """Samples of one source, opened; the reader holds no more than one sample in memory."""

    @property
    def images(self) -> bool:
        """True if `read` returns decoded images; a class attribute will do."""
        ...

    def names(self) -> Sequence[str]:
        """What each sample is called, in the order of the source."""
        ...

    def read(self, index: int) -> Array:
        """Sample `index`: an image as uint8 (height, width, 3) in RGB, or an array as stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReaderDef:
    """A kind of sample source.

    Attributes:
        name: What `tc plugins` shows.
        summary: One line.
        accepts: True if the reader can open this path; called in order of registration.
        open: Opens what is asked for.
        kind: How its samples are told apart.
    """

    name: str
    summary: str
    accepts: Callable[[Path], bool]
    open: Callable[[SourceRequest], SampleReader]
    kind: SourceKind = SourceKind.NUMBERED


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessorDef:
    """A way from a raw sample to a model input."""

    name: str
    summary: str
    function: PreprocessFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class PassDef:
    """One simplification of the float graph.

    Attributes:
        name: What users write in `optimize.skip`.
        summary: One line.
        function: The rewrite.
        phase: Passes run in the order of their phase, then of registration.
    """

    name: str
    summary: str
    function: PassFunction
    phase: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDef:
    """A figure of merit on labelled samples; the larger the better.

    Samples come one by one, and what each contributes is kept: a number per sample whose mean is
    the metric (`function`, or `evidence` alone), or anything that `score` makes a number of. The
    score is computed again on resampled contributions for its confidence interval.

    Attributes:
        name: What users write in `evaluation.metric`.
        summary: One line.
        function: Scores of first outputs and their classes.
        evidence: Instead of `function`: what one sample contributes.
        score: What the contributions add up to; None takes their mean.
        truth: What `evidence` holds outputs against: a kind that comes with the toolchain, or a
            reader of labels.
    """

    name: str
    summary: str
    function: MetricFunction | None = None
    evidence: EvidenceFunction | None = None
    score: ScoreFunction | None = None
    truth: Truth | LabelReader = Truth.CLASSES

    def __post_init__(self) -> None:
        """Raise ValueError where the parts do not make one metric."""
        if (self.function is None) == (self.evidence is None):
            raise ValueError(f"metric `{self.name}` needs either `function` or `evidence`")
        if self.function is not None and (self.score, self.truth) != (None, Truth.CLASSES):
            raise ValueError(f"metric `{self.name}`: `function` scores classes, and by their mean")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlgorithmInput:
    """What an algorithm sees: everything known of the model before it is written as QDQ.

    Attributes:
        graph: The float graph, with what earlier algorithms changed.
        plan: Which value is stored in which spec.
        params: Computes the parameters as they would be now; costs time when first called.
        stats: What was observed of `graph`, by value.
        target: Facts of the hardware.
        pinned: Values whose parameters are given, by hand or by the model, and stay as they are.
    """

    graph: GraphView
    plan: QuantPlan
    params: Callable[[], ParamSet]
    stats: Mapping[str, TensorStats]
    target: TargetSpec
    pinned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlgorithmOutput:
    """What an algorithm changes.

    Attributes:
        constants: Initializer name to its new array of unchanged shape and dtype.
        changed_values: Activations whose distribution this shifts, so that they are observed again.
        summary: One line for the report.
        channel_scales: Activation name to what its channels (axis 1) are divided by, so that it can
            still be compared with the model as it was given; absent where nothing is divided.
    """

    constants: Mapping[str, Array]
    changed_values: frozenset[str]
    summary: str
    channel_scales: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmDef:
    """A way to adjust weights and biases so that quantization costs less."""

    name: str
    summary: str
    function: Callable[[AlgorithmInput], AlgorithmOutput]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModelDef:
    """An estimate of how long programs take on some chips of one target.

    Attributes:
        name: What reports call it.
        summary: One line: what machine and what software it speaks of.
        target: Target that it is of.
        platforms: Chips that it is of.
        function: Estimates.
        sources: Where its figures are from, one line each.
        notes: What it assumes or leaves out, one line each.
    """

    name: str
    summary: str
    target: str
    platforms: tuple[str, ...]
    function: CostModel
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()
