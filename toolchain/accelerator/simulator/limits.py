"""What an instruction must keep to so that it can be executed at once, all operands beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import (
    BlockedConvolve,
    Combine,
    Convolve,
    Copy,
    Instruction,
    Lookup,
    Pool,
    Scale,
)
from toolchain.accelerator.isa.operands import View
from toolchain.accelerator.simulator.extents import common_byte, extent
from toolchain.accelerator.simulator.memory import places
from toolchain.accelerator.simulator.operands import named_sources
from toolchain.accelerator.simulator.order import said
from toolchain.accelerator.simulator.refusal import refusal
from toolchain.accelerator.simulator.windows import windows_of
from toolchain.errors import Problem

MOST_ELEMENTS = 1 << 28
"""Of an operand, and of all that windows see: no instruction needs a few times more than that."""

_IN_PLACE = (Copy, Combine, Lookup, Scale)
"""Each element of the target needs only the element of a source at the same place."""


def limit_problems(code: Code, cores: int) -> Iterator[Problem]:
    """Operands without measure, and targets over sources, of code that keeps to all rules."""
    for queue, instructions in code.queues.items():
        for index, at in enumerate(instructions):
            for message, got, allowed in (*_elements(at), *_overlaps(at, cores)):
                where = said((queue, index), code.queues)
                yield refusal(message, where=where, got=got, allowed=allowed)
    for probe in code.probes:
        if probe.view.space.per_core and not 0 <= probe.view.core < cores:
            message, allowed = "a probe of a core that does not exist", f"0 to {cores - 1}"
            yield refusal(message, where=probe.tensor, got=probe.view.core, allowed=allowed)


def _elements(at: Instruction) -> Iterator[tuple[str, object, str]]:
    counts = {name: view.elements for name, view in named_sources(at)}
    if isinstance(at, Convolve | BlockedConvolve | Pool):
        windows = windows_of(at)
        samples, _, _, channels = at.source.shape
        counts["windows"] = math.prod((samples, channels, windows.reach(0), windows.reach(1)))
    for name, count in counts.items():
        if count > MOST_ELEMENTS:
            yield f"{name}: too many elements", count, f"at most {MOST_ELEMENTS}"


def _overlaps(at: Instruction, cores: int) -> Iterator[tuple[str, object, str]]:
    """A target over a source of the same instruction, unless each element replaces itself."""
    written = extent(at.target)
    for name, view in named_sources(at):
        if not set(places(view, cores)) & set(places(at.target, cores)):
            continue
        byte = common_byte(written, extent(view))
        if byte is None or (isinstance(at, _IN_PLACE) and _layout(view) == _layout(at.target)):
            continue
        got = f"byte {byte} of {view.space.name} is in {name} and target"
        yield "an instruction overwrites its own source", got, "a target beside its sources"


def _layout(view: View) -> object:
    steps = [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n > 1]
    return view.offset, view.itemsize, steps
