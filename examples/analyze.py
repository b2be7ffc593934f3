"""Build a network, and see which of its layers the error comes from."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from toolchain import analyze, build

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.toml"


def main(output: str) -> None:
    """Build into the folder `output`, and show the layers, the worst first."""
    build(CONFIG, targets=["riscv"], settings={"output": output})
    (report,) = analyze(f"{output}/riscv")
    layers = [row for row in report.rows if not row.constant]
    for row in sorted(layers, key=lambda row: row.noise_to_signal, reverse=True):
        print(f"{row.output} ({row.op_type}): noise to signal {row.noise_to_signal:.3g}")
    print(report.summary)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="analyze-"))
