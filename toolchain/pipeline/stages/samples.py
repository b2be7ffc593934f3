"""Preprocessed samples in the cache, for calibration and for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain.calibration.findings import read_observations, suspicions
from toolchain.calibration.functions import function_digest
from toolchain.calibration.prepare import SampleRequest, prepare_samples, sample_names
from toolchain.calibration.readers import names_need_input
from toolchain.calibration.sources import (
    Selection,
    Sources,
    open_source,
    require_source,
    source_digest,
)
from toolchain.core.options import BuildOptions, Format, InputOptions, Pair
from toolchain.core.python_file import split_name
from toolchain.core.registry import DataReaderDef, PreprocessorDef
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, DataError, Problem
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.context import BuildContext, Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuery:
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


def prepared(context: BuildContext, wanted: SampleQuery) -> Prepared:
    """The samples, preprocessed for the model's inputs, and what looks wrong about them.

    The inputs are read from the model only where the samples are not in the cache yet. Files that
    were only touched are prepared again, but what comes out has the digest it had before.
    """
    options = context.options

    def work(folder: Path) -> None:
        readers, preprocessors = _plugins(context)
        prepare_samples(_request(context, wanted), folder, readers, preprocessors, context.progress)

    functions = [function_digest(given.preprocess) for given in options.input]
    parts = (context.model, options.input, functions, wanted.digest)
    stored = context.cached_for_all("samples", parts, work)
    store = SampleStore.open(stored.folder)
    return Prepared(
        store=store,
        digest=stored.content,
        warnings=tuple(_warnings(store, options.input, wanted)),
    )


def names_of(context: BuildContext, sources: Sources, pair: Pair) -> tuple[str, ...]:
    """Names of all samples of a source, in order.

    The inputs are read from the model only where the names depend on them.
    """
    readers, preprocessors = _plugins(context)
    by_itself = all(
        given.format is Format.AUTO and split_name(given.preprocess) is None
        for given in context.options.input
    )
    if isinstance(sources, str) and by_itself and not names_need_input(sources):
        return tuple(open_source(sources, readers)[0].names())
    wanted = SampleQuery(where="", sources=sources, selection=Selection(samples=0), pair=pair)
    return sample_names(_request(context, wanted), readers, preprocessors)


def _request(context: BuildContext, wanted: SampleQuery) -> SampleRequest:
    options = context.options
    specs = input_specs(Path(options.model), options.input)
    return SampleRequest(
        sources=wanted.sources,
        inputs=specs,
        options=options_by_input(specs, options.input),
        selection=wanted.selection,
        pair=wanted.pair,
    )


def _plugins(
    context: BuildContext,
) -> tuple[tuple[DataReaderDef, ...], tuple[PreprocessorDef, ...]]:
    manager = context.manager
    return tuple(manager.data_readers().values()), tuple(manager.preprocessors().values())


def prepared_for_check(context: BuildContext) -> Prepared | None:
    """The samples of `check.data`; None where the check takes those calibrated on."""
    options = context.options.check
    if options.data is None or not options.enabled:
        return None
    wanted = SampleQuery(
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
    named = [options.calibration.data, options.check.data, options.analysis.data]
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
    store: SampleStore, options: tuple[InputOptions, ...], wanted: SampleQuery
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
    given = options_by_input(store.inputs, options)
    for spec, fed, seen in zip(store.inputs, given, read_observations(store.folder), strict=True):
        yield from suspicions(seen, fed, spec, wanted.where)


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
