"""Hold two runs of a network against each other, and a board's tensors against the reference."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from toolchain import build, diff, run, verify
from toolchain.pipeline.dump import Dump
from toolchain.pipeline.published import open_published

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.toml"


def main(output: str) -> None:
    """Build into the folder `output`, dump two runs, and play a board whose layer is off by one."""
    build(CONFIG, targets=["riscv"], settings={"output": output})
    images = np.load(CONFIG.parent / "quickstart" / "evaluation.npz")["x"]
    folder, dumps = Path(output, "riscv"), Path(output, "dumps")
    for runner in ("reference", "qdq"):
        dump = Dump(dumps / runner, open_published(folder), runner=runner)
        for result in run(folder, images[:2], runner=runner, layers=True):
            dump.add(result)
    report = diff(dumps / "reference", dumps / "qdq")
    print(f"{report.a} and {report.b} are equal: {report.equal}")

    (result,) = run(folder, images[:1], layers=True)
    board = dumps / "board"
    board.mkdir(exist_ok=True)
    for name, array in result.layers.items():
        wrong = array ^ 1 if name.startswith("/reduce/") else array
        np.save(board / f"{name.replace('/', '_')}.npy", wrong)
    (sample,) = verify(folder, board, images[:1]).samples
    if sample.first is not None:
        print(f"the board is wrong in {sample.first.operation}, at {sample.first.tensor}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="diff-"))
