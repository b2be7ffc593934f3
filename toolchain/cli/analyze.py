"""`tc analyze`: where the error of a built model comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output, QuietOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.core.reports import AnalysisReport


def analyze(  # noqa: PLR0913 - one parameter per option
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A target's folder, as build/NAME/riscv, or that of all."
        ),
    ],
    *,
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="per_layer|end_to_end",
            help="Feed every layer float values, or let errors accumulate.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="reference|qdq|machine", help="What is compared with the float model."
        ),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="How many samples are compared.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Samples; INPUT=PATH, several times, where there are several inputs."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for Markdown, JSON, text and Mermaid files."),
    ] = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show how far every layer of a built model is from the float model, the worst first."""
    from toolchain.pipeline.analyze import analyze as run_analysis
    from toolchain.render.analysis import headline, layer_tables, verdict

    speak = Output(form, verbose=verbose, quiet=quiet)
    reports = run_analysis(
        folder,
        mode=mode,
        on=on,
        samples=samples,
        data=_sources(data),
        progress=speak.progress(),
    )
    if output is not None:
        _write(reports, output)
    for report in reports:
        speak.lines((headline(report),))
        speak.tables(layer_tables(report, ranges=verbose))
        speak.lines(verdict(report))
    speak.answer(reports, "\n".join(f"{report.target}: {report.summary}" for report in reports))


def _sources(given: list[str] | None) -> str | dict[str, str | Path] | None:
    """One path, or input name to path."""
    if not given:
        return None
    if len(given) == 1 and ("=" not in given[0] or Path(given[0]).exists()):
        return given[0]
    named = dict(text.split("=", 1) for text in given if "=" in text)
    if len(named) < len(given) or not all((*named, *named.values())):
        raise typer.BadParameter(
            f"{', '.join(given)}: not INPUT=PATH, each of another input", param_hint="--data"
        )
    return dict(named)


def _write(reports: Iterable[AnalysisReport], folder: Path) -> None:
    """The files of every report, each target's in a folder of its own where there are several."""
    from toolchain.render.analysis_files import analysis_files

    several = tuple(reports)
    for report in several:
        place = folder if len(several) == 1 else folder / report.target
        place.mkdir(parents=True, exist_ok=True)
        for name, text in analysis_files(report).items():
            (place / name).write_text(text, encoding="utf-8")
