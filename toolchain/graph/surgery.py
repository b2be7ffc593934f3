"""A user's changes to the model, made and checked before anything else is done with it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.reports import SurgeryRow
from toolchain.errors import Code, ConfigError, ModelError, Problem
from toolchain.graph.input_shapes import set_input_shapes
from toolchain.graph.inputs import batch_of_one, describe, shape_overrides
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.patch import patch_constants, patch_nodes
from toolchain.graph.rename import add_outputs, rename
from toolchain.graph.save import read, save_model
from toolchain.graph.session import open_session, run
from toolchain.graph.shapes import clear_shapes, infer_shapes
from toolchain.graph.truncate import cut, unknown_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from toolchain.core.artifacts import ModelArtifact
    from toolchain.core.options import InputOptions, SurgeryOptions


def operate(
    source: Path, destination: Path, inputs: Sequence[InputOptions], options: SurgeryOptions
) -> tuple[ModelArtifact, tuple[SurgeryRow, ...]]:
    """Write the model of `source` with all changes of `options` to `destination`.

    The model keeps its opset and is not simplified; constants become initializers. It is cut later,
    but whether `options.truncate` cuts it in two is seen here. `inputs` speak of the new names.

    Raises:
        ConfigError: Everything in `options` that does not fit the model, all of it together.
        ModelError: The file is no usable model, or it is none any more with these changes.
    """
    model = load_model(source)
    found = list(_changes(model, options))
    problems = [item for item in found if isinstance(item, Problem)]
    if problems:
        raise ConfigError.of(problems)
    clear_shapes(model)
    try:
        infer_shapes(model)
        artifact = save_model(model, destination)
        changed = read(destination)
        normal = normalize(changed, shape_overrides(describe(_fed(changed)), inputs))
        if options.nodes or options.constants or options.input_shapes:
            _check_runs(normal, source)
    except ModelError as error:
        raise ModelError.of(
            replace(problem, hint=problem.hint or "this is the model as `surgery` has changed it")
            for problem in error.problems
        ) from error
    if options.truncate:
        cut(normal, truncated(options))
    return artifact, tuple(item for item in found if isinstance(item, SurgeryRow))


def _check_runs(model: ir.Model, source: Path) -> None:
    """Run the model once on zeros, since shapes may contradict each other where onnx infers none.

    Raises ModelError, of the file `source`, where it does not run.
    """
    inputs = describe(_fed(model))
    feeds = {item.name: np.zeros(batch_of_one(item), DType(item.dtype).numpy) for item in inputs}
    with tempfile.TemporaryDirectory() as folder:
        artifact = save_model(model, Path(folder) / "changed.onnx")
        try:
            run(open_session(artifact.path, threads=1, optimize=False), feeds)
        except ModelError as error:
            got = str(error.problems[0].got).rpartition(" failed:")[2]
            message = "onnxruntime cannot run the model"
            raise ModelError(Code.MODEL_INVALID, message, where=str(source), got=got) from error


def truncated(options: SurgeryOptions) -> tuple[str, ...]:
    """The tensors of the cut under their new names."""
    renamed = {**options.rename_inputs, **options.rename_outputs}
    return tuple(renamed.get(name, name) for name in options.truncate)


def _fed(model: ir.Model) -> list[ir.Value]:
    return [value for value in model.graph.inputs if not value.is_initializer()]


def _changes(model: ir.Model, options: SurgeryOptions) -> list[SurgeryRow | Problem]:
    """Make all changes, names last, since all of `options` speaks of those of the file."""
    from onnx_ir.passes import common

    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    return [
        *unknown_tensors(model, options.truncate),
        *patch_nodes(model, options.nodes),
        *patch_constants(model, options.constants),
        *set_input_shapes(model, options.input_shapes),
        *add_outputs(model, options.outputs),
        *rename(model, options.rename_inputs, options.rename_outputs),
    ]
