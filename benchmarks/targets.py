"""Wall time of one build for several targets against the build of the first of them alone.

Every build is a first one, in a fresh process and an empty folder. The forward runs of the
calibration sweep are counted, and so are those of a target that is added afterwards.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import Child, parse, parser_of, run_tc, show, verdict

LIMIT = 1.6
TARGETS = ("riscv", "npu", "kdp", "dpu")


def main() -> None:
    """Build every config for one and for all targets and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2")
    parser.add_argument("--targets", nargs="+", default=TARGETS, help="the first is built alone")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, by turns (%(default)s)")
    given = parse(parser)
    rows: list[tuple[object, ...]] = []
    for config in given.config:
        rows += _measured(config, tuple(given.targets), given.rounds)
    header = ("model", "build", "seconds", "over the first alone", "verdict", "sweeps")
    show("Several targets, fresh processes", header, rows)


def _measured(config: Path, targets: Sequence[str], rounds: int) -> list[tuple[object, ...]]:
    alone, together = list[Child](), list[Child]()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            alone.append(_build(config, targets[:1], folder))
        with tempfile.TemporaryDirectory() as folder:
            together.append(_build(config, targets, folder))
    with tempfile.TemporaryDirectory() as folder:
        _build(config, targets[:-1], folder)
        added = _build(config, targets, folder)
    first, all_ = (min(child.seconds for child in builds) for builds in (alone, together))
    return [
        (config.stem, targets[0], first, "", "", _sweeps(alone[0])),
        (
            config.stem,
            ", ".join(targets),
            all_,
            f"{all_ / first:.2f}",
            verdict(all_ / first, LIMIT),
            _sweeps(together[0]),
        ),
        (config.stem, f"{targets[-1]} added", added.seconds, "", "", _sweeps(added)),
    ]


def _build(config: Path, targets: Sequence[str], folder: str) -> Child:
    chosen = [flag for target in targets for flag in ("--target", target)]
    return run_tc("build", "--config", str(config), *chosen, "--output", folder, "--format", "json")


def _sweeps(child: Child) -> str:
    """Forward runs of every sweep, and those that targets needed on their own."""
    reports = [target["calibration"] for target in json.loads(child.stdout)["targets"]]
    shared = {report["graph"]: report["forwards"] for report in reports}
    own = sum(report["own_forwards"] for report in reports)
    return " + ".join(f"{runs} forward runs" for runs in shared.values()) + f" + {own} own"


if __name__ == "__main__":
    main()
