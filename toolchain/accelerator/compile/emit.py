"""From scheduled tasks to code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.address import patch
from toolchain.accelerator.compile.tasks import Compute
from toolchain.accelerator.compile.waits import waits_of
from toolchain.accelerator.isa.code import Code, Probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.tasks import Task
    from toolchain.accelerator.isa.instructions import Instruction
    from toolchain.accelerator.isa.operands import Queue, Space


def emit(
    queues: Mapping[Queue, Sequence[Task]],
    *,
    machine: str,
    operations: tuple[str, ...],
    sizes: Mapping[Space, int],
) -> Code:
    """Code of scheduled tasks, with the probes of every computed part."""
    waits = waits_of(queues)
    code: dict[Queue, tuple[Instruction, ...]] = {}
    probes: list[Probe] = []
    for queue, tasks in queues.items():
        found: list[Instruction] = []
        for task in tasks:
            first, *rest = task.instructions
            found += [replace(first, waits=waits[task]), *rest]
            if isinstance(task.action, Compute):
                probes.append(_probe(queue, len(found) - 1, task.action))
        code[queue] = tuple(found)
    return Code(
        machine=machine, operations=operations, queues=code, sizes=sizes, probes=tuple(probes)
    )


def _probe(queue: Queue, index: int, action: Compute) -> Probe:
    return Probe(
        queue=queue,
        index=index,
        tensor=action.rule.output,
        starts=tuple(start for start, _ in action.target.box),
        view=patch(action.target).view,
    )
