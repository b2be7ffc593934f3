"""What a target with a machine hands over besides the integer program: the compiled model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.model import Batches, Subgraph, compile_model
from toolchain.accelerator.compile.modes import Modes
from toolchain.accelerator.container.file import write_container
from toolchain.accelerator.container.records import SUFFIX
from toolchain.accelerator.subgraphs import subgraphs
from toolchain.core.options.compile import Search

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.accelerator.partition import Unsupported
    from toolchain.core.machine import Machine
    from toolchain.core.options import CompileOptions, SubConfig
    from toolchain.program.records import Program

_BYTES_PER_GB = 10**9
_PER_SUBGRAPH = ("ddr_bw_limit", "tile_mode", "slice_mode")


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
    container = compile_model(
        (program, *groups),
        machine,
        name=name,
        batches=Batches(sizes=options.static_batch_sizes, maximum=options.max_dynamic_batch_size),
        modes=_modes(options),
        subgraphs=tuple(
            Subgraph(operations=operations, modes=_modes(options, config))
            for operations, config in zip(
                subgraphs(program, options.sub_configs), options.sub_configs, strict=True
            )
        ),
        limits=limits,
    )
    path = folder / f"{name}{SUFFIX}"
    write_container(container, path)
    return {path.name: f"compiled model for {machine.name}"}


def _modes(options: CompileOptions, config: SubConfig | None = None) -> Modes:
    """How to compile, with what an entry for a subgraph says in the place of what it replaces."""
    chosen = {name: getattr(options, name) for name in _PER_SUBGRAPH}
    if config is not None:
        chosen |= {name: v for name in chosen if (v := getattr(config, name)) is not None}
    return Modes(
        ddr_limit=round(chosen["ddr_bw_limit"] * _BYTES_PER_GB) or None,
        tiles=chosen["tile_mode"],
        slices=chosen["slice_mode"],
        deep=options.search is Search.DEEP,
    )
