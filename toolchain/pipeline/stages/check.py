"""Stage 5: the forms of the model compared, and scored on labelled samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from toolchain.analysis.evaluation import Forms, evaluate
from toolchain.analysis.forms import session_form
from toolchain.calibration.labels import labelled, load_labels
from toolchain.calibration.ordered import core_count
from toolchain.calibration.sources import Selection
from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.diagnostics import Severity
from toolchain.core.options import EvaluationOptions
from toolchain.core.reports import AccuracyReport, CheckReport, CheckRow
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, InternalError, Problem
from toolchain.pipeline.context import BuildContext, BuildState, Prepared
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.samples import names_of, prepared
from toolchain.plugin.requests import CheckRequest
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program
from toolchain.program.serialize import load_program
from toolchain.quantization.quantize import lookup

NAME = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """What the stage leaves in the cache."""

    check: CheckReport | None
    accuracy: AccuracyReport | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Built:
    """What is checked; the program is loaded from its file only where something has to run."""

    float_model: Path
    qdq: Path
    compiled: CompiledArtifact
    program: Callable[[], Program]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labelled:
    """What is scored on: samples, preprocessed as those of the calibration, and their labels."""

    options: EvaluationOptions
    samples: Prepared
    labels: tuple[int, ...]


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
        program=partial(load_program, state.compiled.folder, state.compiled.program),
    )
    chosen = options.evaluation
    given = None if chosen is None else _labelled_samples(context, chosen)

    def work(folder: Path) -> None:
        check = _compare(context, samples.store, built) if options.check.enabled else None
        accuracy = None if given is None else _score(context, built, given)
        write_record(folder / "report.json", CheckRecord(check=check, accuracy=accuracy))

    scored = given and (given.options.metric, given.samples.digest, given.labels)
    # The samples count by what they hold, not by where they are.
    compared = (replace(options.check, data=None), samples.digest)
    parts = (state.keys["compile"], state.keys["optimize"], *compared, scored)
    stored = context.cached(NAME, parts, work)
    record = read_record(stored.folder / "report.json", CheckRecord)
    check = _with_drop(record, chosen)
    state = replace(state.after(NAME, stored), check_report=check, accuracy_report=record.accuracy)
    if given is not None:
        state = state.warn_all(NAME, given.samples.warnings)
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


def _labelled_samples(context: BuildContext, chosen: EvaluationOptions) -> _Labelled:
    """The samples that are scored, and their labels."""
    names = names_of(context, chosen.data, chosen.pair)
    among = labelled(chosen.labels, names)
    labels = dict(
        zip(among, load_labels(chosen.labels, [names[i] for i in among]).tolist(), strict=True)
    )
    selection = Selection(
        samples=chosen.samples,
        order=chosen.order,
        seed=chosen.seed,
        among=tuple(position for position in among if position >= chosen.skip),
    )
    positions = selection.positions(len(names))
    return _Labelled(
        options=chosen,
        samples=prepared(context, chosen.data, selection, chosen.pair, "evaluation.data"),
        labels=tuple(labels[position] for position in positions),
    )


def _score(context: BuildContext, built: _Built, given: _Labelled) -> AccuracyReport:
    """Score all forms on the labelled samples."""
    name = given.options.metric
    metric = lookup(context.manager.metrics(), name, "metric", "evaluation.metric")
    threads = context.options.calibration.threads
    interpreter = Interpreter(built.program(), threads=threads or None)
    return evaluate(
        Forms(
            float_model=session_form(built.float_model, 1),
            qdq=session_form(built.qdq, 1),
            reference=interpreter.run,
        ),
        given.samples.store,
        np.array(given.labels, np.int64),
        metric,
        workers=threads or core_count(),
        progress=context.progress,
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
    return CheckReport(
        rows=rows,
        samples=0 if check is None else check.samples,
        passed=all(r.passed for r in rows),
    )
