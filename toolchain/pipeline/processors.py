"""The processors of a build, held against its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolchain.core.options import CompileOptions, InputOptions
from toolchain.graph.inputs import input_specs
from toolchain.graph.read import read_proto
from toolchain.pipeline.stages.samples import options_by_input
from toolchain.program.processors import Processors, check_input, settle


def processors_of(
    model: Path, inputs: Sequence[InputOptions], options: CompileOptions
) -> Processors:
    """What the compiled model does itself; the model is only read where there is anything.

    Raises:
        ConfigError: A processor contradicts other options, or does not fit the model.
    """
    if not options.input_processors and not options.output_processors:
        return Processors()
    specs = input_specs(model, inputs)
    given = options_by_input(specs, tuple(inputs))
    found = settle(
        options,
        {spec.name: fed for spec, fed in zip(specs, given, strict=True)},
        [value.name for value in read_proto(model).graph.output],
    )
    shapes = {spec.name: spec for spec in specs}
    for source in found.inputs:
        check_input(source, shapes[source.name].shape, shapes[source.name].dtype)
    return found
