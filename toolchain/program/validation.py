"""Whether a program is whole: every name exists, once, before it is read, and operations fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING

from toolchain.errors import Code, CompileError, Problem
from toolchain.program.checks import operation_problems
from toolchain.program.checks.facts import FLOAT32_LEAST, FLOAT32_MAX, MAX_ELEMENTS
from toolchain.program.encoding import MAX_RANK
from toolchain.program.records import FloatOp, Function

if TYPE_CHECKING:
    from toolchain.program.records import Operation, Program, Tensor

_NOT_CONSTANTS = frozenset({"name", "inputs", "outputs", "mode", "op_type", "attributes"})
"""Fields of operations whose strings are no names of constants; all other fields' strings are."""


def constant_names(record: object) -> Iterator[str]:
    """Names of all constants that an operation refers to, apart from its inputs."""
    if isinstance(record, str):
        if not isinstance(record, Enum):
            yield record
    elif isinstance(record, tuple):
        for item in record:
            yield from constant_names(item)
    elif is_dataclass(record):
        for field in fields(record):
            if field.name not in _NOT_CONSTANTS:
                yield from constant_names(getattr(record, field.name))
        if isinstance(record, (FloatOp, Function)):
            yield from record.constants.values()


def check_program(program: Program) -> None:
    """Raise CompileError with everything that is wrong with a program.

    First names, tensors and their order; once these are right, every operation.
    """
    problems = [
        *(problem for tensor in program.tensors.values() for problem in _tensor_problems(tensor)),
        *_name_problems(program),
        *_flow_problems(program),
    ]
    if not problems:
        problems = list(operation_problems(program))
    if problems:
        raise CompileError.of(problems)


def _problem(message: str, where: str, got: object = None) -> Problem:
    return Problem(
        code=Code.PROGRAM_INVALID,
        message=message,
        where=where,
        got=None if got is None else str(got),
    )


def _tensor_problems(tensor: Tensor) -> Iterator[Problem]:
    if len(tensor.shape) > MAX_RANK:
        yield _problem(f"A tensor has more than {MAX_RANK} axes", tensor.name, len(tensor.shape))
    elif any(dim < 1 for dim in tensor.shape):
        yield _problem("A dimension is not positive", tensor.name, tensor.shape)
    elif math.prod(tensor.shape) > MAX_ELEMENTS:
        yield _problem(f"A tensor has more than {MAX_ELEMENTS} elements", tensor.name, tensor.shape)
    if tensor.scale is not None and not FLOAT32_LEAST <= tensor.scale <= FLOAT32_MAX:
        message = "The scale is not a positive, finite float32 number"
        yield _problem(message, tensor.name, tensor.scale)
    quantized = tensor.dtype.is_integer and tensor.scale is not None
    if quantized and not tensor.dtype.qmin <= tensor.zero_point <= tensor.dtype.qmax:
        yield _problem(f"The zero point is outside {tensor.dtype}", tensor.name, tensor.zero_point)


def _name_problems(program: Program) -> Iterator[Problem]:
    for key, tensor in program.tensors.items():
        if key != tensor.name or not key:
            yield _problem("A tensor is listed under another name", key, tensor.name)
    for name in sorted(set(program.tensors) & set(program.constants)):
        yield _problem("A tensor and a constant have one name", name)
    for name in _repeated(op.name for op in program.operations):
        yield _problem("Two operations have one name", name)
    for name in _repeated(program.inputs):
        yield _problem("An input is listed twice", name)
    for name in sorted(set(program.inputs) - set(program.tensors)):
        yield _problem("There is no tensor for an input", name)
    for op in program.operations:
        for name in sorted(set(constant_names(op)) - set(program.constants)):
            yield _problem("There is no such constant", op.name, name)


def _flow_problems(program: Program) -> Iterator[Problem]:
    known = {*program.constants, *program.inputs}
    for op in program.operations:
        for name in op.inputs:
            if name not in known and not (name == "" and isinstance(op, FloatOp)):
                yield _problem("An operation reads what nothing wrote before", op.name, name)
        for name in _written(op):
            if name in known:
                yield _problem("An operation writes what exists already", op.name, name)
            if name not in program.tensors:
                yield _problem("There is no tensor for an output", op.name, name)
            known.add(name)
    for name in program.outputs:
        if name not in known or name in program.constants:
            yield _problem("Nothing writes an output of the program", name)


def _written(op: Operation) -> tuple[str, ...]:
    return tuple(name for name in op.outputs if name or not isinstance(op, FloatOp))


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
