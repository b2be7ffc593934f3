"""The precision of every layer: float model against QDQ model or integer reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from toolchain.analysis.layers import Layer, find_layers
from toolchain.analysis.pairs import Models, pair_function
from toolchain.analysis.totals import BINS, Seen, Totals, seen
from toolchain.analysis.verdict import findings, summary
from toolchain.analysis.weights import Weight, stored_weights
from toolchain.calibration.ordered import core_count, ordered_map
from toolchain.core.options import AnalysisForm, AnalysisOptions
from toolchain.core.progress import Progress
from toolchain.core.quant import QuantParams
from toolchain.core.reports import AnalysisReport, LayerRow
from toolchain.core.runner import Runner
from toolchain.core.samples import SampleStore
from toolchain.graph.view import read_view
from toolchain.numerics.affine import stored_bounds
from toolchain.numerics.agreement import Agreement
from toolchain.numerics.histogram import Histogram
from toolchain.numerics.metrics import decibels
from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One target's model in its three forms.

    Attributes:
        target: Name of the target.
        platform: Its chip.
        float_model: The float model, without Q/DQ.
        qdq_model: The QDQ model.
        program: The integer program.
        machine: The compiled model on its machine, which hands out layers; needed where it is to
            be analysed.
    """

    target: str
    platform: str
    float_model: Path
    qdq_model: Path
    program: Program
    machine: Runner | None = None


def analyze_precision(
    subject: Subject,
    samples: SampleStore,
    options: AnalysisOptions,
    *,
    threads: int,
    progress: Progress,
) -> AnalysisReport:
    """Compare every layer on the first `options.samples` samples.

    Samples are spread over `threads` threads (0: one per core), and added up in their order, so
    that the report does not depend on the number of threads. Memory does not grow with the number
    of samples.

    Raises:
        ModelError: onnxruntime cannot run one of the models.
        CompileError: The QDQ model or the program is not what a build writes.
        DataError: Samples that do not fit the models.
    """
    graph, qdq = read_view(subject.float_model), read_view(subject.qdq_model)
    layers = find_layers(graph, qdq, subject.program)
    count = min(options.samples, len(samples))
    models = Models(
        float_model=subject.float_model,
        qdq_model=subject.qdq_model,
        program=subject.program,
        layers=layers,
        machine=subject.machine,
    )
    totals = [Totals() for _ in layers]
    # A machine executes one sample after the other.
    workers = 1 if options.on is AnalysisForm.MACHINE else min(threads or core_count(), count)
    with TemporaryDirectory(prefix="tc-analyze-") as folder:
        pairs = pair_function(models, options.mode, options.on, Path(folder))

        def one(index: int) -> list[Seen]:
            return [seen(pair) for pair in pairs(samples.batch(index))]

        with progress.task("analyze", count) as advance:
            for index, found in enumerate(ordered_map(one, range(count), workers)):
                for total, item in zip(totals, found, strict=True):
                    total.add(item, samples.names[index])
                advance(1)
    weights = stored_weights(graph, qdq, subject.program.rounding)
    outputs = tuple(value.name for value in graph.outputs)
    rows = (*_layer_rows(layers, totals, options), *_weight_rows(weights, options))
    return AnalysisReport(
        target=subject.target,
        platform=subject.platform,
        mode=options.mode,
        on=options.on,
        samples=count,
        max_noise=options.max_noise,
        min_cosine=options.min_cosine,
        rows=rows,
        outputs=outputs,
        summary=summary(rows, outputs, options),
        findings=findings(rows, outputs, options),
    )


def _layer_rows(
    layers: Sequence[Layer], totals: Sequence[Totals], options: AnalysisOptions
) -> Iterator[LayerRow]:
    for layer, total in zip(layers, totals, strict=True):
        shape = layer.value.static_shape or ()
        dtype = str(layer.value.dtype)
        yield LayerRow(
            operator=layer.operator,
            op_type=layer.op_type,
            output=layer.name,
            nodes=tuple(node.name for node in layer.nodes),
            inputs=layer.reads,
            shape=shape,
            dtype=dtype,
            quantized_dtype=dtype if layer.params is None else str(layer.params.spec.dtype),
            cosine=total.cosine,
            mse=total.mse,
            sqnr_db=total.sqnr_db,
            noise_to_signal=total.noise_to_signal,
            rounding=total.rounding,
            clipping=total.clipping,
            clipped=total.clipped,
            stored=_stored(layer),
            quantized=total.quantized,
            real=total.real,
            histogram=total.bins(),
            worst_sample=total.worst_sample,
            marks=_marks(total.noise_to_signal, total.cosine, options),
        )


def _weight_rows(weights: Iterator[Weight], options: AnalysisOptions) -> Iterator[LayerRow]:
    for node, name, params, expected, actual in weights:
        found = Agreement.of(expected, actual)
        ratio = found.noise_to_signal
        yield LayerRow(
            operator=node.name,
            op_type=node.op_type,
            output=name,
            constant=True,
            nodes=(node.name,),
            shape=expected.shape,
            dtype=str(expected.dtype),
            quantized_dtype=str(params.spec.dtype),
            cosine=found.cosine,
            mse=found.noise / max(found.count, 1),
            sqnr_db=decibels(found.signal, found.noise),
            noise_to_signal=ratio,
            rounding=ratio,
            clipping=0.0,
            clipped=0.0,
            stored=_bounds(params, expected.ndim),
            quantized=found.actual,
            real=found.expected,
            histogram=Histogram.of(expected).bins(*found.expected, BINS),
            worst_sample="",
            marks=_marks(ratio, found.cosine, options),
        )


def _stored(layer: Layer) -> tuple[float, float] | None:
    """What can be stored of a layer, in units of the float model: of its widest channel."""
    if layer.params is None:
        return None
    low, high = _bounds(layer.params, len(layer.value.shape or ()))
    widest = 1.0 if layer.scales is None else float(np.max(layer.scales))
    return low * widest, high * widest


def _bounds(params: QuantParams, rank: int) -> tuple[float, float]:
    """Real values between which all that is stored lies."""
    low, high = stored_bounds(params, rank)
    return float(np.min(low)), float(np.max(high))


def _marks(ratio: float, cosine: float, options: AnalysisOptions) -> tuple[str, ...]:
    """Which figures are beyond their threshold; one that is no number is, too."""
    found = {"SNR": ratio <= options.max_noise, "cosine": cosine >= options.min_cosine}
    return tuple(name for name, fine in found.items() if not fine)
