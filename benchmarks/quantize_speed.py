"""From a float model to a QDQ model: the toolchain against onnxruntime's own quantization tools.

Both sides begin with the same ONNX file and the same preprocessed samples, which they read from
disk, and end with a QDQ model on disk: simplify, calibrate (MinMax in onnxruntime, all statistics
in the toolchain), per-channel int8 weights, int8 activations. Both run in this process; what it
pays once (imports, compiling) is shown as the first round's surplus.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from measure import by_turns, parse, parser_of, ratio, show, verdict
from onnxruntime_tools import quantized
from subject import subject

LIMIT = 1.0
STAGES = ("optimize", "calibrate", "quantize")


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2", "cifar10_resnet20")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    given = parse(parser)
    logging.disable(logging.WARNING)  # advice of onnxruntime's tools on how to use them
    rows = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_measured(config, given.target, given.samples, given.rounds, Path(folder)))
    timed = ("toolchain s", "onnxruntime s", "toolchain/onnxruntime", "first round s")
    header = ("model", *timed, "verdict")
    show(f"Optimize and quantize, {given.samples} samples", header, rows)


def _measured(
    config: Path, target: str, count: int, rounds: int, folder: Path
) -> tuple[object, ...]:
    of = subject(config, folder, target, {"calibration.samples": count})
    _, samples = of.prepare()

    def ours() -> None:
        for stage in STAGES:
            shutil.rmtree(of.cache / stage, ignore_errors=True)
        of.build("quantize")

    times = by_turns(
        {
            "toolchain": ours,
            "onnxruntime": lambda: quantized(of.model, samples, folder, "MinMax"),
        },
        rounds,
    )
    a, b = times["toolchain"], times["onnxruntime"]
    found = ratio(a, b)
    first = f"{a.rounds[0]:.2f} / {b.rounds[0]:.2f}"
    return (of.name, a.best, b.best, found, first, verdict(found.best, LIMIT))


if __name__ == "__main__":
    main()
