"""`tc disasm`: the code of a compiled model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output


def disasm(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A target's folder, as build/NAME/npu.")
    ],
    batch: Annotated[
        int | None, typer.Option(min=1, help="Samples at once; the fewest if not given.")
    ] = None,
    group: Annotated[int, typer.Option(min=0, help="Number of the input shapes.")] = 0,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show the code of a compiled model, and what it leaves to a CPU."""
    from toolchain.pipeline.disasm import disassembly, disassembly_lines

    found = disassembly(folder, batch=batch, group=group)
    Output(form).answer(found, "\n".join(disassembly_lines(found)))
