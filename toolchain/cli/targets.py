"""`tc targets`: what is installed, and the facts of one target."""

from __future__ import annotations

from typing import Annotated

import typer

from toolchain.cli.choose import choose_targets
from toolchain.cli.output import Format, FormatOption, Output, VerboseOption


def targets(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Target whose facts to show; all in brief without it."),
    ] = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """List targets, or show the facts of one."""
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.facts import fact_tables, facts_of, overview

    output = Output(form, verbose=verbose)
    manager = PluginManager.load()
    known = manager.targets()
    if name is None:
        facts = tuple(facts_of(known[one]) for one in sorted(known))
        output.tables((overview(facts),))
        output.answer({"targets": facts}, " ".join(one.name for one in facts))
    else:
        (target,) = choose_targets([name], manager)
        chosen = facts_of(target)
        output.tables(fact_tables(chosen))
        output.answer(chosen, f"{chosen.name}: {chosen.summary}")
