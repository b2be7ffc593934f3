"""What emitters work with: where tensors are, what is called, which constants there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from toolchain.codegen.calls import Argument, Call, Kernel, Step
from toolchain.codegen.literals import Fields, Struct, Word, element_type, identifier
from toolchain.codegen.loops import COPY, copy_fields
from toolchain.codegen.operands import Operand, Order, channels_last, row_major
from toolchain.core.dtypes import DType
from toolchain.errors import Code, CompileError
from toolchain.program.records import Tensor

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Operation, Program

MAX_RANK = 8
"""Axes that loops of kernels can have (TC_MAX_RANK)."""


class Named(Protocol):
    """What an error can be about."""

    @property
    def name(self) -> str:
        """Of an operation."""


@dataclass
class Scope:
    """Builds the calls of one program, operation by operation.

    Attributes:
        program: What is generated.
        spatial: Tensors that something behind them wants channels-last.
        prefix: Begins the C names of constants, which all models of a firmware share.
        workers: Parts into which kernels divide their work for `parallel_for`.
        steps: Operations done so far.
        constants: Data of the model by C name, in the order of first use.
    """

    program: Program
    spatial: frozenset[str]
    prefix: str
    workers: int = 1
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    _operands: dict[str, list[Operand]] = field(default_factory=dict)
    _calls: list[Call] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _known: dict[tuple[str, tuple[int, ...], bytes], Word] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Inputs of the program are where the caller put them."""
        self._names.update((self.prefix, f"{self.prefix}_run"))
        for name in self.program.inputs:
            self._operands[name] = [self._place(name, name, None)]

    def tensor(self, name: str) -> Tensor:
        """A tensor of the program; a constant is described like one."""
        array = self.program.constants.get(name)
        if array is None:
            return self.program.tensors[name]
        return Tensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)

    def is_constant(self, name: str) -> bool:
        """True for the name of a constant."""
        return name in self.program.constants

    def order(self, name: str) -> Order:
        """The order in which a tensor was written; row-major for constants."""
        if name in self.program.constants:
            return row_major(self.program.constants[name].ndim)
        return self._operands[name][0].order

    def preferred(self, name: str) -> Order:
        """The order in which what reads a tensor would like to have it."""
        rank = len(self.tensor(name).shape)
        return channels_last(rank) if name in self.spatial else row_major(rank)

    def read(self, name: str, order: Order | None = None) -> Operand:
        """A tensor in `order`, rearranged if it is not there already; None: as it is.

        A constant is copied from the model's data when it is read first.
        """
        if self.is_constant(name) and name not in self._operands:
            self._load(name)
        found = self._operands[name]
        if order is None:
            return found[0]
        for operand in found:
            if operand.lies_as(order):
                return replace(operand, order=order)
        source = found[0]
        result = replace(source, buffer=self.buffer(f"{name} as {order}"), order=order)
        self.copy(source, result, name=f"{name}_rearranged")
        found.append(result)
        return result

    def buffer(self, words: str) -> str:
        """A name that begins with `words` for a buffer that is no tensor of the program."""
        known = {*self.program.tensors, *self.program.constants}
        while words in known:
            words += "'"
        return words

    def _load(self, name: str) -> None:
        result = self.write(name)
        data = self.constant(self.program.constants[name], name)
        fields = copy_fields(result.shape, result.strides, result.strides, result.dtype)
        self.call(COPY, fields, (data,), (result,), name=f"{name}_loaded")

    def write(self, name: str, order: Order | None = None) -> Operand:
        """A new buffer for a tensor that the operation writes, row-major if not said otherwise."""
        operand = self._place(name, name, order)
        self._operands[name] = [operand]
        return operand

    def alias(self, name: str, source: Operand, order: Order | None = None) -> None:
        """Let a tensor be the bytes of `source`, which are its elements in `order`.

        That is, if not said otherwise, the source's order for a tensor of its shape, else
        row-major, as the source must be then.
        """
        if order is None and source.shape == self.tensor(name).shape:
            order = source.order
        self._operands[name] = [self._place(name, source.buffer, order)]

    def _place(self, name: str, buffer: str, order: Order | None) -> Operand:
        tensor = self.tensor(name)
        chosen = row_major(len(tensor.shape)) if order is None else order
        return Operand(buffer=buffer, dtype=tensor.dtype, shape=tensor.shape, order=chosen)

    def constant(self, array: Array, name: str) -> Word:
        """Put an array among the model's constants; equal ones are stored once."""
        data = np.ascontiguousarray(array)
        key = (data.dtype.str, data.shape, data.tobytes())
        if key not in self._known:
            word = identifier(f"{self.prefix}_{name}", self._names)
            self._known[key] = Word(word)
            self.constants[word] = data
        return self._known[key]

    def call(
        self,
        kernel: Kernel,
        fields: Fields,
        inputs: Iterable[Argument],
        outputs: Iterable[Operand],
        *,
        name: str,
        scratch_bytes: int = 0,
    ) -> None:
        """Add a call with parameters of these `fields`; `name` is made a C name."""
        for own in (fields, *(v.fields for v in fields.values() if isinstance(v, Struct))):
            rank = own.get("rank", 0)
            if isinstance(rank, int) and rank > MAX_RANK:
                raise CompileError(
                    Code.LOWERING_FAILED,
                    "No C for this operation: it moves through too many axes",
                    where=name,
                    got=rank,
                    allowed=f"at most {MAX_RANK}",
                )
        self._calls.append(
            Call(
                kernel=kernel,
                name=identifier(name, self._names),
                params=Struct(f"{kernel.name}_params", fields),
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                scratch_bytes=scratch_bytes,
            )
        )

    def copy(self, source: Operand, result: Operand, *, name: str) -> None:
        """Copy all elements from one order of axes into another."""
        fields = copy_fields(result.shape, source.strides, result.strides, source.dtype)
        self.call(COPY, fields, (source,), (result,), name=name)

    def finish(self, op: Operation) -> None:
        """Close an operation: what was called since the last one belongs to it."""
        results = {name: self._operands[name][0] for name in op.outputs if name}
        kind = getattr(op, "op_type", None) or getattr(op, "kind", None) or ""
        shapes = ", ".join("x".join(map(str, o.shape)) for o in results.values())
        words = " ".join(word for word in (type(op).__name__, str(kind)) if word)
        summary = f"{words} to {shapes}"
        self.steps.append(
            Step(op=op.name, summary=summary, calls=self.take_calls(), results=results)
        )

    def take_calls(self) -> tuple[Call, ...]:
        """What was called since the last operation was closed."""
        calls = tuple(self._calls)
        self._calls.clear()
        return calls

    def unsupported(self, op: Named, message: str, got: object = None) -> CompileError:
        """The error of an operation that there is no C for."""
        return CompileError(
            Code.LOWERING_FAILED, f"No C for this operation: {message}", where=op.name, got=got
        )

    def element(self, name: str) -> Word:
        """The `tc_type` of a tensor or constant."""
        return element_type(self.tensor(name).dtype)
