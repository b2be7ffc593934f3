"""Whether the description of a machine agrees with itself: checked before use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from toolchain.core.machine import Machine, OnChipMemory, covers, figures

Findings: TypeAlias = Iterator[tuple[str, object, str]]
"""What is wrong: where, what was found, and what is allowed."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_WIDTHS = frozenset({8, 16, 32})
"""Bits of the integers that memories hold; those of 4 bits take a byte each."""
_MAY_BE_ZERO = frozenset({"ddr.latency_cycles", "sync_cycles"})


def machine_findings(machine: Machine) -> Findings:
    """All that is inconsistent in a description, whose fields hold what they declare."""
    if _NAME.fullmatch(machine.name) is None:
        yield "name", machine.name[:80], "a lower-case letter or a digit, then those and `_.-`"
    if not machine.summary.strip() or "\n" in machine.summary:
        yield "summary", machine.summary[:80], "one line that says which machine this is"
    wrong = tuple(_ranges(machine))
    yield from wrong
    if not wrong:
        yield from _cores(machine)
        yield from _engines(machine)
        yield from _memories(machine)
    yield from _origins(machine)


def _ranges(machine: Machine) -> Findings:
    for path, value in figures(machine):
        least = 0 if path in _MAY_BE_ZERO else 1
        if value < least:
            yield path, value, f"at least {least}"


def _cores(machine: Machine) -> Findings:
    if machine.interconnect is not None and machine.cores == 1:
        yield "interconnect", "1 core", "two cores or more, which it is the way between"


def _engines(machine: Machine) -> Findings:
    passes = machine.convolution.passes
    for bits in sorted(set(passes) - _WIDTHS):
        widths = ", ".join(map(str, sorted(_WIDTHS)))
        yield f"convolution.passes[{bits}]", f"{bits} bits", f"a width of operands: {widths}"
    if 8 not in passes:
        widths = ", ".join(map(str, sorted(passes))) or "none"
        yield "convolution.passes", widths, "8-bit operands among the widths"
    ordered = [passes[bits] for bits in sorted(passes)]
    if ordered != sorted(ordered):
        yield "convolution.passes", dict(passes), "no fewer passes for wider operands"
    doing = [e for e in (machine.convolution, machine.tensor) if e.depthwise is not None]
    if len(doing) != 1:
        yield "depthwise", f"{len(doing)} engines", "one of convolution and tensor has `depthwise`"
    transfer = machine.transfer
    if transfer.alignment & (transfer.alignment - 1):
        yield "transfer.alignment", transfer.alignment, "a power of two"
    if transfer.burst_bytes % transfer.alignment:
        allowed = f"a multiple of the alignment, {transfer.alignment}"
        yield "transfer.burst_bytes", transfer.burst_bytes, allowed


def _memories(machine: Machine) -> Findings:
    array = machine.convolution.array
    weights = array.inputs * array.outputs
    step = array.pixels * (array.inputs + array.outputs)
    if machine.weight_buffer is None:
        step += weights
    needs: Mapping[str, tuple[OnChipMemory | None, int]] = {
        "memory": (machine.memory, step),
        "weight_buffer": (machine.weight_buffer, weights),
        "shared_memory": (machine.shared_memory, 1),
    }
    for name, (memory, least) in needs.items():
        if memory is None:
            continue
        if memory.bytes % memory.banks:
            yield f"{name}.bytes", memory.bytes, f"a multiple of its banks, {memory.banks}"
        if memory.bytes < least:
            yield f"{name}.bytes", memory.bytes, f"at least {least}, operands of one cycle"


def _origins(machine: Machine) -> Findings:
    """Every figure has one origin, every entry a figure, and every origin a text."""
    origins = (
        *((f"sources[{path}]", path, text) for path, text in machine.sources.items()),
        *((f"assumptions[{path}]", path, text) for path, text in machine.assumptions.items()),
    )
    paths = [path for path, _ in figures(machine)]
    for path in paths:
        found = [label for label, entry, _ in origins if covers(entry, path)]
        if len(found) != 1:
            got = ", ".join(found) or "no source and no assumption"
            yield path, got, "one entry in `sources` or `assumptions`"
    for label, entry, text in origins:
        if not any(covers(entry, path) for path in paths):
            yield label, "no such figure", "the path of a figure or of a record of figures"
        if not text.strip():
            yield label, "empty", "who published it, or why it is assumed"
