"""Wall time of rebuilds in a fresh process: nothing changed, and one rule of precision changed."""

from __future__ import annotations

import json
import tempfile
from statistics import median

from measure import Child, parse, parser_of, run_tc, show, verdict

LIMIT_SECONDS = 2.0
RULE = '{op_types = ["Gemm"], output_dtype = "float32"}'


def main() -> None:
    """Build and rebuild every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2")
    parser.add_argument("--rounds", type=int, default=5, help="unchanged rebuilds")
    parser.add_argument("--rule", default=RULE, help="rule of precision to add (%(default)s)")
    parser.add_argument("--set", action="append", default=[], help="setting, handed on to tc")
    given = parse(parser)
    rows: list[tuple[object, ...]] = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--config", str(config), "--target", given.target, "--output", folder]
            for setting in given.set:
                flags += ["--set", setting]
            rows += _measured(config.stem, flags, given.rounds, given.rule)
    header = ("model", "build", "seconds", "first/this", "verdict", "from the cache")
    show("Rebuilds, fresh process", header, rows)


def _measured(name: str, flags: list[str], rounds: int, rule: str) -> list[tuple[object, ...]]:
    def build(*more: str) -> Child:
        return run_tc("build", *flags, *more, "--format", "json")

    first = build()
    again = [build() for _ in range(rounds)]
    best = min(child.seconds for child in again)
    middle = median(child.seconds for child in again)
    changed = build("--set", f"mixed_precision.rules=[{rule}]")

    def row(what: str, seconds: float, build: Child, judged: str = "") -> tuple[object, ...]:
        return (name, what, seconds, f"{first.seconds / seconds:.1f}", judged, _cached(build))

    return [
        row("first", first.seconds, first),
        row("unchanged, best", best, again[0], verdict(best, LIMIT_SECONDS)),
        row("unchanged, median", middle, again[0]),
        row("one rule", changed.seconds, changed),
    ]


def _cached(build: Child) -> str:
    """Stages that took their result from the cache."""
    (target,) = json.loads(build.stdout)["targets"]
    return ", ".join(target["cached"]) or "nothing"


if __name__ == "__main__":
    main()
