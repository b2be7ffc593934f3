"""What is in a compiled model, as text: `tc disasm`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import (
    Container,
    HostSegment,
    MachineSegment,
    Port,
    Segment,
    Variant,
)
from toolchain.accelerator.isa.assembly import disassemble
from toolchain.errors import Code, ConfigError
from toolchain.pipeline.published import open_published


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentText:
    """A segment.

    Attributes:
        executor: machine or host.
        inputs: Tensors that it reads, those of a machine with their place in the region.
        outputs: Tensors that it writes, in the same way.
        operations: Operations of the program that it executes.
        reasons: Why the machine does not, by operation; empty for the machine.
        assembly: Code of the machine as docs/isa.md writes it; empty for the host.
    """

    executor: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: tuple[str, ...]
    reasons: dict[str, str]
    assembly: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disassembly:
    """One variant of a compiled model.

    Attributes:
        name: The model.
        machine: What it was compiled for.
        group: Number of the input shapes.
        batch: Samples at once.
        variants: All groups and batches that there are.
        segments: In the order of execution.
    """

    name: str
    machine: str
    group: int
    batch: int
    variants: tuple[tuple[int, int], ...]
    segments: tuple[SegmentText, ...]


def disassembly(folder: Path, *, batch: int | None = None, group: int = 0) -> Disassembly:
    """Read the compiled model of a published folder.

    Args:
        folder: Folder that a build published for a target with machines.
        batch: Samples at once, one of those that were compiled; None: the fewest.
        group: Number of the input shapes.

    Raises:
        ConfigError: No build published the folder, or there is no such batch or group.
        CompileError: The folder has no compiled model, or one that is damaged.
    """
    container = read_container(open_published(folder).compiled)
    variant = _chosen(container, batch, group)
    return Disassembly(
        name=container.name,
        machine=container.machine,
        group=variant.group,
        batch=variant.batch,
        variants=tuple((each.group, each.batch) for each in container.variants),
        segments=tuple(_segment(segment) for segment in variant.segments),
    )


def disassembly_lines(found: Disassembly) -> Iterator[str]:
    """The whole text; all but the assembly are comments of the assembly."""
    yield _comment(f"{found.name} on {found.machine}, group {found.group}, batch {found.batch}")
    listed = (f"group {group} batch {batch}" for group, batch in found.variants)
    yield _comment(f"there are: {', '.join(listed)}")
    for number, segment in enumerate(found.segments):
        yield ""
        yield _comment(f"segment {number}: {segment.executor}")
        yield from (_comment(f"  reads {each}") for each in segment.inputs)
        yield from (_comment(f"  writes {each}") for each in segment.outputs)
        if segment.assembly:
            yield segment.assembly.rstrip("\n")
            continue
        for name in segment.operations:
            reason = segment.reasons.get(name)
            yield _comment(f"  {name}: {reason}" if reason else f"  {name}")


def _comment(text: str) -> str:
    """A comment of one line, whatever names are in it."""
    return "# " + "".join(c if c.isprintable() else "?" for c in text)


def _chosen(container: Container, batch: int | None, group: int) -> Variant:
    batches = {each.batch: each for each in container.variants if each.group == group}
    if not batches:
        groups = sorted({each.group for each in container.variants})
        raise _unknown("group", group, groups)
    size = min(batches) if batch is None else batch
    if size not in batches:
        raise _unknown("batch", size, sorted(batches))
    return batches[size]


def _unknown(what: str, got: int, allowed: list[int]) -> ConfigError:
    return ConfigError(
        Code.BAD_VALUE,
        f"There is no such {what}",
        where=what,
        got=got,
        allowed=", ".join(str(each) for each in allowed),
    )


def _segment(segment: Segment) -> SegmentText:
    if isinstance(segment, MachineSegment):
        return SegmentText(
            executor="machine",
            inputs=tuple(_port(port) for port in segment.inputs),
            outputs=tuple(_port(port) for port in segment.outputs),
            operations=segment.code.operations,
            reasons={},
            assembly=disassemble(segment.code),
        )
    return SegmentText(
        executor="host",
        inputs=_tensors(segment, segment.program.inputs),
        outputs=_tensors(segment, segment.program.outputs),
        operations=tuple(op.name for op in segment.program.operations),
        reasons=dict(segment.reasons),
        assembly="",
    )


def _port(port: Port) -> str:
    order = " ".join(str(axis) for axis in port.order)
    return f"{port.name} {port.dtype} {_extents(port.shape)} at {port.offset}, axes {order}"


def _tensors(segment: HostSegment, names: tuple[str, ...]) -> tuple[str, ...]:
    found = [segment.program.tensors[name] for name in names]
    return tuple(f"{each.name} {each.dtype} {_extents(each.shape)}" for each in found)


def _extents(shape: tuple[int, ...]) -> str:
    return "x".join(str(extent) for extent in shape) or "scalar"
