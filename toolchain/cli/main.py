"""The command `tc`: its commands, and the one place where errors end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from toolchain.cli.analyze import analyze
from toolchain.cli.build import build
from toolchain.cli.clean import clean
from toolchain.cli.config import config
from toolchain.cli.diff import diff, verify
from toolchain.cli.disasm import disasm
from toolchain.cli.estimate import estimate
from toolchain.cli.eval import evaluate
from toolchain.cli.explain import explain
from toolchain.cli.export import export
from toolchain.cli.failures import report
from toolchain.cli.inspect import inspect
from toolchain.cli.plugin import plugin
from toolchain.cli.plugins import plugins
from toolchain.cli.run import run as run_command
from toolchain.cli.streams import kept_for_answers, kept_from_children
from toolchain.cli.targets import targets
from toolchain.cli.trace import trace

if TYPE_CHECKING:
    from collections.abc import Sequence

# Plain help: drawing it with rich would cost a third of the time that `tc --help` may take.
app = typer.Typer(name="tc", add_completion=False, rich_markup_mode=None)
app.command()(build)
app.command("eval")(evaluate)
app.command("run")(run_command)
app.add_typer(config)
app.add_typer(plugin)
for _command in (
    diff,
    verify,
    export,
    analyze,
    trace,
    disasm,
    inspect,
    estimate,
    targets,
    plugins,
    explain,
):
    app.command()(_command)
app.command()(clean)


def main() -> None:
    """Run the command line of the process; never returns."""
    with kept_from_children():
        code = run(sys.argv[1:])
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The words behind `tc`; none shows the help.

    Returns:
        The exit code (docs/reference/errors.md).
    """
    try:
        with kept_for_answers():
            code = _invoke(arguments or ["--help"])
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - everything ends here
        return report(error, arguments)
    return code


def _invoke(arguments: Sequence[str]) -> int:
    # Not `app(...)`, which would handle interrupts and closed pipes in its own way.
    command = get_command(app)
    try:
        with command.make_context("tc", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return 0


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"tc {version('toolchain')}\n")
        raise typer.Exit


@app.callback()
def tc(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """From a float ONNX model to a verified integer program, on any edge chip."""
