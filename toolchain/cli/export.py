"""`tc export`: a published program as sources for another build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output, QuietOption, VerboseOption


def export(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A target's folder, as build/NAME/riscv.")
    ],
    destination: Annotated[
        Path, typer.Argument(metavar="DESTINATION", help="Folder to write; empty or new.")
    ],
    kind: Annotated[
        str,
        typer.Option("--as", help="c: sources with a Makefile; arduino: a library of the IDE."),
    ] = "c",
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Parts into which kernels divide their work.")
    ] = 1,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a published program as C sources for firmware."""
    from toolchain.pipeline.export import export as write
    from toolchain.render import tables

    speak = Output(form, verbose=verbose, quiet=quiet)
    rows = write(folder, destination, form=kind, workers=workers)
    speak.tables([tables.files(rows)])
    speak.answer({"form": kind, "destination": destination, "files": rows}, str(destination))
