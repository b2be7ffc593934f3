"""Run a built network on a sample in all its forms, and see where they differ first."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from toolchain import build, run

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.toml"


def main(output: str) -> None:
    """Build into the folder `output` and run its first test image."""
    build(CONFIG, targets=["riscv"], settings={"output": output})
    images = np.load(CONFIG.parent / "quickstart" / "evaluation.npz")["x"]
    found = {
        runner: run(f"{output}/riscv", images[:1], runner=runner, layers=True)[0]
        for runner in ("float", "qdq", "reference")
    }
    for runner, result in found.items():
        for name, stored in result.outputs.items():
            print(f"{runner} {name}: class {result.storage[name].real(stored).argmax()}")
    real, integers = found["float"], found["reference"]
    for name, stored in integers.layers.items():
        original = name.removesuffix("/quantized")
        if original in real.layers:
            error = np.abs(integers.storage[name].real(stored) - real.layers[original]).max()
            print(f"{original} ({integers.storage[name].dtype}): off by at most {error:.3f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="run-"))
