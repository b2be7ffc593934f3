"""Preprocessed samples in the cache, for calibration and for evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolchain.calibration.prepare import SampleRequest, prepare_samples
from toolchain.calibration.sources import Selection, source_digest
from toolchain.config.suggest import did_you_mean
from toolchain.core.options import InputOptions
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, ConfigError, Problem
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.context import BuildContext, Prepared


def prepared(
    context: BuildContext, sources: str | Mapping[str, str], selection: Selection
) -> Prepared:
    """The chosen samples of `sources`, preprocessed for the model's inputs.

    The inputs are read from the model only where the samples are not in the cache yet. Files that
    were only touched are prepared again, but what comes out has the digest it had before.
    """
    options = context.options

    def work(folder: Path) -> None:
        specs = input_specs(Path(options.model), options.input)
        request = SampleRequest(
            sources=sources,
            inputs=specs,
            options=options_by_input(specs, options.input),
            selection=selection,
        )
        manager = context.manager
        prepare_samples(
            request,
            folder,
            tuple(manager.data_readers().values()),
            tuple(manager.preprocessors().values()),
            context.progress,
        )

    parts = (context.model, options.input, source_digest(sources, selection))
    stored = context.cached_for_all("samples", parts, work)
    return Prepared(store=SampleStore.open(stored.folder), digest=stored.content)


def options_by_input(
    specs: tuple[InputSpec, ...], options: tuple[InputOptions, ...]
) -> tuple[InputOptions, ...]:
    """Options of every input in the model's order; those without a name fit the only input.

    Raises:
        ConfigError: Options of inputs that the model does not have; all of them.
    """
    known = [spec.name for spec in specs]
    named = {given.name: given for given in options if given.name is not None}
    problems = [
        Problem(
            code=Code.UNKNOWN_NAME,
            message="The model has no input of this name",
            where=f"input.{number}.name",
            got=given.name,
            allowed=", ".join(known),
            hint=did_you_mean(given.name, known),
        )
        for number, given in enumerate(options)
        if given.name is not None and given.name not in known
    ]
    if problems:
        raise ConfigError.of(problems)
    unnamed = [given for given in options if given.name is None]
    default = unnamed[0] if unnamed else InputOptions()
    return tuple(named.get(spec.name, default) for spec in specs)
