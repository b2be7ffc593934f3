"""The float model with other constants, made for nothing but to watch some values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.edit import replace_constant
from toolchain.graph.expose import expose
from toolchain.graph.save import read, save_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolchain.core.artifacts import ModelArtifact
    from toolchain.core.dtypes import Array


def write_observed(
    source: Path, constants: Mapping[str, Array], values: Sequence[str], destination: Path
) -> ModelArtifact:
    """Write the model of `source` with `constants` replaced, by name, and `values` as its outputs.

    Its own outputs are left out unless they are among `values`, so that a runtime computes no more
    than it has to. Model inputs among `values` need no output.
    """
    model = read(source)
    for name, array in constants.items():
        replace_constant(model, name, array)
    inputs = {value.name for value in model.graph.inputs}
    wanted = [name for name in values if name not in inputs]
    model = expose(model, wanted)
    outputs = {value.name: value for value in model.graph.outputs}
    model.graph.outputs[:] = [outputs[name] for name in wanted]
    return save_model(model, destination)
