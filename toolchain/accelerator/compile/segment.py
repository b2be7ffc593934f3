"""One machine segment: from an integer program to code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.address import instructions_of
from toolchain.accelerator.compile.allocate import DoesNotFitError, allocate
from toolchain.accelerator.compile.assign import assign
from toolchain.accelerator.compile.costs import Costs, Knobs
from toolchain.accelerator.compile.emit import emit
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.modes import AUTOMATIC, Modes
from toolchain.accelerator.compile.order import link
from toolchain.accelerator.compile.planning import plans
from toolchain.accelerator.compile.regions import regions_of
from toolchain.accelerator.compile.rules.base import Facts
from toolchain.accelerator.compile.rules.steps import steps_of
from toolchain.accelerator.compile.schedule import schedule
from toolchain.accelerator.container.records import MachineSegment, Port
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.isa.operands import Engine, Queue
from toolchain.accelerator.rates import busy_cycles
from toolchain.errors import Code, CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolchain.accelerator.compile.image import ConstantImage
    from toolchain.accelerator.compile.plan import Plan
    from toolchain.accelerator.compile.regions import Regions
    from toolchain.accelerator.compile.rules.base import Rule
    from toolchain.accelerator.compile.tasks import Task
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.isa.code import Code as MachineCode
    from toolchain.accelerator.isa.operands import Space
    from toolchain.core.machine import Machine
    from toolchain.program.records import Program

_TRIES = (
    Knobs(),
    Knobs(run=1),
    Knobs(run=3, exchange=2.0, chunks=2),
    Knobs(run=4, exchange=4.0),
    Knobs(passes=16),
    Knobs(exchange=0.5, chunks=8),
    Knobs(run=1, passes=16),
)
_ROUNDS = 2
_MOST_SPENT = 6000
"""Instructions made in all tries before no further one begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Constants:
    """The region of constants, which all tries share.

    Attributes:
        offsets: Of every parameter of every step.
        size: Bytes.
    """

    offsets: tuple[tuple[int, ...], ...]
    size: int


def compile_segment(
    program: Program, machine: Machine, image: ConstantImage, modes: Modes = AUTOMATIC
) -> MachineSegment:
    """Code of a program all of whose operations the machine can do: the quickest of a few tries.

    A deep search makes all tries, and each with every plan that fits.

    Raises:
        CompileError: A layer fits into the memory in no tile.
    """
    facts = Facts(
        program=program,
        depthwise=Engine.TENSOR if machine.convolution.depthwise is None else Engine.CONVOLUTION,
        moving=Engine.TENSOR if machine.rearrangement is None else Engine.REARRANGEMENT,
    )
    costs = Costs(facts=facts, machine=machine, orders=orders(program), modes=modes)
    steps = steps_of(facts, costs.orders)
    offsets = tuple(image.add([p.array for p in rule.parameters]) for rule in steps)
    constants = _Constants(offsets=offsets, size=len(image.content()))
    found: list[tuple[int, MachineSegment]] = []
    spent = 0
    for knobs in _TRIES:
        for segment in _fitting(steps, replace(costs, knobs=knobs), constants):
            cycles = timeline(segment.code, machine, ddr_limit=modes.ddr_limit).cycles
            found.append((cycles, segment))
            spent += sum(len(queue) for queue in segment.code.queues.values())
            if not modes.deep:
                break
        if spent > _MOST_SPENT and not modes.deep:
            break
    return min(found, key=lambda each: each[0])[1]


def _fitting(
    steps: tuple[Rule, ...], costs: Costs, constants: _Constants
) -> Iterator[MachineSegment]:
    """Code by every plan that fits into the memory, at least one."""
    reason: DoesNotFitError | None = None
    fitting = 0
    for plan in plans(steps, costs):
        try:
            segment = _by_plan(plan, costs, constants)
        except DoesNotFitError as error:
            reason = error
            continue
        fitting += 1
        yield segment
    if reason is not None and not fitting:
        raise CompileError(
            Code.LOWERING_FAILED,
            "No plan fits into the memory of the machine",
            where=reason.buffer.name,
            got=f"{reason.buffer.size} bytes beside what else has to be there",
            allowed=f"{reason.capacity} bytes on {costs.machine.name}",
        )


def _by_plan(plan: Plan, costs: Costs, constants: _Constants) -> MachineSegment:
    program, machine = costs.facts.program, costs.machine
    regions = regions_of(plan, costs, constants.size)
    assignment = assign(plan, costs, regions, constants.offsets)
    sizes = {**regions.sizes, **allocate(assignment, machine)}
    link(assignment)
    for task in assignment.tasks:
        queue = Queue(task.core, task.engine, 0)
        task.instructions = instructions_of(task)
        task.cycles = sum(busy_cycles(each, queue, machine) for each in task.instructions)
    return MachineSegment(
        code=_quickest(assignment.tasks, costs, tuple(rule.name for rule in plan.steps), sizes),
        inputs=tuple(_port(name, regions) for name in program.inputs),
        outputs=tuple(_port(name, regions) for name in program.outputs),
    )


def _quickest(
    tasks: Sequence[Task], costs: Costs, operations: tuple[str, ...], sizes: Mapping[Space, int]
) -> MachineCode:
    """Code of the best of a few schedules, each told how long transfers took in the one before."""
    found: list[tuple[int, MachineCode]] = []
    seen: Mapping[Task, int] = {}
    for _ in range(_ROUNDS):
        queues = schedule(tasks, costs, seen)
        code = emit(queues, machine=costs.machine.name, operations=operations, sizes=sizes)
        times = timeline(code, costs.machine, ddr_limit=costs.modes.ddr_limit)
        found.append((times.cycles, code))
        seen = _seen(queues, times)
    return min(found, key=lambda each: each[0])[1]


def _seen(queues: Mapping[Queue, Sequence[Task]], times: Timeline) -> Mapping[Task, int]:
    """How long every transfer over the DDR took."""
    crossing = {
        (queue, index): task
        for queue, tasks in queues.items()
        if queue.engine is Engine.TRANSFER
        for index, task in enumerate(tasks)
        if task.crosses
    }
    return {
        crossing[step.queue, step.index]: step.end - step.begin
        for step in times.steps
        if (step.queue, step.index) in crossing
    }


def _port(name: str, regions: Regions) -> Port:
    place = regions.tensors[name]
    return Port(
        name=name, dtype=place.dtype, shape=place.shape, order=place.order, offset=place.offset
    )
