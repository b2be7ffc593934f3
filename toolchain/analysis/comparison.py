"""Comparison of the forms of one model on samples: float, QDQ in onnxruntime, reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from toolchain.analysis.excluded import kept as not_excluded
from toolchain.analysis.forms import session_form
from toolchain.analysis.stored import Stored, stored_tensors, undivided
from toolchain.calibration.ordered import core_count, ordered_map
from toolchain.core.check_report import CheckReport, CheckRow
from toolchain.core.dtypes import Array
from toolchain.core.options import CheckOptions, CompareOptions, Metric, Scope
from toolchain.core.progress import Progress
from toolchain.core.samples import SampleStore
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.view import read_view
from toolchain.numerics.affine import dequantize
from toolchain.numerics.metrics import cosine, max_excess
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program
from toolchain.quantization.qdq import channel_scales

FLOAT_REFERENCE = "float_reference"
QDQ_REFERENCE = "qdq_reference"


def compare(
    float_model: Path,
    qdq_model: Path,
    program: Program,
    samples: SampleStore,
    options: CheckOptions,
    *,
    threads: int,
    progress: Progress,
) -> CheckReport:
    """Run the three forms on the first `options.samples` samples and compare tensor by tensor.

    Float against reference compares real values from end to end: the model outputs, or with the
    scope `layers` every stored tensor. QDQ against reference is layer by layer whatever the scope:
    each layer of the reference is fed the integers that the QDQ model stored in front of it, so
    that a difference is one of this layer and not the echo of an earlier one. onnxruntime runs the
    QDQ model without optimizations: what its operators mean, not what its kernels make of them.
    The worst sample of each tensor counts.

    Raises:
        ConfigError: `exclude` leaves nothing to compare, or holds something that is no regular
            expression or matches no tensor.
    """
    graph = read_view(qdq_model)
    scales = channel_scales(graph)
    everything = tuple(stored_tensors(graph, program))
    names = [item.name for item in everything] + [v.name for v in graph.outputs]
    kept = not_excluded(names, options.exclude, "check.exclude")
    stored = tuple(item for item in everything if item.name in kept)
    outputs = tuple(value.name for value in graph.outputs if value.name in kept)
    count = min(options.samples, len(samples))
    workers = min(threads or core_count(), count)
    worst = _Worst(options)
    with TemporaryDirectory(prefix="tc-check-") as folder, progress.task("check", count) as advance:
        forms = _Forms(Path(folder), float_model, qdq_model, program, everything)
        measures = _Measures(forms, everything, stored, outputs, scales, options)
        one = partial(_measured, measures, samples)
        for found in ordered_map(one, range(count), workers):
            worst.update(found)
            advance(1)
    rows = tuple(worst.rows())
    return CheckReport(rows=rows, samples=count, passed=all(row.passed for row in rows))


class _Measures(NamedTuple):
    """What is compared of one sample.

    Attributes:
        everything: Every stored tensor; the layers are fed with what the QDQ model has of them.
        stored: Those that are compared.
        outputs: Model outputs that are compared.
        scales: Factors of channels that equalization divides.
    """

    forms: _Forms
    everything: tuple[Stored, ...]
    stored: tuple[Stored, ...]
    outputs: tuple[str, ...]
    scales: Mapping[str, Array]
    options: CheckOptions


def _measured(
    measures: _Measures, samples: SampleStore, index: int
) -> dict[tuple[str, str], float]:
    """Every comparison of one sample; what it compared is not kept."""
    forms, feeds = measures.forms, samples.batch(index)
    layers = measures.stored if measures.options.scope is Scope.LAYERS else ()
    real, qdq = forms.float_model(feeds), forms.qdq(feeds)
    end_to_end = forms.reference.run(feeds, [item.integers for item in layers])
    end, layer = measures.options.float_reference, measures.options.qdq_reference
    found: dict[tuple[str, str], float] = {}
    for item in layers:
        if item.name in real:
            computed = dequantize(end_to_end[item.integers], item.params)
            computed = undivided(computed, measures.scales.get(item.name))
            found[FLOAT_REFERENCE, item.name] = _measure(end, real[item.name], computed)
    for name in measures.outputs:
        found[FLOAT_REFERENCE, name] = _measure(end, real[name], end_to_end[name])
    forced = {item.integers: qdq[item.integers] for item in measures.everything}
    by_layer = forms.reference.run(feeds, list(forced), forced=forced)
    for item in measures.stored:
        expected, computed = (
            dequantize(values[item.integers], item.params) for values in (qdq, by_layer)
        )
        found[QDQ_REFERENCE, item.name] = _measure(layer, expected, computed)
    for name in measures.outputs:
        found[QDQ_REFERENCE, name] = _measure(layer, qdq[name], by_layer[name])
    return found


class _Forms:
    """The three forms, opened."""

    def __init__(
        self,
        folder: Path,
        float_model: Path,
        qdq_model: Path,
        program: Program,
        stored: Sequence[Stored],
    ) -> None:
        known = read_view(float_model).values
        float_path, qdq_path = folder / "float.onnx", folder / "qdq.onnx"
        write_with_outputs(float_model, [s.name for s in stored if s.name in known], float_path)
        write_with_outputs(qdq_model, [s.integers for s in stored], qdq_path)
        # One thread: how onnxruntime divides its work may show in the last bits.
        self.float_model = session_form(float_path, 1)
        self.qdq = session_form(qdq_path, 1, optimize=False)
        self.reference = Interpreter(program, threads=1)


class _Worst:
    """The worst value of every comparison over the samples seen."""

    def __init__(self, options: CheckOptions) -> None:
        self._options = {
            FLOAT_REFERENCE: options.float_reference,
            QDQ_REFERENCE: options.qdq_reference,
        }
        self._found: dict[tuple[str, str], float] = {}

    def update(self, found: Mapping[tuple[str, str], float]) -> None:
        """Take the comparisons of one sample."""
        for key, value in found.items():
            worst = min if self._options[key[0]].metric is Metric.COSINE else max
            self._found[key] = worst(value, self._found.get(key, value))

    def rows(self) -> Iterator[CheckRow]:
        for (comparison, name), value in sorted(self._found.items(), key=lambda item: item[0][0]):
            options = self._options[comparison]
            limit = {Metric.COSINE: options.min_cosine, Metric.ALLCLOSE: 1.0, Metric.EXACT: 0.0}
            bound = limit[options.metric]
            passed = value >= bound if options.metric is Metric.COSINE else value <= bound
            yield CheckRow(
                comparison=comparison,
                tensor=name,
                metric=options.metric,
                value=value,
                limit=bound,
                passed=bool(passed),
            )


def _measure(options: CompareOptions, expected: Array, actual: Array) -> float:
    """Cosine; or the largest excess over the tolerance; or the number of unequal elements."""
    match options.metric:
        case Metric.COSINE:
            return cosine(expected, actual)
        case Metric.ALLCLOSE:
            return max_excess(expected, actual, options.rtol, options.atol)
        case Metric.EXACT:
            return float(np.count_nonzero(np.asarray(expected) != np.asarray(actual)))
