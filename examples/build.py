"""Build a network from its config, and look at what was made and how good it is."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from toolchain import build

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.toml"


def main(output: str) -> None:
    """Build into the folder `output`."""
    result = build(CONFIG, targets=["riscv"], settings={"output": output})
    for target in result.targets:
        if target.quantize is not None and target.accuracy is not None:
            print(f"{target.target}: {target.quantize.integer_nodes} nodes on integers")
            print(f"float {target.accuracy.float_score:.3f}")
            print(f"reference {target.accuracy.reference_score:.3f}")
        for file in target.files:
            print(f"{file.path.name}: {file.what}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="build-"))
