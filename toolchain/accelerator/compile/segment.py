"""One machine segment: from an integer program to code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.allocate import DoesNotFitError, allocate
from toolchain.accelerator.compile.assign import Assigner, Regions
from toolchain.accelerator.compile.costs import Costs, stored_type
from toolchain.accelerator.compile.emit import emit, instructions_of
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.order import link
from toolchain.accelerator.compile.plan import Plan, Residence
from toolchain.accelerator.compile.planning import plans
from toolchain.accelerator.compile.rules import rules_of
from toolchain.accelerator.compile.rules.base import Facts
from toolchain.accelerator.compile.schedule import schedule
from toolchain.accelerator.compile.tasks import Outside
from toolchain.accelerator.container.records import MachineSegment, Port
from toolchain.accelerator.isa.operands import Engine, Queue, Space
from toolchain.accelerator.rates import busy_cycles
from toolchain.errors import Code, CompileError

if TYPE_CHECKING:
    from toolchain.accelerator.compile.image import ConstantImage
    from toolchain.core.machine import Machine
    from toolchain.program.records import Program

_ALIGNMENT = 64


def compile_segment(program: Program, machine: Machine, image: ConstantImage) -> MachineSegment:
    """Code of a program all of whose operations the machine can do."""
    facts = Facts(
        program=program,
        depthwise=Engine.TENSOR if machine.convolution.depthwise is None else Engine.CONVOLUTION,
        moving=Engine.TENSOR if machine.rearrangement is None else Engine.REARRANGEMENT,
    )
    costs = Costs(facts=facts, machine=machine, orders=orders(program))
    steps = tuple(rule for op in program.operations for rule in rules_of(op, facts))
    for plan in plans(steps, costs):
        try:
            return _code(plan, costs, image)
        except DoesNotFitError as error:
            reason = error
    raise CompileError(
        Code.LOWERING_FAILED,
        "No plan fits into the memory of the machine",
        where=reason.buffer.name,
        got=f"{reason.buffer.size} bytes beside what else has to be there",
        allowed=f"{machine.memory.bytes} bytes on {machine.name}",
    )


def _code(plan: Plan, costs: Costs, image: ConstantImage) -> MachineSegment:
    program, machine = costs.facts.program, costs.machine
    regions, sizes = _regions(plan, costs, image)
    assignment = Assigner(plan, costs, regions).assign()
    sizes.update(allocate(assignment, machine))
    link(assignment)
    for task in assignment.tasks:
        queue = Queue(task.core, task.engine, 0)
        task.cycles = sum(busy_cycles(each, queue, machine) for each in instructions_of(task))
    queues = schedule(assignment.tasks, costs)
    names = tuple(rule.name for rule in plan.steps)
    code = emit(queues, machine=machine.name, operations=names, sizes=sizes)
    return MachineSegment(
        code=code,
        inputs=tuple(_port(name, regions) for name in program.inputs),
        outputs=tuple(_port(name, regions) for name in program.outputs),
    )


def _port(name: str, regions: Regions) -> Port:
    place = regions.tensors[name]
    return Port(
        name=name, dtype=place.dtype, shape=place.shape, order=place.order, offset=place.offset
    )


def _regions(plan: Plan, costs: Costs, image: ConstantImage) -> tuple[Regions, dict[Space, int]]:
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
    parameters = tuple(
        image.add([parameter.array for parameter in rule.parameters]) for rule in plan.steps
    )
    if any(parameters):
        sizes[Space.CONSTANTS] = len(image.content())
    return Regions(tensors=tensors, parameters=parameters), sizes
