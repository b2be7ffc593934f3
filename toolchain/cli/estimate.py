"""`tc estimate`: what a model takes on every machine, before it is quantized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output, QuietOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolchain.config.overrides import Override


def estimate(  # noqa: PLR0913 - one parameter per option
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file.")],
    *,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", help="Target; several times for more, `all` for each."),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option(help="Chip of a target; several times for more. All of them without it."),
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[INPUT=]1,3,224,224",
            help="Shape of a model input, batch first, where the model leaves it open.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="Override a setting, as in quantize.activation_dtype=int16.",
        ),
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Show every operation, too.")
    ] = False,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Estimate what a model takes on models of machines: no samples, nothing is quantized."""
    from toolchain.config.overrides import parse_overrides
    from toolchain.pipeline.estimate import Wanted, estimate_model
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.estimate import estimate_tables, headline

    speak = Output(form, verbose=verbose, quiet=quiet)
    manager = PluginManager.load()
    speak.warn(row.problem() for row in manager.broken())
    wanted = Wanted(
        targets=None if "all" in (target or ["all"]) else tuple(target or ()),
        platforms=tuple(platform) if platform else None,
        overrides=(*_shapes(input_shape or ()), *parse_overrides(assignments or ())),
        operators=operators,
    )
    report = estimate_model(model, wanted, manager)
    speak.tables(estimate_tables(report))
    speak.lines(report.notes)
    speak.answer(report, headline(report))


def _shapes(given: Iterable[str]) -> Iterator[Override]:
    """The shapes as the list `input` of a config, where there are any."""
    from toolchain.config.overrides import Override

    inputs = [_shape(text) for text in given]
    if inputs:
        yield Override(path=("input",), value=inputs, origin="--input-shape")


def _shape(text: str) -> dict[str, object]:
    """One shape, and the input it is of where that is named."""
    name, _, dims = text.rpartition("=")
    try:
        shape = [int(dim) for dim in dims.split(",")]
    except ValueError:
        message = f"{text}: not [INPUT=]1,3,224,224"
        raise typer.BadParameter(message, param_hint="--input-shape") from None
    return {"shape": shape} | ({"name": name} if name else {})
