"""`tc diff` and `tc verify`: where runs of one program part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output, QuietOption, VerboseOption

if TYPE_CHECKING:
    from toolchain.core.divergence import DifferenceReport

RunArgument = typer.Argument(help="Folder that `tc run --dump` wrote, or its index.json.")


def diff(
    *,
    run_a: Annotated[Path, RunArgument],
    run_b: Annotated[Path, RunArgument],
    build: Annotated[
        Path | None,
        typer.Option(help="The target's folder that was run, where it has been moved."),
    ] = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the first operation and element that two dumped runs disagree about, and explain it."""
    from toolchain.pipeline.diff import diff as run_diff

    speak = Output(form, verbose=verbose, quiet=quiet)
    _answer(speak, run_diff(run_a, run_b, build=build))


def verify(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A target's folder, as build/NAME/riscv.")
    ],
    dump: Annotated[
        Path,
        typer.Option(help="Tensors of a board: index.json, or .npy, .raw and .bin by their names."),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", "-i", help="What the board was fed, as in tc run; not where the dump has it."
        ),
    ] = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Hold the reference against per-layer tensors of a real board, and explain what differs."""
    from toolchain.pipeline.feeding import named_samples
    from toolchain.pipeline.published import open_published
    from toolchain.pipeline.verify import VerifyRequest, verify_dump
    from toolchain.plugin.manager import PluginManager

    speak = Output(form, verbose=verbose, quiet=quiet)
    samples = named_samples(open_published(folder), inputs) if inputs else {}
    request = VerifyRequest(folder=folder, dump=dump, samples=samples)
    _answer(speak, verify_dump(request, PluginManager.load(), speak.progress()))


def _answer(speak: Output, report: DifferenceReport) -> None:
    """Show a report; exit code 1 where something differs."""
    from toolchain.cli.failures import end_answered
    from toolchain.render.divergence import (
        difference_line,
        difference_lines,
        difference_problems,
        difference_tables,
    )

    speak.lines(difference_lines(report))
    speak.tables(difference_tables(report))
    speak.answer(report, difference_line(report))
    end_answered(difference_problems(report))
