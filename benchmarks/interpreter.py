"""The reference interpreter against onnxruntime's float forward, per sample.

The interpreter computes every integer of the program exactly; onnxruntime runs the float model that
the program was made from, on the same number of threads.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from measure import by_turns, parse, parser_of, ratio, show, verdict
from subject import Subject, file_of, subject

from toolchain.graph.session import open_session
from toolchain.program.interpreter import Interpreter
from toolchain.program.serialize import load_program

LIMITS = {"mobilenet_v2": 10.0}
MODELS = ("mobilenet_v2", "mobilenet_v3_small", "cifar10_resnet20", "kws_dscnn")


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, *MODELS)
    parser.add_argument("--samples", type=int, default=20, help="samples of a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=7)
    given = parse(parser)
    rows = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"calibration.samples": max(given.samples, 10)}
            of = subject(config, Path(folder), given.target, settings)
            rows.append(_measured(of, given.samples, given.threads, given.rounds))
    header = ("model", "reference ms", "onnxruntime ms", "reference/onnxruntime", "verdict")
    show(f"Reference interpreter, per sample, {given.threads} threads", header, rows)


def _measured(of: Subject, count: int, threads: int, rounds: int) -> tuple[object, ...]:
    model, samples = of.prepare()
    program = file_of(of.build("compile"), ".program.json")
    interpreter = Interpreter(
        load_program(program.parent, program.name.removesuffix(".program.json")), threads=threads
    )
    session = open_session(model, threads=threads)
    feeds = [dict(batch) for batch in samples.batches(limit=count)]

    def reference() -> None:
        for given in feeds:
            interpreter.run(given)

    def onnxruntime() -> None:
        for given in feeds:
            session.run(None, given)

    reference()  # compiles what is compiled at the first run
    onnxruntime()
    times = by_turns({"reference": reference, "onnxruntime": onnxruntime}, rounds)
    a, b = times["reference"], times["onnxruntime"]
    found = ratio(a, b)
    limit = LIMITS.get(of.name)
    judged = "" if limit is None else verdict(found.best, limit)
    each = 1000 / len(feeds)
    return (of.name, f"{each * a.best:.2f}", f"{each * b.best:.2f}", found, judged)


if __name__ == "__main__":
    main()
