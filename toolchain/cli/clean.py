"""`tc clean`: remove what builds have written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output
from toolchain.cli.settings import ConfigOption, OutputOption, SetOption, Settings, TargetOption


def clean(
    config: ConfigOption,
    cache: Annotated[
        bool, typer.Option("--cache", help="Only the cache; keep the results.")
    ] = False,
    target: TargetOption = None,
    assignments: SetOption = None,
    output: OutputOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Remove the output of a build, or only its cache."""
    from toolchain.pipeline.clean import clean as remove
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.figures import size

    manager = PluginManager.load()
    settings = Settings(
        config=config,
        # All targets share one folder, so that none has to be named.
        targets=tuple(target or manager.targets()),
        assignments=tuple(assignments or ()),
        output=output,
    )
    folder = Path(settings.resolve(manager).builds[0].output)
    freed = remove(folder, cache_only=cache)
    Output(form).answer({"output": folder, "freed_bytes": freed}, f"{folder}: freed {size(freed)}")
