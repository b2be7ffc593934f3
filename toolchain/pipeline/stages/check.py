"""Stage 5: the forms of the model compared, and scored on labelled samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from toolchain.analysis.evaluation import Scored, evaluate
from toolchain.analysis.forms import forms_of
from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.check_report import CheckLevel, CheckReport, CheckRow
from toolchain.core.diagnostics import Severity
from toolchain.core.options import EvaluationOptions
from toolchain.core.reports import AccuracyReport
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, InternalError, Problem
from toolchain.pipeline.context import BuildContext, BuildState, Prepared
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.execution import Subject, chosen_runners, run_levels
from toolchain.pipeline.stages.labelled import Labelled, labelled_samples
from toolchain.pipeline.stages.samples import prepared
from toolchain.plugin.requests import CheckRequest
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

NAME = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """What the stage leaves in the cache."""

    check: CheckReport | None
    accuracy: AccuracyReport | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Built:
    """What is checked; the program is loaded from its file once, where something has to run.

    It is the one without processors: the float model knows nothing of them.
    """

    float_model: Path
    qdq: Path
    compiled: CompiledArtifact
    program: Callable[[], Program]

    def subject(self) -> Subject:
        """What compiled forms are compared with."""
        return Subject(compiled=self.compiled, qdq=self.qdq, program=self.program())


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Compare on the samples of the check; score on labelled samples where there are any."""
    if state.qdq is None or state.compiled is None or state.float_model is None:
        raise InternalError(Code.INTERNAL, "The check stage has no compiled model")
    samples = state.check_samples
    if samples is None:
        raise InternalError(Code.INTERNAL, "The check stage has no samples")
    options = context.options
    built = _Built(
        float_model=state.float_model,
        qdq=state.qdq,
        compiled=state.compiled,
        program=cache(partial(load_program, state.compiled.folder, state.compiled.compared)),
    )
    chosen = options.evaluation
    given = None if chosen is None else labelled_samples(context, chosen)
    scored = None if given is None else prepared(context, given.query)

    def work(folder: Path) -> None:
        check = None
        if options.check.enabled:
            check = _compare(context, samples.store, built)
            levels = run_levels(context, built.subject(), runners, samples.store)
            check = _with_levels(check, levels)
        accuracy = (
            None if given is None or scored is None else _score(context, built, given, scored)
        )
        write_record(folder / "report.json", CheckRecord(check=check, accuracy=accuracy))

    # The samples count by what they hold, not by where they are.
    compared = (replace(options.check, data=None), samples.digest)
    scores = given and scored and (given.digest, scored.digest)
    runners = chosen_runners(context, state.compiled) if options.check.enabled else ()
    parts = (
        state.keys["compile"],
        state.keys["optimize"],
        *compared,
        scores,
        [(one.name, bool(missing)) for one, missing in runners],
    )
    stored = context.cached(NAME, parts, work)
    record = read_record(stored.folder / "report.json", CheckRecord)
    check = _with_drop(record, chosen)
    state = replace(state.after(NAME, stored), check_report=check, accuracy_report=record.accuracy)
    if scored is not None:
        state = state.warn_all(NAME, scored.warnings)
    for level in check.levels if check is not None else ():
        state = state.warn_all(NAME, level.missing)
    if not options.check.enabled:
        problem = Problem(
            code=Code.CHECK_INCOMPLETE,
            message="The artifact was not checked",
            where="check.enabled",
            got="false",
        )
        state = state.warn(NAME, problem, Severity.WARNING)
    return state


def _compare(context: BuildContext, samples: SampleStore, built: _Built) -> CheckReport:
    result = context.hooks.check(
        CheckRequest(
            target=context.target,
            float_model=built.float_model,
            qdq_model=built.qdq,
            program=built.program(),
            compiled=built.compiled,
            samples=samples,
            options=context.options.check,
            threads=context.options.calibration.threads,
            progress=context.progress,
        )
    )
    return result.report


def _score(
    context: BuildContext, built: _Built, given: Labelled, samples: Prepared
) -> AccuracyReport:
    """Score all forms on the labelled samples, preprocessed as the calibration samples are."""
    float_form, *others = forms_of(
        context.target.name,
        built.float_model,
        built.qdq,
        built.program(),
        threads=context.options.calibration.threads,
    )
    labelled = Scored(samples=samples.store, truths=given.truths, metric=given.metric)
    found = evaluate(float_form, others, labelled, context.progress)
    real, qdq, reference = found.rows
    return AccuracyReport(
        metric=found.metric,
        samples=found.samples,
        float_score=real.score,
        qdq_score=qdq.score,
        reference_score=reference.score,
        agreement=reference.agreement,
        sqnr_db=reference.sqnr_db,
    )


def _with_levels(check: CheckReport, levels: tuple[CheckLevel, ...]) -> CheckReport:
    """The check with a row for every compiled form that differs too much from the reference."""
    rows = tuple(level.failed for level in levels if level.failed is not None)
    return replace(
        check,
        rows=(*check.rows, *rows),
        passed=check.passed and not rows,
        levels=levels,
    )


def _with_drop(record: CheckRecord, chosen: EvaluationOptions | None) -> CheckReport | None:
    """The check with a row for the allowed loss of accuracy, where one is set."""
    accuracy, check = record.accuracy, record.check
    if chosen is None or chosen.max_drop is None or accuracy is None:
        return check
    drop = accuracy.float_score - accuracy.reference_score
    row = CheckRow(
        comparison="accuracy",
        tensor=accuracy.metric,
        metric="drop",
        value=drop,
        limit=chosen.max_drop,
        passed=drop <= chosen.max_drop,
    )
    rows = (*(check.rows if check is not None else ()), row)
    if check is None:
        return CheckReport(rows=rows, samples=0, passed=row.passed)
    return replace(check, rows=rows, passed=check.passed and row.passed)
