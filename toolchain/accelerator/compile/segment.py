"""One machine segment: from an integer program to code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.allocate import DoesNotFitError, allocate
from toolchain.accelerator.compile.assign import Assigner, Regions
from toolchain.accelerator.compile.costs import Costs, Knobs, stored_type
from toolchain.accelerator.compile.emit import emit, instructions_of
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.order import link
from toolchain.accelerator.compile.plan import Plan, Residence
from toolchain.accelerator.compile.planning import plans
from toolchain.accelerator.compile.rules import rules_of
from toolchain.accelerator.compile.rules.base import Facts, Rule
from toolchain.accelerator.compile.schedule import schedule
from toolchain.accelerator.compile.tasks import Outside
from toolchain.accelerator.container.records import MachineSegment, Port
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.isa.operands import Engine, Queue, Space
from toolchain.accelerator.rates import busy_cycles
from toolchain.errors import Code, CompileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.image import ConstantImage
    from toolchain.accelerator.compile.tasks import Task
    from toolchain.accelerator.isa.code import Code as MachineCode
    from toolchain.core.machine import Machine
    from toolchain.program.records import Program

_ALIGNMENT = 64

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


def compile_segment(
    program: Program, machine: Machine, image: ConstantImage, ddr_limit: int | None = None
) -> MachineSegment:
    """Code of a program all of whose operations the machine can do: the quickest of a few tries.

    Raises:
        CompileError: A layer fits into the memory in no tile.
    """
    facts = Facts(
        program=program,
        depthwise=Engine.TENSOR if machine.convolution.depthwise is None else Engine.CONVOLUTION,
        moving=Engine.TENSOR if machine.rearrangement is None else Engine.REARRANGEMENT,
    )
    costs = Costs(facts=facts, machine=machine, orders=orders(program), ddr_limit=ddr_limit)
    steps = tuple(rule for op in program.operations for rule in rules_of(op, facts))
    parameters = tuple(image.add([p.array for p in rule.parameters]) for rule in steps)
    best: tuple[int, MachineSegment] | None = None
    spent = 0
    for knobs in _TRIES:
        found = _fitting(steps, replace(costs, knobs=knobs), parameters, len(image.content()))
        cycles = timeline(found.code, machine, ddr_limit=ddr_limit).cycles
        if best is None or cycles < best[0]:
            best = (cycles, found)
        spent += sum(len(queue) for queue in found.code.queues.values())
        if spent > _MOST_SPENT:
            break
    assert best is not None
    return best[1]


def _fitting(
    steps: tuple[Rule, ...], costs: Costs, parameters: Sequence[tuple[int, ...]], constants: int
) -> MachineSegment:
    """Code by the first plan that fits into the memory."""
    machine = costs.machine
    for plan in plans(steps, costs):
        try:
            return _code(plan, costs, parameters, constants)
        except DoesNotFitError as error:
            reason = error
    raise CompileError(
        Code.LOWERING_FAILED,
        "No plan fits into the memory of the machine",
        where=reason.buffer.name,
        got=f"{reason.buffer.size} bytes beside what else has to be there",
        allowed=f"{machine.memory.bytes} bytes on {machine.name}",
    )


def _code(
    plan: Plan, costs: Costs, parameters: Sequence[tuple[int, ...]], constants: int
) -> MachineSegment:
    program, machine = costs.facts.program, costs.machine
    regions, sizes = _regions(plan, costs, parameters, constants)
    assignment = Assigner(plan, costs, regions).assign()
    sizes.update(allocate(assignment, machine))
    link(assignment)
    for task in assignment.tasks:
        queue = Queue(task.core, task.engine, 0)
        task.cycles = sum(busy_cycles(each, queue, machine) for each in instructions_of(task))
    names = tuple(rule.name for rule in plan.steps)
    code = _quickest(assignment.tasks, costs, names, sizes)
    return MachineSegment(
        code=code,
        inputs=tuple(_port(name, regions) for name in program.inputs),
        outputs=tuple(_port(name, regions) for name in program.outputs),
    )


def _quickest(
    tasks: Sequence[Task], costs: Costs, names: tuple[str, ...], sizes: Mapping[Space, int]
) -> MachineCode:
    """Code of the best of a few schedules, each told how long transfers took in the one before."""
    best: tuple[int, MachineCode] | None = None
    seen: dict[Task, int] = {}
    for _ in range(_ROUNDS):
        queues = schedule(tasks, costs, seen)
        code = emit(queues, machine=costs.machine.name, operations=names, sizes=sizes)
        times = timeline(code, costs.machine, ddr_limit=costs.ddr_limit)
        if best is None or times.cycles < best[0]:
            best = (times.cycles, code)
        crossing = {
            (queue, at): task
            for queue, found in queues.items()
            if queue.engine is Engine.TRANSFER
            for at, task in enumerate(found)
            if task.crosses
        }
        for step in times.steps:
            task = crossing.get((step.queue, step.index))
            if task is not None:
                seen[task] = step.end - step.begin
    assert best is not None
    return best[1]


def _port(name: str, regions: Regions) -> Port:
    place = regions.tensors[name]
    return Port(
        name=name, dtype=place.dtype, shape=place.shape, order=place.order, offset=place.offset
    )


def _regions(
    plan: Plan, costs: Costs, parameters: Sequence[tuple[int, ...]], constants: int
) -> tuple[Regions, dict[Space, int]]:
    """Where everything lies in the DDR, and how large its regions are."""
    program = costs.facts.program
    tensors: dict[str, Outside] = {}
    sizes: dict[Space, int] = {}
    stored = [
        name
        for name, residence in plan.residence.items()
        if residence is Residence.DDR and name not in (*program.inputs, *program.outputs)
    ]
    for space, names in (
        (Space.INPUT, program.inputs),
        (Space.OUTPUT, program.outputs),
        (Space.WORK, stored),
    ):
        end = 0
        for name in names:
            tensor = program.tensors[name]
            dtype = stored_type(tensor.dtype)
            tensors[name] = Outside(
                space, end, dtype, tensor.shape, costs.orders[name], tensor=name
            )
            length = dtype.numpy.itemsize
            for extent in tensor.shape:
                length *= extent
            end += -(-length // _ALIGNMENT) * _ALIGNMENT
        if end:
            sizes[space] = end
    if any(parameters):
        sizes[Space.CONSTANTS] = constants
    return Regions(tensors=tensors, parameters=parameters), sizes
