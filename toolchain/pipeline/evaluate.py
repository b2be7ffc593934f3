"""Scores of float model, QDQ model and integer reference of every target on labelled samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.analysis.evaluation import Form, Scored
from toolchain.analysis.evaluation import evaluate as score
from toolchain.analysis.forms import forms_of
from toolchain.config.resolve import ResolvedConfig
from toolchain.core.options import BuildOptions, EvaluationOptions, Order
from toolchain.core.progress import Progress, SilentProgress
from toolchain.core.scores import ScoreReport
from toolchain.errors import Code, ConfigError, InternalError
from toolchain.graph.save import model_digest
from toolchain.pipeline.build import open_context, run_stages
from toolchain.pipeline.configure import configure
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.run import overrides_of
from toolchain.pipeline.stages.labelled import Labelled, labelled_samples
from toolchain.pipeline.stages.samples import prepared
from toolchain.pipeline.workspace import Workspace
from toolchain.plugin.manager import PluginManager
from toolchain.program.serialize import load_program


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an evaluation takes instead of what the config's `evaluation` says; None keeps that.

    Attributes:
        data: Labelled samples. Others than the config's have labels of their own: they are found
            beside them unless `labels` is given, and nothing is skipped.
        labels: Their labels.
        metric: What is measured.
        samples: How many; 0 takes all.
        seed: Draws them at random with this seed.
    """

    data: str | Mapping[str, str] | None = None
    labels: str | None = None
    metric: str | None = None
    samples: int | None = None
    seed: int | None = None


def evaluate(
    config: str | Path,
    *,
    targets: Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    wanted: Wanted | None = None,
    progress: Progress | None = None,
) -> ScoreReport:
    """Score a config's model in all its forms, as `tc eval` does.

    Args:
        config: Config file (TOML, JSON or YAML).
        targets: Targets to score; None takes the config's own.
        settings: Dotted paths to values that win over the file.
        wanted: Data, labels, metric and subset, where they are not those of the config.
        progress: Shows how far the work is; None shows nothing.

    Returns:
        One row for the float model and two for every target: the QDQ model in onnxruntime, and the
        integer reference.

    Raises:
        ToolchainError: The error that `tc eval` would show.
    """
    manager = PluginManager.load()
    resolved = configure(
        Path(config), manager=manager, overrides=overrides_of(settings or {}), targets=targets
    )
    return evaluate_resolved(
        resolved,
        wanted or Wanted(),
        manager=manager,
        progress=progress or SilentProgress(),
    )


def evaluate_resolved(
    resolved: ResolvedConfig, wanted: Wanted, *, manager: PluginManager, progress: Progress
) -> ScoreReport:
    """Score every target of `resolved`, building what is not in the cache; publishes nothing.

    Targets that share a float model are scored against one run of it.

    Raises:
        ConfigError: The config names no labelled samples, and neither does `wanted`.
        ToolchainError: Whatever a stage finds wrong.
    """
    workspace = Workspace(Path(resolved.builds[0].output))
    workspace.open()
    contexts = [open_context(build, workspace, manager, progress) for build in resolved.builds]
    # Labels first: what is wrong with them is said before anything is built.
    labelled = [labelled_samples(one, _options(one.options, wanted)) for one in contexts]
    groups: dict[tuple[str, str], list[tuple[BuildContext, Labelled, tuple[Form, ...]]]] = {}
    for context, given in zip(contexts, labelled, strict=True):
        digest, forms = _forms(context)
        groups.setdefault((digest, given.digest), []).append((context, given, forms))
    reports = [_score(group, progress) for group in groups.values()]
    return replace(reports[0], rows=tuple(row for report in reports for row in report.rows))


def _options(build: BuildOptions, wanted: Wanted) -> EvaluationOptions:
    """What the config says of the evaluation, with what is wanted instead."""
    own = build.evaluation
    data = wanted.data if wanted.data is not None else None if own is None else own.data
    if data is None:
        raise ConfigError(
            Code.MISSING_KEY,
            "There are no labelled samples to score on",
            where="evaluation.data",
            allowed="`--data`, or a table [evaluation] in the config",
        )
    chosen = EvaluationOptions(data=data) if own is None else own
    if chosen.data != data:
        chosen = replace(chosen, data=data, labels=None, skip=0)
    return replace(
        chosen,
        labels=chosen.labels if wanted.labels is None else wanted.labels,
        metric=chosen.metric if wanted.metric is None else wanted.metric,
        samples=chosen.samples if wanted.samples is None else wanted.samples,
        seed=chosen.seed if wanted.seed is None else wanted.seed,
        order=chosen.order if wanted.seed is None else Order.RANDOM,
    )


def _forms(context: BuildContext) -> tuple[str, tuple[Form, ...]]:
    """Digest of the float model, and the three forms, built or from the cache."""
    state = run_stages(context, "compile")
    if state.float_model is None or state.qdq is None or state.compiled is None:
        raise InternalError(Code.INTERNAL, "The evaluation has no compiled model")
    program = load_program(state.compiled.folder, state.compiled.compared)
    forms = forms_of(
        context.target.name,
        state.float_model,
        state.qdq,
        program,
        threads=context.options.calibration.threads,
    )
    return model_digest(state.float_model), forms


def _score(
    group: Sequence[tuple[BuildContext, Labelled, tuple[Form, ...]]], progress: Progress
) -> ScoreReport:
    """One run of the float model, and the other forms of the targets that share it."""
    context, given, (float_form, *_) = group[0]
    samples = prepared(context, given.query)
    names = ", ".join(one.target.name for one, _, _ in group)
    others = [form for _, _, (_, *rest) in group for form in rest]
    scored = Scored(samples=samples.store, truths=given.truths, metric=given.metric)
    return score(replace(float_form, target=names), others, scored, progress)
