"""Where the time of a compiled model goes, on the model of its machine: `tc trace`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX, Container, MachineSegment, Variant
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.summary import Summary, summarise
from toolchain.accelerator.cycles.trace import trace_text
from toolchain.accelerator.simulator.verify import verify
from toolchain.core.reports import FileRow
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.pipeline.published import Published, open_published
from toolchain.plugin.machine_runner import machine_named
from toolchain.plugin.manager import PluginManager
from toolchain.program.serialize import load_program
from toolchain.render.machine.page import machine_page
from toolchain.render.machine.text import machine_text

if TYPE_CHECKING:
    from toolchain.accelerator.bounds import ProgramBound
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.isa.code import Code as MachineCode
    from toolchain.core.machine import Machine

TRACE, PAGE, TEXT = "trace.json", "index.html", "index.md"
"""Files that are written: for a trace viewer, for a browser, and to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """What is asked.

    Attributes:
        folder: Folder that a build published for a target with machines.
        destination: Folder of the trace; None: FOLDER.trace.
        batch: Samples at once, one of those that were compiled; None: the fewest.
        group: Number of the input shapes.
        ddr_limit: Bytes per second that transfers may use of the DDR; None: all that it has.
    """

    folder: Path
    destination: Path | None = None
    batch: int | None = None
    group: int = 0
    ddr_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReport:
    """What came out.

    Attributes:
        name: The model.
        shown: The batch that was asked for.
        variants: All batches of the same input shapes, rising.
        files: What was written.
    """

    name: str
    shown: Summary
    variants: tuple[Summary, ...]
    files: tuple[FileRow, ...]


def trace(request: TraceRequest) -> TraceReport:
    """Time a compiled model, and write a trace and a page with pictures.

    Times are those of a model of the machine; what a CPU computes between the machine's segments is
    not in them. The lower bound is given for a batch of one sample of the model's own shapes.

    Raises:
        ConfigError: No build published the folder, or there is no such batch or group.
        CompileError: The folder has no compiled model, or one that is damaged, of another machine,
            that leaves everything to the CPU or whose code the machine cannot execute.
    """
    published = open_published(request.folder)
    container = read_container(_container_file(published))
    machine = _machine(published, container)
    variants = _variants(container, request.group)
    batch = min(variants) if request.batch is None else request.batch
    _check("batch", batch, variants)
    runs = {size: _run(one, machine, request.ddr_limit) for size, one in variants.items()}
    bound = None
    if (request.group, request.ddr_limit) == (0, None) and 1 in runs:
        bound = program_bound(load_program(published.folder, published.program), machine)
    summaries = {size: _summary(run, size, bound) for size, run in runs.items()}
    ordered = tuple(summaries.values())
    timelines = [found for _, found in runs[batch]]
    texts = {
        TRACE: trace_text(timelines, name=container.name),
        PAGE: machine_page(container.name, runs[batch], summaries[batch], ordered),
        TEXT: machine_text(container.name, summaries[batch], ordered),
    }
    destination = request.destination or published.folder.with_name(
        f"{published.folder.resolve().name}.trace"
    )
    return TraceReport(
        name=container.name,
        shown=summaries[batch],
        variants=ordered,
        files=_write(destination, texts),
    )


def _container_file(published: Published) -> Path:
    for name in published.files:
        if name.endswith(SUFFIX):
            return published.folder / name
    raise CompileError(
        Code.PACKAGE_INVALID,
        "The published folder has no compiled model of a machine",
        where=str(published.folder),
        allowed=f"a folder with NAME{SUFFIX}",
        hint="build for a target with machines, as npu",
    )


def _machine(published: Published, container: Container) -> Machine:
    manager = PluginManager.load()
    manager.require_targets([published.target])
    targets = manager.targets()
    _check("target", published.target, targets)
    chip = targets[published.target].spec.on(published.platform).platforms[0]
    return machine_named(container.machine, chip.machines, str(_container_file(published)))


def _variants(container: Container, group: int) -> Mapping[int, Variant]:
    """All batches of a group, rising."""
    _check("group", group, sorted({each.group for each in container.variants}))
    return {each.batch: each for each in container.variants if each.group == group}


def _check(what: str, asked: object, there: Collection[object]) -> None:
    if asked not in there:
        raise ConfigError(
            Code.BAD_VALUE,
            f"There is no such {what}",
            where=what,
            got=asked,
            allowed=", ".join(map(str, there)),
        )


def _run(
    variant: Variant, machine: Machine, ddr_limit: int | None
) -> list[tuple[MachineCode, Timeline]]:
    """Every segment of the machine, and its times."""
    found = [each.code for each in variant.segments if isinstance(each, MachineSegment)]
    if not found:
        raise CompileError(
            Code.PACKAGE_INVALID,
            "The compiled model leaves everything to the CPU",
            where=f"batch {variant.batch}",
            hint="report.md says why, operation by operation",
        )
    for code in found:
        verify(code, machine)
    return [(code, timeline(code, machine, ddr_limit=ddr_limit)) for code in found]


def _summary(
    run: Sequence[tuple[MachineCode, Timeline]], batch: int, bound: ProgramBound | None
) -> Summary:
    timelines = [found for _, found in run]
    return summarise(timelines, batch=batch, bound=bound if batch == 1 else None)


def _write(destination: Path, texts: Mapping[str, str]) -> tuple[FileRow, ...]:
    whats = {
        TRACE: "for ui.perfetto.dev or chrome://tracing",
        PAGE: "schedule, memory and roofline in pictures, and all tables",
        TEXT: "the tables by themselves",
    }
    destination.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        # Names in files of others may hold what UTF-8 cannot say.
        (destination / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return tuple(
        FileRow(
            path=destination / name,
            what=whats[name],
            size_bytes=(destination / name).stat().st_size,
        )
        for name in texts
    )
