"""The instructions of tasks whose buffers have addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import whole
from toolchain.accelerator.compile.costs import parameter_view
from toolchain.accelerator.compile.parameters import row_bytes
from toolchain.accelerator.compile.rules.base import Operands
from toolchain.accelerator.compile.tasks import Access, Compute, Outside
from toolchain.accelerator.compile.views import Patch, merged_pair, place
from toolchain.accelerator.isa.instructions import Copy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.accelerator.compile.tasks import Task, Transfer
    from toolchain.accelerator.isa.instructions import Instruction
    from toolchain.accelerator.isa.operands import View


def instructions_of(task: Task) -> tuple[Instruction, ...]:
    """What a task executes, one after the other, without waits."""
    action = task.action
    found = _computing(action) if isinstance(action, Compute) else (_copy(action),)
    return tuple(replace(each, operation=task.step) for each in found)


def patch(at: Access | Outside) -> Patch:
    """Where a part of a tensor lies."""
    if isinstance(at, Outside):
        space, core, offset = at.place.space, 0, at.place.offset
        dtype, order, everything = at.place.dtype, at.place.order, whole(at.place.shape)
    else:
        buffer = at.buffer
        space, core, offset = buffer.space, at.core, buffer.offset
        dtype, order, everything = buffer.dtype, buffer.order, buffer.boxes[at.cores[0]]
    return place(
        space=space, core=core, offset=offset, dtype=dtype, box=everything, order=order
    ).crop(at.box)


def _copy(action: Transfer) -> Instruction:
    target, source = merged_pair(patch(action.target).view, patch(action.source).view)
    return Copy(operation=0, target=target, source=source)


def _computing(action: Compute) -> tuple[Instruction, ...]:
    at = Operands(
        box=action.target.box,
        target=patch(action.target).view,
        sources=tuple(None if source is None else patch(source) for source in action.sources),
        parameters={} if action.parameters is None else _parameters(action, action.parameters),
    )
    return action.rule.instructions(at)


def _parameters(action: Compute, held: Access) -> Mapping[str, View]:
    """The rows of every parameter that a part needs, within those that are held."""
    found: dict[str, View] = {}
    for parameter, offset, (first, _) in zip(
        action.rule.parameters, action.offsets, action.rows, strict=True
    ):
        rows = parameter.rows(action.target.box)
        begin = held.buffer.offset + offset + (rows[0] - first) * row_bytes(parameter)
        space = held.buffer.space
        found[parameter.role] = parameter_view(parameter.array, space, held.core, begin, rows)
    return found
