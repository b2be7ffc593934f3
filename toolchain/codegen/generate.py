"""A program as calls of kernels, with all data and memory they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolchain.codegen.calls import Call, Step
from toolchain.codegen.emitters import EMITTERS, SPATIAL
from toolchain.codegen.memory import MemoryPlan, plan_memory
from toolchain.codegen.operands import row_major
from toolchain.codegen.scope import Scope
from toolchain.program.records import Program
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generated:
    """The C program before it is written down.

    Attributes:
        program: What it computes.
        steps: Operations with their calls, in order.
        closing: Calls that bring outputs to the caller which were not computed there.
        constants: Data by C name.
        memory: Where buffers lie.
        external: Where the caller's buffers are, inputs and outputs, by name.
        workers: Parts for `parallel_for`.
    """

    program: Program
    steps: tuple[Step, ...]
    closing: tuple[Call, ...]
    constants: Mapping[str, Array]
    memory: MemoryPlan
    external: Mapping[str, str]
    workers: int

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls in order."""
        return (*(call for step in self.steps for call in step.calls), *self.closing)


def generate(program: Program, *, name: str = "model", workers: int = 1) -> Generated:
    """Turn a program into calls of kernels.

    Args:
        program: What the C computes.
        name: C name of the model.
        workers: Parts into which kernels divide their work for `parallel_for`.

    Raises:
        CompileError: PROGRAM_INVALID for a program that is not whole, LOWERING_FAILED for an
            operation that there is no C for.
    """
    check_program(program)
    scope = Scope(program=program, spatial=_spatial(program), prefix=name, workers=workers)
    for op in program.operations:
        emit = EMITTERS.get(type(op))
        if emit is None:
            raise scope.unsupported(op, "there is no kernel", type(op).__name__)
        emit(op, scope)
        scope.finish(op)
    external = {name: f"inputs[{i}]" for i, name in enumerate(program.inputs)}
    closing = _hand_out(scope, external)
    calls = (*(call for step in scope.steps for call in step.calls), *closing)
    return Generated(
        program=program,
        steps=tuple(scope.steps),
        closing=closing,
        constants=MappingProxyType(scope.constants),
        memory=plan_memory(calls, frozenset(external), _shown(scope.steps)),
        external=MappingProxyType(external),
        workers=workers,
    )


def _shown(steps: Sequence[Step]) -> dict[str, int]:
    """Index of the call behind which results are shown to an observer, by the buffer."""
    found: dict[str, int] = {}
    called = 0
    for step in steps:
        called += len(step.calls)
        found.update((operand.buffer, called - 1) for operand in step.results.values())
    return found


def _spatial(program: Program) -> frozenset[str]:
    """Tensors that are read channels-last: by a spatial operation, or through movements to one."""
    wanted: set[str] = set()
    for op in reversed(program.operations):
        carried = any(name in wanted for name in op.outputs)
        if type(op) in SPATIAL or carried:
            wanted.update(
                name
                for name in op.inputs
                if name in program.tensors and len(program.tensors[name].shape) > 2
            )
    return frozenset(wanted)


def _hand_out(scope: Scope, external: dict[str, str]) -> tuple[Call, ...]:
    """Bring every output to the caller: written there at once if it can be, else copied."""
    for index, name in enumerate(scope.program.outputs):
        operand = scope.read(name)
        plain = row_major(len(operand.shape))
        place = f"outputs[{index}]"
        own = operand.buffer == name and name not in external and operand.lies_as(plain)
        if own:
            external[name] = place
        else:
            result = replace(operand, buffer=scope.buffer(f"output {index}"), order=plain)
            external[result.buffer] = place
            scope.copy(operand, result, name=f"{name}_out")
    return scope.take_calls()
