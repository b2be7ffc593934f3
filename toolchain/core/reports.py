"""Report records: the same objects are rendered to the terminal, JSON and Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeryRow:
    """One change that the user made to the model.

    Attributes:
        change: "attribute", "constant", "input shape", "input name", "output name", "further
            output", "truncate" or "opset".
        where: Node and attribute, or tensor.
        old: What was there before.
        new: What is there now.
    """

    change: str
    where: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRow:
    """What one pass did: nodes before and behind it."""

    name: str
    nodes_before: int
    nodes_after: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """How far one output moved: absolute, and relative to its largest magnitude."""

    output: str
    max_difference: float
    max_magnitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeReport:
    """What the optimize stage did, and its proof (`samples` is 0 where none was asked for).

    Attributes:
        surgery: What was changed in the model before, and where it was cut.
        tail: Nodes behind the cut, which stay as they were.
        halves: Values that the model declares as 16-bit floats; they are float32 now.
    """

    passes: tuple[PassRow, ...]
    proof: tuple[ProofRow, ...]
    samples: int
    opset_before: int
    opset_after: int
    surgery: tuple[SurgeryRow, ...] = ()
    tail: tuple[str, ...] = ()
    halves: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """What the statistics cost.

    Attributes:
        samples: Calibration samples.
        values: Values observed.
        graph: Digest of the float graph; targets with the same one share its sweep.
        forwards: Runs of the model in the sweep.
        own_forwards: Runs of this target alone: of values that its plan needs beyond the sweep's,
            and of algorithms that change the model.
    """

    samples: int
    values: int
    graph: str
    forwards: int
    own_forwards: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantRow:
    """How one tensor is stored.

    Attributes:
        value: Name of the tensor.
        role: "activation", "weight", "bias" or "conversion".
        dtype: Stored type.
        granularity: "per_tensor" or "per_channel(axis)".
        scale: First scale, or the only one.
        zero_point: First zero point, or the only one.
        minimum: Smallest real value that can be stored, of the first channel.
        maximum: Largest real value that can be stored, of the first channel.
        method: What chose the range.
    """

    value: str
    role: str
    dtype: str
    granularity: str
    scale: float
    zero_point: int
    minimum: float
    maximum: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatRow:
    """A node that runs in float, and why."""

    node: str
    op_type: str
    reason: str
    macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantReport:
    """What was quantized how."""

    rows: tuple[QuantRow, ...]
    islands: tuple[FloatRow, ...]
    integer_nodes: int
    integer_macs: int
    total_macs: int
    algorithms: tuple[str, ...] = ()
    extra_forwards: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEffect:
    """What one mixed-precision rule or pin changed.

    Attributes:
        rule: Config path of the rule ("mixed_precision.rules[0]").
        selector: How it selects, as text.
        target: Node or tensor it took effect on.
        setting: What was set ("output_dtype = float32").
    """

    rule: str
    selector: str
    target: str
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyReport:
    """Float, QDQ model and integer reference on the same labelled samples.

    Attributes:
        metric: Name of the metric.
        samples: How many samples.
        float_score: Mean score of the float model.
        qdq_score: Mean score of the QDQ model in onnxruntime.
        reference_score: Mean score of the integer reference.
        agreement: Share of samples on which float and reference have the same largest output; None
            where the first output is no vector.
        sqnr_db: Signal to quantization noise of the reference's first output, in dB.
    """

    metric: str
    samples: int
    float_score: float
    qdq_score: float
    reference_score: float
    agreement: float | None
    sqnr_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file that a build wrote."""

    path: Path
    what: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Why a target cannot run a node on integers: the rule, and what was measured."""

    node: str
    op_type: str
    rule: str
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSupport:
    """What some chips of one target, which agree in it, support of a model."""

    target: str
    platforms: tuple[str, ...]
    integer_nodes: int
    float_nodes: int
    unsupported_nodes: int
    integer_mac_share: float
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRow:
    """A model input or output; unknown dimensions are shown as `?`."""

    name: str
    dtype: str
    shape: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectReport:
    """What a model is, before anything is done to it."""

    path: Path
    opset: int
    inputs: tuple[TensorRow, ...]
    outputs: tuple[TensorRow, ...]
    nodes: int
    macs: int
    weight_bytes: int
    parameters: int
    op_counts: tuple[tuple[str, int], ...]
    support: tuple[TargetSupport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """How far one tensor of the quantized model is from the float model's, over all samples.

    Attributes:
        operator: Name of the node that computes it; others may be fused into it.
        op_type: Operator types, as in "Conv+Relu"; "Input" for a model input.
        output: Name of the tensor in the float model.
        constant: True for a weight: it is the same for every sample.
        nodes: All nodes of the layer.
        inputs: Tensors of other layers that it reads.
        shape: Shape of one sample.
        dtype: Element type in the float model.
        quantized_dtype: Element type as stored, float where it is not quantized.
        cosine: Cosine similarity, mean over samples.
        mse: Mean of (q - f)**2 over all elements.
        sqnr_db: 10 * log10 of signal over noise power, both summed over all samples, in dB.
        noise_to_signal: sum((q - f)**2) / (sum(f**2) + 1e-7), mean over samples: XQuant's SNR.
        rounding: The same ratio for f stored as it is, of the elements inside the range.
        clipping: The same ratio for f stored as it is, of the elements outside the range.
        clipped: Share of elements outside the range that can be stored.
        stored: Smallest and largest real value that can be stored; None where it stays float.
        quantized: Smallest and largest value of the quantized model.
        real: Smallest and largest value of the float model.
        histogram: Float values in 32 equal bins over `real`.
        worst_sample: Name of the sample with the largest ratio; empty for a constant.
        marks: What is beyond its threshold: "SNR", "cosine".
    """

    operator: str
    op_type: str
    output: str
    constant: bool = False
    nodes: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    shape: tuple[int, ...]
    dtype: str
    quantized_dtype: str
    cosine: float
    mse: float
    sqnr_db: float
    noise_to_signal: float
    rounding: float
    clipping: float
    clipped: float
    stored: tuple[float, float] | None
    quantized: tuple[float, float]
    real: tuple[float, float]
    histogram: tuple[int, ...]
    worst_sample: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One layer that the error comes from.

    Attributes:
        operator: Its operator.
        output: Its tensor.
        share: Its part of the error of all layers.
        cause: What most of its own error is, with the figures.
        advice: What can be done about that.
    """

    operator: str
    output: str
    share: float
    cause: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisReport:
    """The precision of every layer of one target's model.

    Attributes:
        target: Name of the target.
        platform: Its chip.
        mode: "per_layer" or "end_to_end".
        on: "reference" or "qdq".
        samples: How many samples were compared.
        max_noise: Largest noise-to-signal ratio that is not marked.
        min_cosine: Smallest cosine similarity that is not marked.
        rows: Every layer in the order of the graph, then every stored weight.
        outputs: Names of the model outputs.
        summary: What the figures come to, in one sentence.
        findings: The layers that the error comes from, the worst first.
    """

    target: str
    platform: str
    mode: str
    on: str
    samples: int
    max_noise: float
    min_cosine: float
    rows: tuple[LayerRow, ...]
    outputs: tuple[str, ...]
    summary: str
    findings: tuple[Finding, ...]
