"""Where the time of a compiled model goes, on the model of its machine: `tc trace`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX
from toolchain.accelerator.cycles.trace import trace_text
from toolchain.core.reports import FileRow
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.pipeline.published import Published, open_published
from toolchain.pipeline.study import machine_study
from toolchain.plugin.machine_runner import machine_named
from toolchain.plugin.manager import PluginManager
from toolchain.program.serialize import load_program
from toolchain.render.machine.page import machine_page
from toolchain.render.machine.text import machine_text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.summary import Summary
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
    not in them. Lower bounds are given for the model's own shapes.

    Raises:
        ConfigError: No build published the folder, or there is no such batch or group.
        CompileError: The folder has no compiled model, or one that is damaged, of another machine,
            that leaves everything to the CPU or whose code the machine cannot execute.
    """
    published = open_published(request.folder)
    path = _container_file(published)
    container = read_container(path)
    machines = _machines(published)
    groups = sorted({each.group for each in container.variants})
    _check("group", request.group, groups)
    sizes = sorted(each.batch for each in container.variants if each.group == request.group)
    batch = sizes[0] if request.batch is None else request.batch
    _check("batch", batch, sizes)
    study = machine_study(
        container,
        load_program(published.folder, published.program),
        machine_named(container.machine, machines, str(path)),
        group=request.group,
        batch=batch,
        ddr_limit=request.ddr_limit,
        machines=machines,
    )
    if study.shown is None:
        raise CompileError(
            Code.PACKAGE_INVALID,
            "The compiled model leaves everything to the CPU",
            where=f"batch {batch}",
            hint="report.md says why, operation by operation",
        )
    texts = {
        TRACE: trace_text([found for _, found in study.segments], name=container.name),
        PAGE: machine_page(study),
        TEXT: machine_text(study),
    }
    destination = request.destination or published.folder.with_name(
        f"{published.folder.resolve().name}.trace"
    )
    return TraceReport(
        name=container.name,
        shown=study.shown,
        variants=study.variants,
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


def _machines(published: Published) -> tuple[Machine, ...]:
    manager = PluginManager.load()
    manager.require_targets([published.target])
    targets = manager.targets()
    _check("target", published.target, targets)
    (chip,) = targets[published.target].spec.on(published.platform).platforms
    return chip.machines


def _check(what: str, asked: object, there: Collection[object]) -> None:
    if asked not in there:
        raise ConfigError(
            Code.BAD_VALUE,
            f"There is no such {what}",
            where=what,
            got=asked,
            allowed=", ".join(map(str, there)),
        )


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
