"""From a float ONNX model to a verified integer program, on any edge chip.

The job in three lines:

    from toolchain import build

    result = build("configs/quickstart.toml", targets=["riscv"])
    print(result.targets[0].accuracy)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolchain.pipeline.analyze import analyze
    from toolchain.pipeline.run import build

__all__ = ["analyze", "build"]


def __getattr__(name: str) -> Any:
    """The calls, imported when they are first used, so that `import toolchain` costs nothing."""
    if name == "build":
        from toolchain.pipeline.run import build

        return build
    if name == "analyze":
        from toolchain.pipeline.analyze import analyze

        return analyze
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
