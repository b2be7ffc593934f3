"""The processors of a build, held against its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from toolchain.core.options import CompileOptions, InputOptions
from toolchain.core.reports import SurgeryRow
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, Problem
from toolchain.graph.inputs import input_specs
from toolchain.graph.read import read_proto
from toolchain.pipeline.stages.samples import options_by_input
from toolchain.program.processors import Processors, beside_pixels, check_input, settle
from toolchain.program.records import Program, Tensor

_BITS = 0.01
"""Less than this beside a pixel may be the last bits of float32."""
_SHARE = 0.01
"""Elements that may be no pixels, as those around a picture."""


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


def no_pixels(processors: Processors, samples: SampleStore) -> Iterator[Problem]:
    """Inputs whose first sample is not what pixels give, so that a device feeds other numbers."""
    first = samples.batch(0)
    for source in processors.inputs:
        beside = beside_pixels(source, first[source.name])
        share = float((beside > _BITS).mean())
        if share > _SHARE:
            yield Problem(
                code=Code.DATA_SUSPICIOUS,
                message="Samples are no pixels by these mean and std: the device will feed others",
                where=source.where,
                got=f"{share:.0%} of the first sample, up to {beside.max():.3g} beside a pixel",
                allowed=f"(pixel - mean) / std of {source.dtype} pixels",
                hint="set the mean and std that the samples were made with",
            )


def processed_rows(processors: Processors, before: Program, after: Program) -> Iterator[SurgeryRow]:
    """What the report says of every processor: type and shape before and after."""
    for source in processors.inputs:
        old, new = before.tensors[source.name], after.tensors[source.name]
        yield SurgeryRow(
            change="input processor",
            where=source.name,
            old=_form(old),
            new=f"{_form(new)} {source.format}",
        )
    for output in processors.outputs:
        old, new = before.tensors[output.name], after.tensors[output.name]
        yield SurgeryRow(
            change="output processor", where=output.name, old=_form(old), new=_form(new)
        )


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype}[{','.join(map(str, tensor.shape))}]"
