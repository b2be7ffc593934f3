"""`tc trace`: where the time of a compiled model goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output, VerboseOption


def trace(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A target's folder, as build/NAME/npu.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write; FOLDER.trace if not given."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Samples at once; the fewest if not given.")
    ] = None,
    group: Annotated[int, typer.Option(min=0, help="Number of the input shapes.")] = 0,
    ddr_limit: Annotated[
        float | None,
        typer.Option(min=0.001, help="GB per second that transfers may use of the DDR."),
    ] = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show where the time of a compiled model goes, on a model of its machine."""
    from toolchain.pipeline.trace import TraceRequest
    from toolchain.pipeline.trace import trace as run_trace
    from toolchain.render import tables
    from toolchain.render.machine.tables import (
        duration,
        engine_table,
        operation_table,
        summary_data,
        summary_lines,
        variant_table,
    )

    report = run_trace(
        TraceRequest(
            folder=folder,
            destination=output,
            batch=batch,
            group=group,
            ddr_limit=None if ddr_limit is None else round(ddr_limit * 1e9),
        )
    )
    shown = report.shown
    speak = Output(form, verbose=verbose)
    several = [variant_table(report.variants)] if len(report.variants) > 1 else []
    speak.tables([*several, engine_table(shown), operation_table(shown)])
    speak.tables([tables.files(report.files)])
    speak.lines(summary_lines(shown))
    line = f"{report.name} on {shown.machine.name}: {shown.cycles:,} cycles of the model, "
    line += f"{duration(shown.latency_us)}, {shown.frames_per_second:,.1f} frames per second"
    speak.answer(
        {
            "name": report.name,
            **summary_data(shown),
            "batches": [summary_data(each) for each in report.variants],
            "files": report.files,
        },
        line,
    )
