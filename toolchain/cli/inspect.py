"""`tc inspect`: what is in a model, and what targets make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.choose import choose_targets
from toolchain.cli.output import Format, FormatOption, Output, VerboseOption


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file.")],
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", help="Also show what this target supports; `all` for each."),
    ] = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show what is in a model and what targets make of it."""
    from toolchain.pipeline.inspect import inspect as inspect_model
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.figures import count, plural
    from toolchain.render.listings import model_tables

    names = target or []
    manager = PluginManager.load()
    chosen = choose_targets(sorted(manager.targets()) if "all" in names else names, manager)
    report = inspect_model(model, chosen)
    output = Output(form, verbose=verbose)
    output.tables(model_tables(report))
    output.answer(report, f"{model}: {plural(report.nodes, 'node')}, {count(report.macs)} MACs")
