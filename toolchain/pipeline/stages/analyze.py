"""Stage 6: the precision of every layer, where it is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from toolchain.analysis.precision import Subject, analyze_precision
from toolchain.calibration.sources import Selection
from toolchain.core.reports import AnalysisReport
from toolchain.core.runner import Runner
from toolchain.errors import Code, InternalError
from toolchain.pipeline.context import BuildContext, BuildState, Prepared
from toolchain.pipeline.machines import opened_machine, request_of
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.samples import SampleQuery, prepared
from toolchain.program.serialize import load_program
from toolchain.render.analysis_files import FILES, analysis_files

NAME = "analyze"
RECORD = "record.json"


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Compare every layer with the float model, and publish what came out beside the artifact.

    The samples are the first ones of the calibration set, or of `analysis.data`.
    """
    options = context.options.analysis
    if not options.enabled:
        return state
    samples = _samples(context, state)

    def work(folder: Path) -> None:
        subject = _subject(context, state)
        with context.workspace.scratch() as scratch, _machine(context, state, scratch) as machine:
            report = analyze_precision(
                replace(subject, machine=machine),
                samples.store,
                options,
                threads=context.options.calibration.threads,
                progress=context.progress,
            )
        write_record(folder / RECORD, report)
        for name, text in analysis_files(report).items():
            (folder / name).write_text(text, encoding="utf-8")

    parts = (
        state.keys["compile"],
        state.keys["optimize"],
        replace(options, data=None),
        samples.digest,
    )
    stored = context.cached(NAME, parts, work)
    report = read_record(stored.folder / RECORD, AnalysisReport)
    state = replace(state.after(NAME, stored), analysis_report=report)
    for name, what in FILES.items():
        state = state.publishing(name, stored.folder / name, what)
    return state


def _samples(context: BuildContext, state: BuildState) -> Prepared:
    options = context.options.analysis
    if options.data is not None:
        wanted = SampleQuery(
            where="analysis.data",
            sources=options.data,
            selection=Selection(samples=options.samples),
            pair=context.options.calibration.pair,
        )
        return prepared(context, wanted)
    if state.samples is None:
        raise InternalError(Code.INTERNAL, "The analyze stage has no samples")
    return state.samples


def _machine(
    context: BuildContext, state: BuildState, scratch: Path
) -> AbstractContextManager[Runner | None]:
    """The machine that executes the compiled model, where it is what is analysed."""
    if state.compiled is None:
        raise InternalError(Code.INTERNAL, "The analyze stage has no compiled model")
    compiled, options = state.compiled, context.options
    request = request_of(
        folder=compiled.folder,
        files=compiled.files,
        program=load_program(compiled.folder, compiled.program),
        name=context.name,
        target=context.target,
        platform=options.platform,
        layers=True,
        scratch=scratch,
    )
    return opened_machine(options.analysis, context.manager, request, options.target)


def _subject(context: BuildContext, state: BuildState) -> Subject:
    if state.float_model is None or state.qdq is None or state.compiled is None:
        raise InternalError(Code.INTERNAL, "The analyze stage has no compiled model")
    return Subject(
        target=context.options.target,
        platform=context.options.platform,
        float_model=state.float_model,
        qdq_model=state.qdq,
        program=load_program(state.compiled.folder, state.compiled.compared),
    )
