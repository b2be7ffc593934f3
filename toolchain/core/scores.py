"""What an evaluation found: the forms of a model side by side on the same samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One form of the model.

    Attributes:
        target: Whose it is; of the float model all targets that share it, joined by ", ".
        form: "float", "qdq" (in onnxruntime) or "reference" (the integer program).
        score: The metric over all samples.
        difference: `score` minus that of the float model; None for the float model itself.
        low: Lower end of the confidence interval of `difference`.
        high: Upper end.
        p_value: Exact McNemar test of "as many samples lost as won"; None unless every sample's
            score is 0 or 1.
        agreement: Share of samples with the same largest output as float; None where the first
            output is no vector.
        sqnr_db: Signal to noise of the first output against float, in dB; inf for float itself.
        samples_per_second: Throughput on this machine, as a wall-clock figure.
    """

    target: str
    form: str
    score: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    agreement: float | None = None
    sqnr_db: float = float("inf")
    samples_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """All forms of all targets on the same samples.

    Attributes:
        metric: Name of the metric.
        samples: How many samples.
        confidence: Share of repetitions in which the interval holds the difference.
        resamples: Bootstrap resamples behind every interval.
        seed: Seed of the bootstrap.
        rows: Float first, then its targets; one float row per float model.
    """

    metric: str
    samples: int
    confidence: float
    resamples: int
    seed: int
    rows: tuple[ScoreRow, ...]
