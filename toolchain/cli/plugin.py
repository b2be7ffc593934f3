"""`tc plugin`: start a plugin of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output

plugin = typer.Typer(name="plugin", help="Start a plugin of your own.", rich_markup_mode=None)


@plugin.callback()
def _group() -> None:
    """Start a plugin of your own."""


@plugin.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new target.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to put `toolchain-NAME` into.")
    ] = Path(),
    form: FormatOption = Format.TEXT,
) -> None:
    """Write the project of a new target: facts, rules, hooks, tests and an example config."""
    from toolchain.plugin.manager import PluginManager
    from toolchain.plugin.scaffold import scaffold

    manager = PluginManager.load()
    taken = {row.name for row in manager.describe()} | set(manager.targets())
    folder, written = scaffold(name, output, taken)
    Output(form).answer(
        {"folder": folder, "files": written}, f"{folder}: next, pip install {_typed(folder)}"
    )


def _typed(folder: Path) -> str:
    """The folder as pip takes it for a folder, and not for the name of a distribution."""
    return str(folder) if folder.is_absolute() or folder.parts[0] == ".." else f"./{folder}"
