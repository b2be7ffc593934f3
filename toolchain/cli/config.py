"""`tc config`: write, check and show config files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.choose import choose_targets
from toolchain.cli.output import Format, FormatOption, Output
from toolchain.cli.settings import SetOption, Settings, TargetOption
from toolchain.errors import Code, ConfigError

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Config file (TOML, JSON, YAML).")
]

config = typer.Typer(
    name="config", help="Write, check and show config files.", rich_markup_mode=None
)


@config.command()
def init(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The float ONNX model.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; MODEL.toml here where left out."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", help="Target to write it for; several times for more."),
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Write a commented config for a model; an existing file is left alone."""
    from toolchain.config.template import template
    from toolchain.graph.inputs import model_inputs
    from toolchain.plugin.manager import PluginManager

    names = tuple(target or ())
    choose_targets(names, PluginManager.load())
    file = output or Path(f"{model.name.split('.')[0]}.toml")
    reference = Path(os.path.relpath(model, file.parent)).as_posix()
    text = template(reference, model_inputs(model), names)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise ConfigError(
            Code.BAD_USAGE,
            "The config file exists already",
            where=str(file),
            hint="remove it, or give another name with `--output`",
        ) from error
    Output(form).answer({"file": file}, str(file))


@config.command()
def check(
    file: FileArgument,
    target: TargetOption = None,
    assignments: SetOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Validate a config without building; all problems are shown together."""
    from toolchain.plugin.manager import PluginManager

    settings = Settings(
        config=file, targets=tuple(target or ()), assignments=tuple(assignments or ())
    )
    builds = settings.resolve(PluginManager.load()).builds
    names = [build.target for build in builds]
    Output(form).answer(
        {"file": file, "targets": names}, f"{file}: valid, builds for {', '.join(names)}"
    )


@config.command()
def show(
    file: FileArgument,
    target: TargetOption = None,
    assignments: SetOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show every setting as it is used, defaults included, and where it comes from."""
    from toolchain.config.dotted import format_path, leaves_of
    from toolchain.plugin.manager import PluginManager

    settings = Settings(
        config=file, targets=tuple(target or ()), assignments=tuple(assignments or ())
    )
    resolved = settings.resolve(PluginManager.load())
    leaves = {format_path(path): value for path, value in leaves_of(dict(resolved.values))}
    lines = (
        f"{path} = {json.dumps(value)}  # {resolved.origins.get(path, 'default')}"
        for path, value in leaves.items()
    )
    Output(form).answer({"values": resolved.values, "origins": resolved.origins}, "\n".join(lines))


@config.command()
def schema() -> None:
    """Write the JSON schema of config files, for editors."""
    from toolchain.config.schema import json_schema
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.jsonout import dumps

    sys.stdout.write(f"{dumps(json_schema(PluginManager.load().targets()))}\n")
