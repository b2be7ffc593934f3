"""From a float ONNX model to a verified integer program, on any edge chip.

The job in three lines:

    from toolchain import build

    result = build("configs/quickstart.toml", targets=["riscv"])
    print(result.targets[0].accuracy)

docs/api.md shows all functions: `build`, `quantize`, `run`, `estimate`, `evaluate`,
`analyze`, `diff` and `verify`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolchain.pipeline.analyze import analyze
    from toolchain.pipeline.diff import diff
    from toolchain.pipeline.estimate import estimate
    from toolchain.pipeline.evaluate import Wanted, evaluate
    from toolchain.pipeline.execute import run
    from toolchain.pipeline.quantize import quantize
    from toolchain.pipeline.run import build
    from toolchain.pipeline.verify import verify

__all__ = [
    "Wanted",
    "analyze",
    "build",
    "diff",
    "estimate",
    "evaluate",
    "quantize",
    "run",
    "verify",
]

_HOMES = {
    "Wanted": "toolchain.pipeline.evaluate",
    "analyze": "toolchain.pipeline.analyze",
    "build": "toolchain.pipeline.run",
    "diff": "toolchain.pipeline.diff",
    "estimate": "toolchain.pipeline.estimate",
    "evaluate": "toolchain.pipeline.evaluate",
    "quantize": "toolchain.pipeline.quantize",
    "run": "toolchain.pipeline.execute",
    "verify": "toolchain.pipeline.verify",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used, so that `import toolchain` costs nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
