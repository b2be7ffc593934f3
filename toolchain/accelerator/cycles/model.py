"""Times code on the model of a machine, from event to event."""

from __future__ import annotations

from fractions import Fraction
from heapq import heappop, heappush
from math import ceil
from typing import TYPE_CHECKING

from toolchain.accelerator.cycles.records import Step, Timeline, queue_name
from toolchain.accelerator.cycles.sharing import SharedBandwidth
from toolchain.accelerator.isa.instructions import BlockedConvolve, Convolve, Copy, Multiply
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine, Queue, Wait
from toolchain.accelerator.rates import (
    busy_cycles,
    ddr_bytes_per_cycle,
    engine_counts,
    matrix_shape,
)
from toolchain.accelerator.transfers import (
    NO_TRAFFIC,
    Traffic,
    ddr_traffic,
    loads_constants,
)
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError

if TYPE_CHECKING:
    from toolchain.accelerator.isa.code import Code
    from toolchain.accelerator.isa.instructions import Instruction
    from toolchain.accelerator.isa.operands import View
    from toolchain.core.machine import Machine


def timeline(
    code: Code, machine: Machine, *, ddr_limit: int | None = None, weight_limit: int | None = None
) -> Timeline:
    """When every instruction begins and ends.

    Args:
        code: Instructions that the machine can execute.
        machine: A machine whose description has no findings.
        ddr_limit: Bytes per second that transfers may use of the DDR, at least 1; None: all of it.
        weight_limit: Bytes per second of it that loads of constants may use together; None: all.

    Raises:
        CompileError: Queues wait for each other, for what is not there, or are of engines that the
            machine does not have, an operand is wider than those can multiply, or an instruction
            belongs to no operation.
    """
    _check_operations(code)
    run = _Run(code, machine, ddr_limit, weight_limit)
    run.run()
    steps = tuple(step for lane in run.lanes for step in lane.steps)
    return Timeline(
        machine=machine,
        operations=code.operations,
        steps=steps,
        cycles=max((step.completed for step in steps), default=0),
        traffic=Traffic(
            sum(step.traffic.read for step in steps), sum(step.traffic.written for step in steps)
        ),
        busy={lane.queue: sum(step.cycles for step in lane.steps) for lane in run.lanes},
        ddr_bytes_per_cycle=ddr_bytes_per_cycle(machine, ddr_limit),
    )


class _Lane:
    """A queue at work."""

    __slots__ = (
        "alone", "begin", "cause", "completed", "free", "instructions", "number", "queue", "steps",
        "traffic", "waiting",
    )  # fmt: skip

    def __init__(self, number: int, queue: Queue, instructions: tuple[Instruction, ...]) -> None:
        self.number = number
        self.queue = queue
        self.instructions = instructions
        self.steps: list[Step] = []
        self.completed: list[int] = []
        """When so many instructions and one more are completed, all of them."""
        self.free = 0
        self.waiting: list[_Lane] = []
        """Lanes that cannot tell when to begin before more is completed here."""
        self.begin = 0
        self.cause: Wait | None = None
        self.traffic = NO_TRAFFIC
        self.alone = 0

    def finish(self, end: int, completed: int) -> list[_Lane]:
        """End the instruction at hand; the lanes that may go on."""
        index = len(self.steps)
        instruction = self.instructions[index]
        self.steps.append(
            Step(
                self.queue, index, instruction.operation, type(instruction).__name__, self.free,
                self.begin, end, completed, instruction.waits, self.cause, self.traffic, self.alone,
                _macs(instruction),
            )
        )  # fmt: skip
        self.completed.append(max(completed, self.completed[-1]) if index else completed)
        self.free = end
        waiting, self.waiting = self.waiting, []
        return waiting


