"""What a target with a machine hands over besides the integer program: the compiled model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.accelerator.container.file import write_container
from toolchain.accelerator.container.records import SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.accelerator.partition import Unsupported
    from toolchain.core.machine import Machine
    from toolchain.core.options import CompileOptions
    from toolchain.program.records import Program

_BYTES_PER_GB = 10**9


def write_model(
    program: Program,
    groups: tuple[Program, ...],
    machine: Machine,
    folder: Path,
    *,
    name: str,
    options: CompileOptions,
    limits: Unsupported | None = None,
) -> dict[str, str]:
    """Compile a program and those of further input shapes, and write `NAME.tcm`.

    What `limits` gives a reason for goes to a CPU, beside what the kit has no instruction for.

    Returns:
        The file written, with what it is.

    Raises:
        CompileError: The machine cannot have the model, or not in one of the batches.
    """
    limit = round(options.ddr_bw_limit * _BYTES_PER_GB) or None
    container = compile_model(
        (program, *groups),
        machine,
        name=name,
        batches=Batches(sizes=options.static_batch_sizes, maximum=options.max_dynamic_batch_size),
        ddr_limit=limit,
        limits=limits,
    )
    path = folder / f"{name}{SUFFIX}"
    write_container(container, path)
    return {path.name: f"compiled model for {machine.name}"}
