"""Comparison of the forms of one model on samples: float, QDQ in onnxruntime, reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from toolchain.analysis.forms import session_form
from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView
from toolchain.core.options import CheckOptions, CompareOptions, Metric, Scope
from toolchain.core.progress import Progress
from toolchain.core.reports import CheckReport, CheckRow
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, ConfigError
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.view import read_view
from toolchain.numerics.affine import dequantize
from toolchain.numerics.metrics import cosine, max_excess
from toolchain.program.interpreter import Interpreter
from toolchain.program.lowering.quantized import dequantized_values
from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """One tensor in all three forms.

    Attributes:
        name: Name in the float model and, dequantized, in the QDQ model.
        tensor: Name in the program.
        qdq: Value of the QDQ model to compare with: integers for stored tensors.
    """

    name: str
    tensor: str
    qdq: str


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

    Float against reference compares real values; QDQ against reference compares what the QDQ model
    stores, integers included, in real units. The worst sample of each tensor counts.

    Raises:
        ConfigError: `exclude` leaves nothing to compare, or is no regular expression.
    """
    qdq_graph = read_view(qdq_model)
    pairs = _pairings(read_view(float_model), qdq_graph, program, options)
    count = min(options.samples, len(samples))
    tracker = _Worst(options)
    with TemporaryDirectory(prefix="tc-check-") as folder, progress.task("Check", count) as advance:
        runs = _Runs(Path(folder), float_model, qdq_model, program, pairs, threads)
        quantized = dequantized_values(qdq_graph, program.rounding)
        by_integers = {found.name: found.params for found in quantized.values()}
        for index in range(count):
            found = runs.run(samples.batch(index))
            for pair in pairs:
                params = by_integers.get(pair.tensor)
                reference, qdq = found.reference[pair.tensor], found.qdq[pair.qdq]
                if params is not None:
                    reference, qdq = dequantize(reference, params), dequantize(qdq, params)
                tracker.update(pair.name, found.float_values.get(pair.name), qdq, reference)
            advance(1)
    rows = tuple(tracker.rows())
    return CheckReport(rows=rows, samples=count, passed=all(row.passed for row in rows))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Values:
    float_values: Mapping[str, Array]
    qdq: Mapping[str, Array]
    reference: Mapping[str, Array]


class _Runs:
    """The three forms, opened."""

    def __init__(
        self,
        folder: Path,
        float_model: Path,
        qdq_model: Path,
        program: Program,
        pairs: tuple[Pairing, ...],
        threads: int,
    ) -> None:
        self._tensors = [pair.tensor for pair in pairs]
        float_names = [pair.name for pair in pairs if pair.name]
        exposed, exposed_qdq = folder / "float.onnx", folder / "qdq.onnx"
        write_with_outputs(float_model, float_names, exposed)
        write_with_outputs(qdq_model, [pair.qdq for pair in pairs], exposed_qdq)
        self._float = session_form(exposed, threads)
        self._qdq = session_form(exposed_qdq, threads)
        self._interpreter = Interpreter(program, threads=threads or None)

    def run(self, feeds: Mapping[str, Array]) -> _Values:
        return _Values(
            float_values=self._float(feeds),
            qdq=self._qdq(feeds),
            reference=self._interpreter.run(feeds, observe=self._tensors),
        )


def _pairings(
    float_graph: GraphView, qdq_graph: GraphView, program: Program, options: CheckOptions
) -> tuple[Pairing, ...]:
    if options.scope is Scope.OUTPUTS:
        found = [Pairing(name=v.name, tensor=v.name, qdq=v.name) for v in qdq_graph.outputs]
    else:
        found = [
            *(
                Pairing(name=name, tensor=stored.name, qdq=stored.name)
                for name, stored in dequantized_values(qdq_graph, program.rounding).items()
                if stored.constant is None and stored.name in program.tensors
            ),
            *(
                Pairing(name=v.name, tensor=v.name, qdq=v.name)
                for v in qdq_graph.outputs
                if v.name in program.tensors
            ),
        ]
        found = [pair for pair in found if pair.name in float_graph.values]
    patterns = [_pattern(text, i) for i, text in enumerate(options.exclude)]
    kept = tuple(p for p in found if not any(pattern.search(p.name) for pattern in patterns))
    if not kept:
        raise ConfigError(
            Code.NO_MATCH,
            "`check.exclude` leaves nothing to compare",
            where="check.exclude",
            got=", ".join(options.exclude),
        )
    return tuple({(p.name, p.tensor): p for p in kept}.values())


def _pattern(text: str, number: int) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(
            Code.BAD_VALUE,
            f"Not a regular expression: {error}",
            where=f"check.exclude[{number}]",
            got=text,
        ) from error


class _Worst:
    """The worst value of every comparison over the samples seen."""

    def __init__(self, options: CheckOptions) -> None:
        self._options = {
            "float_reference": options.float_reference,
            "qdq_reference": options.qdq_reference,
        }
        self._found: dict[tuple[str, str], float] = {}

    def update(self, name: str, real: Array | None, qdq: Array, reference: Array) -> None:
        if real is not None:
            self._update("float_reference", name, real, reference)
        self._update("qdq_reference", name, qdq, reference)

    def _update(self, comparison: str, name: str, expected: Array, actual: Array) -> None:
        options = self._options[comparison]
        value = _measure(options, expected, actual)
        key, worst = (comparison, name), min if options.metric is Metric.COSINE else max
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
