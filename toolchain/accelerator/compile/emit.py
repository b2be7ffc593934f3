"""From scheduled tasks to code: addresses, and the waits that nothing else implies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.costs import parameter_view
from toolchain.accelerator.compile.rules.base import Operands
from toolchain.accelerator.compile.tasks import Access, Compute, Outside, Transfer
from toolchain.accelerator.compile.views import Patch, merged_pair, place
from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.instructions import Copy
from toolchain.accelerator.isa.operands import Queue, View, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.tasks import Task
    from toolchain.accelerator.isa.instructions import Instruction
    from toolchain.accelerator.isa.operands import Space


def instructions_of(task: Task) -> tuple[Instruction, ...]:
    """The instructions of a task whose buffers have addresses, without waits."""
    found = (_copy(task.action),) if isinstance(task.action, Transfer) else _computing(task.action)
    return tuple(replace(each, operation=task.step) for each in found)


def _copy(action: Transfer) -> Instruction:
    if isinstance(action.source, Outside) and action.source.box is None:
        target = action.target
        assert isinstance(target, Access)
        view = View(
            space=target.buffer.space,
            core=target.core,
            offset=target.buffer.offset + action.place,
            dtype=action.source.dtype,
            shape=action.source.shape,
            strides=(1,),
        )
        read = replace(view, space=action.source.space, core=0, offset=action.source.offset)
        return Copy(operation=0, target=view, source=read)
    into, read = merged_pair(_patch(action.target).view, _patch(action.source).view)
    return Copy(operation=0, target=into, source=read)


def _patch(at: Access | Outside) -> Patch:
    """Where a part of a tensor lies."""
    if isinstance(at, Outside):
        assert at.box is not None
        everything = tuple((0, extent) for extent in at.shape)
        return place(
            space=at.space, core=0, offset=at.offset, dtype=at.dtype, box=everything, order=at.order
        ).crop(at.box)
    assert at.box is not None
    buffer = at.buffer
    return place(
        space=buffer.space,
        core=at.core,
        offset=buffer.offset,
        dtype=buffer.dtype,
        box=buffer.boxes[at.core],
        order=buffer.order,
    ).crop(at.box)


def _computing(action: Compute) -> tuple[Instruction, ...]:
    parameters: dict[str, View] = {}
    if action.parameters is not None:
        buffer, core = action.parameters.buffer, action.parameters.core
        for parameter, start, (first, _) in zip(
            action.rule.parameters, action.places, action.rows, strict=True
        ):
            rows = parameter.rows(action.box)
            skipped = (rows[0] - first) * (parameter.array.nbytes // parameter.array.shape[0])
            parameters[parameter.role] = parameter_view(
                parameter.array, buffer.space, core, buffer.offset + start + skipped, rows
            )
    at = Operands(
        box=action.box,
        target=_patch(action.target).view,
        sources=tuple(None if s is None else _patch(s) for s in action.sources),
        parameters=parameters,
    )
    return action.rule.instructions(at)


@dataclass(slots=True, kw_only=True)
class _Known:
    """How many instructions of every queue are known to be completed when a task begins."""

    counts: dict[Queue, int]


def emit(
    queues: Mapping[Queue, Sequence[Task]],
    *,
    machine: str,
    operations: tuple[str, ...],
    sizes: Mapping[Space, int],
) -> Code:
    """Code of scheduled tasks, with the probes of every computed part."""
    ends: dict[Task, tuple[Queue, int]] = {}
    made: dict[Task, tuple[Instruction, ...]] = {}
    for queue, tasks in queues.items():
        end = 0
        for task in tasks:
            made[task] = instructions_of(task)
            end += len(made[task])
            ends[task] = (queue, end)
    waits = _waits(queues, ends)
    code: dict[Queue, list[Instruction]] = {queue: [] for queue in queues}
    probes: list[Probe] = []
    for queue, tasks in queues.items():
        for task in tasks:
            first, *rest = made[task]
            code[queue] += [replace(first, waits=waits[task]), *rest]
            if isinstance(task.action, Compute):
                probes.append(_probe(queue, len(code[queue]) - 1, task.action))
    return Code(
        machine=machine,
        operations=operations,
        queues={queue: tuple(found) for queue, found in code.items()},
        sizes=sizes,
        probes=tuple(probes),
    )


def _probe(queue: Queue, index: int, action: Compute) -> Probe:
    patch = _patch(action.target)
    return Probe(
        queue=queue,
        index=index,
        tensor=action.rule.output,
        starts=tuple(start for start, _ in patch.box),
        view=patch.view,
    )


def _waits(
    queues: Mapping[Queue, Sequence[Task]], ends: Mapping[Task, tuple[Queue, int]]
) -> Mapping[Task, tuple[Wait, ...]]:
    """For every task the fewest waits that order it behind all that it has to come after."""
    found: dict[Task, tuple[Wait, ...]] = {}
    known: dict[Task, dict[Queue, int]] = {}
    places = dict.fromkeys(queues, 0)
    progress = True
    while progress:
        progress = False
        for queue, tasks in queues.items():
            while places[queue] < len(tasks):
                task = tasks[places[queue]]
                if any(other not in known for other in task.before):
                    break
                before = tasks[places[queue] - 1] if places[queue] else None
                found[task], known[task] = _wait(task, queue, before, ends, known)
                places[queue] += 1
                progress = True
    return found


def _wait(
    task: Task,
    queue: Queue,
    before: Task | None,
    ends: Mapping[Task, tuple[Queue, int]],
    known: Mapping[Task, dict[Queue, int]],
) -> tuple[tuple[Wait, ...], dict[Queue, int]]:
    """Waits of one task, and what is known to be completed when it begins."""
    counts = dict(known[before]) if before is not None else {}
    if before is not None:
        counts[queue] = ends[before][1]
    needed: dict[Queue, tuple[int, Task]] = {}
    for other in task.before:
        at, end = ends[other]
        if at != queue and needed.get(at, (0, other))[0] < end:
            needed[at] = (end, other)
    waits: list[Wait] = []
    # Who knows most comes first: it may imply the others.
    for at, (end, other) in sorted(
        needed.items(), key=lambda item: -sum(known[item[1][1]].values())
    ):
        if counts.get(at, 0) >= end:
            continue
        waits.append(Wait(at, end))
        for each, number in (*known[other].items(), (at, end)):
            counts[each] = max(counts.get(each, 0), number)
    return tuple(sorted(waits, key=lambda w: w.queue)), counts
