"""Calibration sweep against the plain forward of onnxruntime over the same preprocessed samples.

The sweep collects the statistics from which every range method computes its ranges. Both sides open
a session and run the samples one by one on the same number of threads. What a process pays once
(importing and compiling the observer) is shown as the first sweep's surplus.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import Times, by_turns, parse, parser_of, ratio, seconds_of, show, verdict
from subject import Subject, subject

from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.progress import SilentProgress
from toolchain.core.samples import SampleStore
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.session import open_session
from toolchain.graph.view import read_view
from toolchain.pipeline.stages.calibrate import values_to_observe

LIMITS = {"mobilenet_v2": 2.5, "cifar10_resnet20": 1.6}


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2", "cifar10_resnet20")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    given = parse(parser)
    rows = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"calibration.samples": given.samples}
            of = subject(config, Path(folder), given.target, settings)
            rows.append(_measured(of, given.threads, given.rounds))
    title = f"Calibration sweep, per sample, {given.samples} samples, {given.threads} threads"
    timed = ("first ms", "sweep ms", "intra-op ms", "spread ms")
    header = ("model", *timed, "sweep/intra-op", "sweep/spread", "verdict")
    show(title, header, rows)


def _measured(of: Subject, threads: int, rounds: int) -> tuple[object, ...]:
    model, samples = of.prepare()
    graph = read_view(model)
    values = values_to_observe(graph)
    inputs = {value.name for value in graph.inputs}
    exposed = of.output / "exposed.onnx"
    write_with_outputs(model, [value for value in values if value not in inputs], exposed)

    def swept() -> None:
        options = SweepOptions(threads=threads)
        sweep(exposed, values, samples, options, SilentProgress())

    first = seconds_of(swept)
    times = by_turns(
        {
            "sweep": swept,
            "intra-op": lambda: forward(model, samples, threads),
            "spread": lambda: forward_spread(model, samples, threads),
        },
        rounds,
    )
    found = ratio(times["sweep"], times["intra-op"])
    per_sample = [_milliseconds(times[name], samples) for name in ("sweep", "intra-op", "spread")]
    limit = LIMITS.get(of.name)
    judged = "" if limit is None else verdict(found.best, limit)
    cold = f"{1000 * first / len(samples):.2f}"
    return (of.name, cold, *per_sample, found, ratio(times["sweep"], times["spread"]), judged)


def forward(model: Path, samples: SampleStore, threads: int) -> None:
    """Run the samples one after the other, each on all threads: onnxruntime as it is used."""
    session = open_session(model, threads=threads)
    for feeds in samples.batches():
        session.run(None, dict(feeds))


def forward_spread(model: Path, samples: SampleStore, threads: int) -> None:
    """Run as many samples at once as there are threads, each on one: what onnxruntime can do."""
    session = open_session(model, threads=1)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda index: session.run(None, samples.batch(index)), range(len(samples))))


def _milliseconds(times: Times, samples: SampleStore) -> str:
    return f"{1000 * times.best / len(samples):.2f}"


if __name__ == "__main__":
    main()
