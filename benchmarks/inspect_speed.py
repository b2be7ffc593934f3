"""`tc inspect --target all` from start to end, in fresh processes.

The best round is judged. On a machine with other work its processor time says more: the command
runs on one core, so that it is what an idle machine would take.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

from measure import parse, parser_of, run_tc, show, verdict
from subject import subject

LIMIT_SECONDS = 2.0
MODELS = ("mobilenet_v2", "mobilenet_v3_small", "cifar10_resnet20", "kws_dscnn")


def main() -> None:
    """Measure every config's model and print one table."""
    parser = parser_of(__doc__, *MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    given = parse(parser)
    rows = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            of = subject(config, Path(folder), given.target, {})
            rounds = [_inspect(of.model) for _ in range(given.rounds)]
        wall, cpu = (min(times) for times in zip(*rounds, strict=True))
        rows.append((of.name, wall, cpu, verdict(wall, LIMIT_SECONDS)))
    show("tc inspect --target all", ("model", "best s", "cpu s", "verdict"), rows)


def _inspect(model: Path) -> tuple[float, float]:
    """Wall and processor seconds of one run."""
    before = _children()
    wall = run_tc("inspect", str(model), "--target", "all").seconds
    return wall, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
