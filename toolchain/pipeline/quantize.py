"""Quantization as a function: a float model in, the QDQ model out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.progress import Progress, SilentProgress
from toolchain.errors import Code, InternalError
from toolchain.graph.protos import load_proto, write_proto
from toolchain.pipeline.build import open_context, run_stages
from toolchain.pipeline.configure import configure
from toolchain.pipeline.run import overrides_of
from toolchain.pipeline.workspace import Workspace
from toolchain.plugin.manager import PluginManager

if TYPE_CHECKING:
    from toolchain.graph.protos import ModelProto

Data: TypeAlias = str | Path | Array
"""Where samples are, as in `calibration.data`; or an array with the samples along axis 0."""


def quantize(
    model: str | Path | ModelProto,
    calibration: Data | Mapping[str, Data],
    *,
    target: str,
    settings: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> ModelProto:
    """Simplify a float model and quantize it for a target, without a config file.

    Nothing is written but to a temporary folder; `build` keeps a cache, compiles and checks.

    Args:
        model: Path of an ONNX file, or the model itself.
        calibration: Samples: a path as in `calibration.data`, or an array with the samples along
            axis 0; for several model inputs, a mapping of input name to those.
        target: Name of the target whose rules hold.
        settings: Dotted paths to options, as in a config: {"quantize.method": "mse",
            "input": [{"std": [255.0]}]}.
        progress: Shows how far the work is; None shows nothing.

    Returns:
        The QDQ model.

    Raises:
        ToolchainError: The error that `tc build` would show.
    """
    with TemporaryDirectory(prefix="tc-quantize-") as name:
        folder = Path(name)
        config = {
            "model": str(_model_file(model, folder)),
            "output": str(folder / "out"),
            "calibration": {"data": _data(calibration, folder)},
        }
        file = folder / "config.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        manager = PluginManager.load()
        given = overrides_of(settings or {})
        resolved = configure(file, manager=manager, overrides=given, targets=[target])
        workspace = Workspace(Path(resolved.builds[0].output))
        workspace.open()
        context = open_context(resolved.builds[0], workspace, manager, progress or SilentProgress())
        state = run_stages(context, "mixed-precision")
        if state.qdq is None:
            raise InternalError(Code.INTERNAL, "Quantization left no model")
        return load_proto(state.qdq)


def _model_file(model: str | Path | ModelProto, folder: Path) -> Path:
    if isinstance(model, str | Path):
        return Path(model).expanduser().absolute()
    path = folder / "model.onnx"
    write_proto(model, path)
    return path


def _data(calibration: Data | Mapping[str, Data], folder: Path) -> str | dict[str, str]:
    if isinstance(calibration, Mapping):
        numbered = enumerate(calibration.items())
        return {name: _source(data, folder / f"{i}.npy") for i, (name, data) in numbered}
    return _source(calibration, folder / "samples.npy")


def _source(data: Data, path: Path) -> str:
    """The path of samples; arrays are written to `path`."""
    if isinstance(data, str | Path):
        return str(Path(data).expanduser().absolute())
    np.save(path, data, allow_pickle=False)
    return str(path)
