"""The precision of a model that was built before, from the folder that the build published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from toolchain.analysis.precision import Subject, analyze_precision
from toolchain.calibration.prepare import SampleRequest, prepare_samples
from toolchain.calibration.sources import Selection, open_source, paths_of
from toolchain.core.options import (
    AnalysisForm,
    AnalysisMode,
    AnalysisOptions,
    BuildOptions,
    CalibrationOptions,
)
from toolchain.core.progress import Progress, SilentProgress
from toolchain.core.reports import AnalysisReport
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, ConfigError, DataError
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.machines import opened_machine, request_of
from toolchain.pipeline.published import Published, find_published
from toolchain.pipeline.stages.quantize import without_qdq
from toolchain.pipeline.stages.samples import options_by_input
from toolchain.plugin.manager import PluginManager
from toolchain.program.serialize import load_program

Word = TypeVar("Word", bound=StrEnum)


def analyze(
    build: str | Path,
    *,
    mode: AnalysisMode | str | None = None,
    on: AnalysisForm | str | None = None,
    samples: int | None = None,
    data: str | Path | Mapping[str, str | Path] | None = None,
    progress: Progress | None = None,
) -> tuple[AnalysisReport, ...]:
    """Say how far every layer of a built model is from the float model, as `tc analyze` does.

    What is left out is as the build's `[analysis]` section says.

    Args:
        build: A target's folder that a build published, or the output folder of several targets.
        mode: "per_layer" feeds every layer what the float model has there, "end_to_end" lets errors
            accumulate.
        on: "reference" for the integer program, "qdq" for the QDQ model in onnxruntime, "machine"
            for the compiled model on a simulator of the target's machine, from end to end.
        samples: How many samples are compared.
        data: Where they are; input name to path where the model has several inputs.
        progress: Shows how far the work is; None shows nothing.

    Returns:
        One report per target, in order of their folders' names.

    Raises:
        ToolchainError: The error that `tc analyze` would show.
    """
    found = find_published(Path(build))
    manager = PluginManager.load()
    reports = []
    for published in found:
        options = published.options(manager)
        chosen = _chosen(options.analysis, mode, on, samples, data)
        reports.append(_analyze(published, options, chosen, manager, progress or SilentProgress()))
    return tuple(reports)


def _chosen(
    options: AnalysisOptions,
    mode: AnalysisMode | str | None,
    on: AnalysisForm | str | None,
    samples: int | None,
    data: str | Path | Mapping[str, str | Path] | None,
) -> AnalysisOptions:
    if samples is not None and samples < 1:
        raise ConfigError(
            Code.BAD_VALUE, "At least one sample is needed", where="samples", got=samples
        )
    paths: str | Mapping[str, str] | None = options.data
    if isinstance(data, Mapping):
        paths = {name: _absolute(path) for name, path in data.items()}
    elif data is not None:
        paths = _absolute(data)
    return replace(
        options,
        mode=options.mode if mode is None else _word(AnalysisMode, mode, "mode"),
        on=options.on if on is None else _word(AnalysisForm, on, "on"),
        samples=options.samples if samples is None else samples,
        data=paths,
    )


def _absolute(path: str | Path) -> str:
    return str(Path(path).absolute())


def _word(kind: type[Word], text: str, where: str) -> Word:
    if text not in tuple(kind):
        raise ConfigError(
            Code.BAD_VALUE, "Unknown word", where=where, got=text, allowed=", ".join(kind)
        )
    return kind(text)


def _analyze(
    published: Published,
    options: BuildOptions,
    chosen: AnalysisOptions,
    manager: PluginManager,
    progress: Progress,
) -> AnalysisReport:
    with TemporaryDirectory(prefix="tc-analyze-") as text:
        folder = Path(text)
        float_model, _ = without_qdq(published.optimized, folder)
        program = load_program(published.folder, published.program)
        request = request_of(
            folder=published.folder,
            files=dict.fromkeys(published.files, ""),
            program=program,
            name=published.program,
            target=manager.targets()[published.target].spec,
            platform=published.platform,
            layers=True,
            scratch=folder,
        )
        with opened_machine(chosen, manager, request, published.target) as machine:
            subject = Subject(
                target=f"{published.target}.failed" if published.failed else published.target,
                platform=published.platform,
                float_model=float_model,
                qdq_model=published.qdq,
                program=load_program(published.folder, published.compared_program),
                machine=machine,
            )
            store = _samples(published, options, chosen, manager, folder / "samples", progress)
            threads = options.calibration.threads
            return analyze_precision(subject, store, chosen, threads=threads, progress=progress)


def _samples(
    published: Published,
    options: BuildOptions,
    chosen: AnalysisOptions,
    manager: PluginManager,
    folder: Path,
    progress: Progress,
) -> SampleStore:
    """The first samples of the data chosen, or of those that the build was calibrated on."""
    specs = input_specs(published.optimized, options.input)
    sources = options.calibration.data if chosen.data is None else chosen.data
    readers = tuple(manager.data_readers().values())
    preprocessors = tuple(manager.preprocessors().values())
    try:
        among = None
        if chosen.data is None:
            path = paths_of(sources, [spec.name for spec in specs])[0]
            among = _calibrated(options.calibration, len(open_source(path, readers)[0].names()))
        request = SampleRequest(
            sources=sources,
            inputs=specs,
            options=options_by_input(specs, options.input),
            selection=Selection(samples=chosen.samples, among=among),
            pair=options.calibration.pair,
        )
        return prepare_samples(request, folder, readers, preprocessors, progress)
    except DataError as error:
        if error.code is not Code.DATA_NOT_FOUND:
            raise
        hint = "the samples have moved since the build: say where they are with `--data`"
        raise DataError.of(replace(one, hint=hint) for one in error.problems) from error


def _calibrated(calibration: CalibrationOptions, count: int) -> tuple[int, ...]:
    """Positions of the samples, of `count`, that the build was calibrated on."""
    selection = Selection(
        samples=calibration.samples, order=calibration.order, seed=calibration.seed
    )
    return tuple(selection.positions(count))