class _Run:
    """All queues; those whose next instruction can be timed go on, the others wait for events."""

    def __init__(
        self, code: Code, machine: Machine, ddr_limit: int | None, weight_limit: int | None
    ) -> None:
        self.machine = machine
        self.lanes = [_Lane(n, *item) for n, item in enumerate(code.queues.items())]
        self._by_queue = {lane.queue: lane for lane in self.lanes}
        self._ready = list(self.lanes)
        self._beginning: list[tuple[int, int]] = []
        """(cycle, lane) of transfers over the DDR whose beginning is known."""
        bandwidth, width = ddr_bytes_per_cycle(machine, ddr_limit), machine.transfer.bytes_per_cycle
        self._fastest = min(bandwidth, Fraction(width))
        loading = ddr_bytes_per_cycle(machine, weight_limit)
        self._loading = min(self._fastest, loading)
        """What a single load of constants gets."""
        self._ddr = SharedBandwidth(
            bandwidth=bandwidth,
            width=width,
            transfers=sum(lane.queue.engine is Engine.TRANSFER for lane in self.lanes),
            limited=None if weight_limit is None else loading,
        )

    def run(self) -> None:
        """Until nothing is left.

        Only the end of a transfer over the DDR depends on what else happens; everything else is
        timed as soon as what it waits for is. So when no lane can go on, the next event is the
        beginning or the end of such a transfer, and nothing that is still unknown comes before it.
        """
        for lane in self.lanes:
            _check_engine(lane.queue, self.machine)
        while True:
            while self._ready:
                self._advance(self._ready.pop())
            end = self._ddr.next_end()
            begin = self._beginning[0][0] if self._beginning else end
            if begin is None:
                break
            now = begin if end is None else min(begin, end)
            for number in self._ddr.go_to(now):
                lane = self.lanes[number]
                self._ready += lane.finish(now, now + self.machine.ddr.latency_cycles)
                self._ready.append(lane)
            while self._beginning and self._beginning[0][0] <= now:
                _, number = heappop(self._beginning)
                lane = self.lanes[number]
                loads = loads_constants(lane.instructions[len(lane.steps)])
                self._ddr.begin(number, lane.traffic.bytes, limited=loads)
        blocked = [lane for lane in self.lanes if len(lane.steps) < len(lane.instructions)]
        if blocked:
            raise _deadlock(blocked, self._by_queue)

    def _advance(self, lane: _Lane) -> None:
        """Time instructions of a lane until one waits for what is not known yet."""
        while len(lane.steps) < len(lane.instructions):
            instruction = lane.instructions[len(lane.steps)]
            if not self._begin(lane, instruction):
                return
            lane.traffic = NO_TRAFFIC
            if lane.queue.engine is Engine.TRANSFER:
                lane.traffic = ddr_traffic(instruction, self.machine.transfer)
            if lane.traffic.bytes:
                limited = loads_constants(instruction)
                lane.alone = ceil(
                    lane.traffic.bytes / (self._loading if limited else self._fastest)
                )
                heappush(self._beginning, (lane.begin, lane.number))
                return
            lane.alone = _busy(instruction, lane.queue, self.machine)
            end = lane.begin + lane.alone
            self._ready += lane.finish(end, end)

    def _begin(self, lane: _Lane, instruction: Instruction) -> bool:
        """Say when an instruction begins, and what put it off; False if that is not known yet."""
        lane.begin, lane.cause = lane.free, None
        for wait in instruction.waits:
            other = self._by_queue.get(wait.queue)
            if other is None or len(other.completed) < wait.count:
                if other is not None:
                    other.waiting.append(lane)
                return False
            if wait.count:
                met = other.completed[wait.count - 1]
                met += 0 if other is lane else self.machine.sync_cycles
                if met > lane.begin:
                    lane.begin, lane.cause = met, wait
        self._await_own_loads(lane, instruction)
        return True

    def _await_own_loads(self, lane: _Lane, instruction: Instruction) -> None:
        """Put off what reads bytes that a transfer of its own queue has not brought yet."""
        if not isinstance(instruction, Copy) or not instruction.source.space.on_chip:
            return
        for step in reversed(lane.steps):
            if step.end + self.machine.ddr.latency_cycles <= lane.begin:
                return
            loaded = lane.instructions[step.index].target
            if step.completed > lane.begin and _overlap(loaded, instruction.source):
                lane.begin, lane.cause = step.completed, Wait(lane.queue, step.index + 1)


def _busy(instruction: Instruction, queue: Queue, machine: Machine) -> int:
    try:
        return busy_cycles(instruction, queue, machine)
    except KeyError as error:
        raise CompileError(
            ErrorCode.MACHINE_CODE_INVALID,
            f"{machine.name} cannot multiply operands so wide",
            where=f"{queue_name(queue)}, operation {instruction.operation}",
            got=f"{error.args[0]} bits",
            allowed=", ".join(map(str, sorted(machine.convolution.passes))),
        ) from error


def _macs(instruction: Instruction) -> int:
    if isinstance(instruction, (Convolve, BlockedConvolve, Multiply)):
        return matrix_shape(instruction).macs
    return 0


def _overlap(target: View, source: View) -> bool:
    """True if both are of one memory and their spans have a byte in common."""
    if target.space is not source.space or target.core not in (source.core, EVERY_CORE):
        return False
    (first, behind), (begin, end) = target.span, source.span
    return first < end and begin < behind


def _check_operations(code: Code) -> None:
    for queue, instructions in code.queues.items():
        for index, each in enumerate(instructions):
            if not 0 <= each.operation < len(code.operations):
                raise CompileError(
                    ErrorCode.MACHINE_CODE_INVALID,
                    "an instruction belongs to no operation",
                    where=f"{queue_name(queue)}, instruction {index}",
                    got=each.operation,
                    allowed=f"less than {len(code.operations)}",
                )


def _check_engine(queue: Queue, machine: Machine) -> None:
    count = engine_counts(machine)[queue.engine]
    if not (0 <= queue.core < machine.cores and 0 <= queue.index < count):
        raise CompileError(
            ErrorCode.MACHINE_CODE_INVALID,
            f"{machine.name} has no such engine",
            where=queue_name(queue),
            allowed=f"{machine.cores} cores, {count} {queue.engine.name.lower()} engines on each",
        )


def _deadlock(blocked: list[_Lane], lanes: dict[Queue, _Lane]) -> CompileError:
    """Say of every queue that is stuck which wait is never met."""
    found = [_stuck(lane, lanes) for lane in blocked]
    return CompileError(
        ErrorCode.MACHINE_CODE_INVALID,
        "queues wait for what is never completed",
        where=f"{queue_name(blocked[0].queue)}, instruction {len(blocked[0].steps)}",
        got="; ".join(found[:8]) + ("; ..." if len(found) > 8 else ""),
        hint="an instruction must not wait for one that waits for it, nor for more than there are",
    )


def _stuck(lane: _Lane, lanes: dict[Queue, _Lane]) -> str:
    done = {queue: len(other.completed) for queue, other in lanes.items()}
    index = len(lane.steps)
    wait = next(w for w in lane.instructions[index].waits if done.get(w.queue, 0) < w.count)
    return (
        f"{queue_name(lane.queue)} stops before its instruction {index}, for {wait.count} of "
        f"{queue_name(wait.queue)}, where {done.get(wait.queue, 0)} were completed"
    )
