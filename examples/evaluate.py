"""Score a network in all its forms on labelled samples, with the uncertainty of the difference."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from toolchain import Wanted, evaluate

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.toml"


def main(output: str) -> None:
    """Score 100 samples drawn at random; what is not built yet is built into `output`."""
    report = evaluate(
        CONFIG,
        targets=["riscv"],
        settings={"output": output},
        wanted=Wanted(samples=100, seed=1),
    )
    print(f"{report.metric} on {report.samples} samples")
    for row in report.rows:
        line = f"{row.target} {row.form}: {row.score:.3f}"
        if row.low is not None and row.high is not None:
            line += f", {row.low:+.3f} to {row.high:+.3f} against float"
        print(line)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="evaluate-"))
