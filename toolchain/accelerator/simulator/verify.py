"""Whether a machine can execute code, found without any data: addresses do not depend on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.validation import check_code
from toolchain.accelerator.simulator.clocks import clocks
from toolchain.accelerator.simulator.hazards import accesses, races, unwritten
from toolchain.accelerator.simulator.limits import limit_problems
from toolchain.accelerator.simulator.order import Step, execution_order
from toolchain.core.machine import Machine
from toolchain.errors import CompileError, Problem

_SHOWN = 10
"""Problems of one error."""


def verify(code: Code, machine: Machine) -> list[Step]:
    """Check code, and say in which order it can be executed.

    Raises:
        CompileError: An instruction breaks its rules or leaves its memory; waits are never met;
            two instructions touch one byte in no order, one of them writing; or bytes are read
            that nobody wrote. With up to 10 problems of the first of these kinds.
    """
    check_code(code, machine)
    _refuse_any(limit_problems(code, machine.cores))
    order = execution_order(code.queues)
    found = accesses(code, machine.cores)
    known = clocks(code.queues, order)
    _refuse_any(races(code, known, found))
    _refuse_any(unwritten(code, order, found, machine.cores))
    return order


def _refuse_any(problems: Iterator[Problem]) -> None:
    shown = tuple(islice(problems, _SHOWN))
    if shown:
        raise CompileError.of(shown)
