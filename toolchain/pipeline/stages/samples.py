"""Preprocessed samples in the cache, for calibration and for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain.calibration.findings import read_observations, suspicions
from toolchain.calibration.functions import function_digest
from toolchain.calibration.prepare import SampleRequest, prepare_samples
from toolchain.calibration.sources import Selection, Sources, require_source, source_digest
from toolchain.config.suggest import did_you_mean
from toolchain.core.options import BuildOptions, InputOptions, Pair
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, ConfigError, DataError, Problem
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.context import BuildContext, Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Samples as some section of the config asks for them.

    Attributes:
        where: Config path of the source, for warnings.
        sources: The source, or input name to source.
        selection: Which samples of it.
        pair: How samples of several inputs find each other.
    """

    where: str
    sources: Sources
    selection: Selection
    pair: Pair

    @property
    def digest(self) -> str:
        """Cache key of what is there and what is chosen of it."""
        return f"{source_digest(self.sources, self.selection)} {self.pair.value}"


def prepared(context: BuildContext, wanted: Wanted) -> Prepared:
    """The samples, preprocessed for the model's inputs, and what looks wrong about them.

    The inputs are read from the model only where the samples are not in the cache yet. Files that
    were only touched are prepared again, but what comes out has the digest it had before.
    """
    options = context.options

    def work(folder: Path) -> None:
        specs = input_specs(Path(options.model), options.input)
        request = SampleRequest(
            sources=wanted.sources,
            inputs=specs,
            options=by_input(specs, options.input),
            selection=wanted.selection,
            pair=wanted.pair,
        )
        manager = context.manager
        prepare_samples(
            request,
            folder,
            tuple(manager.data_readers().values()),
            tuple(manager.preprocessors().values()),
            context.progress,
        )

    functions = [function_digest(given.preprocess) for given in options.input]
    parts = (context.model, options.input, functions, wanted.digest)
    stored = context.cached_for_all("samples", parts, work)
    store = SampleStore.open(stored.folder)
    return Prepared(
        store=store,
        digest=stored.content,
        warnings=tuple(_warnings(store, options.input, wanted)),
    )


def prepared_for_check(context: BuildContext) -> Prepared | None:
    """The samples of `check.data`; None where the check takes those calibrated on."""
    options = context.options.check
    if options.data is None or not options.enabled:
        return None
    wanted = Wanted(
        where="check.data",
        sources=options.data,
        selection=Selection(samples=options.samples),
        pair=context.options.calibration.pair,
    )
    return prepared(context, wanted)


def require_sources(options: BuildOptions) -> None:
    """Look for every source that a build will read, before the first one is.

    Raises:
        DataError: DATA_NOT_FOUND with all that are missing.
    """
    named = [options.calibration.data, options.check.data]
    if options.evaluation is not None:
        named.append(options.evaluation.data)
    problems: list[Problem] = []
    for sources in named:
        for path in [sources] if isinstance(sources, str) else (sources or {}).values():
            try:
                require_source(path)
            except DataError as error:
                problems.extend(error.problems)
    if problems:
        raise DataError.of(dict.fromkeys(problems))


def _warnings(
    store: SampleStore, options: tuple[InputOptions, ...], wanted: Wanted
) -> Iterator[Problem]:
    asked = wanted.selection.samples
    if len(store) < asked:
        yield Problem(
            code=Code.DATA_FEW_SAMPLES,
            message="There are fewer samples than asked for",
            where=wanted.where,
            got=f"{len(store)}",
            allowed=f"{asked}",
        )
    seen = read_observations(store.folder)
    for spec, given, found in zip(store.inputs, by_input(store.inputs, options), seen, strict=True):
        yield from suspicions(found, given, spec, wanted.where)


def by_input(
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
