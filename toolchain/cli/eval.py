"""`tc eval`: what quantization costs, on labelled samples."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolchain.cli.output import Format, Output, QuietOption, VerboseOption
from toolchain.cli.settings import ConfigOption, OutputOption, SetOption, Settings, TargetOption

if TYPE_CHECKING:
    from toolchain.plugin.manager import PluginManager


class EvalFormat(StrEnum):
    """What the command writes to stdout."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


DataOption = Annotated[
    str | None,
    typer.Option(help="Samples instead of the config's; their labels are found beside them."),
]
MetricOption = Annotated[
    str | None, typer.Option(help="Metric instead of the config's; a name or file.py:name.")
]
SamplesOption = Annotated[
    int | None, typer.Option(min=0, help="How many samples are scored; 0 takes all.")
]
SeedOption = Annotated[
    int | None, typer.Option(min=0, help="Draw the samples at random, with this seed.")
]
FormOption = Annotated[
    EvalFormat,
    typer.Option("--format", help="json and csv write all data to stdout, and no tables."),
]


def evaluate(  # noqa: PLR0913 - one parameter per option
    *,
    config: ConfigOption,
    data: DataOption = None,
    labels: Annotated[str | None, typer.Option(help="Labels instead of the config's.")] = None,
    metric: MetricOption = None,
    samples: SamplesOption = None,
    seed: SeedOption = None,
    target: TargetOption = None,
    assignments: SetOption = None,
    output: OutputOption = None,
    form: FormOption = EvalFormat.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score float model, QDQ model and integer reference of every target on labelled samples.

    Without --target, and without targets in the config, those are scored that were built.
    """
    from toolchain.pipeline.evaluate import Wanted, evaluate_resolved
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.scores import score_csv, score_line, score_table

    speak = Output(
        Format.JSON if form is EvalFormat.JSON else Format.TEXT,
        verbose=verbose,
        quiet=quiet or form is EvalFormat.CSV,
    )
    settings = Settings(
        config=config,
        targets=tuple(target or ()),
        assignments=tuple(assignments or ()),
        output=output,
    )
    manager = PluginManager.load()
    speak.warn(row.problem() for row in manager.broken())
    wanted = Wanted(
        data=None if data is None else str(absolute(data)),
        labels=None if labels is None else str(absolute(labels)),
        metric=metric,
        samples=samples,
        seed=seed,
    )
    resolved = with_targets(settings, manager).resolve(manager)
    report = evaluate_resolved(resolved, wanted, manager=manager, progress=speak.progress())
    speak.tables([score_table(report)])
    speak.answer(report, score_csv(report) if form is EvalFormat.CSV else score_line(report))


def with_targets(settings: Settings, manager: PluginManager) -> Settings:
    """The settings with the targets that builds of the config published, where none is named."""
    from toolchain.config.loading import read_config
    from toolchain.pipeline.published import published_targets

    named = "targets" in read_config(settings.config).values
    if settings.targets or named or any(a.startswith("targets") for a in settings.assignments):
        return settings
    # All targets share one folder, so that any of them tells it.
    everyone = replace(settings, targets=tuple(manager.targets()))
    output = Path(everyone.resolve(manager).builds[0].output)
    return replace(settings, targets=published_targets(output))


def absolute(path: str) -> Path:
    """A path on the command line, which starts where the user is."""
    import os

    return Path(os.path.normpath(Path(path).expanduser().absolute()))
