"""What the rules of all operations do with tensors that hold samples."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, CompileError, Problem
from toolchain.program.records import FloatOp, Move, MoveKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.core.dtypes import Array
    from toolchain.program.records import Operation, Program, Tensor


class Samples:
    """A program for several samples while it is made.

    Attributes:
        batch: Number of samples.
        tensors: Tensors so far; those with samples have the extents of all of them.
        constants: Those of the program, and new ones.
        operations: Operations so far.
        problems: Why operations cannot be had for several samples.
    """

    def __init__(self, program: Program, batch: int) -> None:
        """Start with the inputs, which hold samples."""
        self.batch = batch
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = dict(program.constants)
        self.operations: list[Operation] = []
        self.problems: list[Problem] = []
        self._program = program
        self._holding: set[str] = set()
        self._views: dict[tuple[str, tuple[int, ...]], str] = {}
        self._sources: dict[str, str] = {}
        self._names = {
            *program.tensors,
            *program.constants,
            *(op.name for op in program.operations),
        }
        for name in program.inputs:
            self._hold(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of one sample, or of a constant."""
        constant = self._program.constants.get(name)
        return self._program.tensors[name].shape if constant is None else constant.shape

    def has(self, name: str) -> bool:
        """Whether a tensor holds samples: it depends on an input of the program."""
        return name in self._holding

    def any_of(self, op: Operation) -> bool:
        """Whether an operation reads samples."""
        return any(map(self.has, op.inputs))

    def refuse(self, op: Operation, why: str) -> None:
        """Note that an operation mixes samples, and go on as if it did not."""
        kind = op.op_type if isinstance(op, FloatOp) else type(op).__name__
        self.problems.append(
            Problem(
                code=Code.NO_BATCH,
                message=f"{kind} cannot be computed for several samples at once: {why}",
                where=op.name,
                got=f"batch {self.batch}",
                hint="compile for batch 1, or change the model so that axis 0 holds samples only",
            )
        )
        self.plain(op)

    def keep(self, op: Operation) -> None:
        """Add an operation that reads no samples."""
        for name in filter(None, op.outputs):
            self.tensors[name] = self._program.tensors[name]
        self.operations.append(op)

    def plain(self, op: Operation) -> None:
        """Add an operation that treats axis 0 as samples already."""
        for name in filter(None, op.outputs):
            self._hold(name)
        if _is_reshape(op):
            source, result = (self.tensors[name] for name in (*op.inputs, *op.outputs))
            if replace(source, name=result.name, shape=result.shape) == result:
                self._sources[result.name] = self._source(source.name)
        self.operations.append(op)

    def reshape(self, op: Operation) -> None:
        """Add a reshape in place of an operation that leaves the order of elements alone."""
        self.plain(
            Move(name=op.name, inputs=op.inputs[:1], outputs=op.outputs, kind=MoveKind.RESHAPE)
        )

    def lifted(self, op: Operation) -> None:
        """Add an operation whose operands get an axis of samples in front of their own.

        Axes in `op` already count it.
        """
        inputs = tuple(self.in_front(name) if self.has(name) else name for name in op.inputs)
        self._viewed(replace(op, inputs=inputs), {n: self.shape(n) for n in op.outputs if n})

    def broadcast(self, op: Operation, operands: Iterable[str]) -> None:
        """Add an operation that broadcasts `operands`, tensors and constants, to its output."""
        shape = self.shape(op.outputs[0])
        if not shape or all(self._fits(name, shape) for name in operands):
            self.plain(op)
            return
        alone = shape[0] == 1
        rank = len(shape) if alone else len(shape) + 1
        inputs = tuple(
            self._view(name, self._padded(name, rank)) if self.has(name) else name
            for name in op.inputs
        )
        rest = shape[1:] if alone else shape
        self._viewed(replace(op, inputs=inputs), dict.fromkeys(op.outputs, rest))

    def in_front(self, name: str) -> str:
        """All samples of a tensor or constant, with an axis of their own in front.

        What has no samples is repeated for each.
        """
        whole = (self.batch, *self.shape(name))
        if self.has(name):
            return self._view(name, whole)
        found = self._views.get((name, whole))
        if found is None:
            found = self._views[name, whole] = self._fresh(f"{name}/samples")
            constant = self.constants.get(name)
            if constant is not None:
                self.constants[found] = np.ascontiguousarray(np.broadcast_to(constant, whole))
            else:
                like = replace(self.tensors[name], name=found, shape=whole)
                self._add(MoveKind.EXPAND, name, like)
        return found

    def merged(self, name: str) -> str:
        """As `in_front`, with the samples along axis 0."""
        if self.has(name):
            return name
        whole, shape = self.in_front(name), self._merged(self.shape(name))
        if whole not in self.constants:
            return self._view(whole, shape)
        found = self._views.get((name, shape))
        if found is None:
            found = self._views[name, shape] = self._fresh(f"{name}/samples")
            self.constants[found] = self.constants[whole].reshape(shape)
        return found

    def finish(self) -> None:
        """Leave out reshapes that nobody reads.

        Raises:
            CompileError: NO_BATCH, all that cannot be had for several samples.
        """
        for name in self._program.outputs:
            if not self.has(name):
                self.problems.append(
                    Problem(
                        code=Code.NO_BATCH,
                        message="An output depends on no input, so that it has no samples",
                        where=name,
                    )
                )
        if self.problems:
            raise CompileError.of(self.problems)
        read = set(self._program.outputs)
        kept = []
        for op in reversed(self.operations):
            if _is_reshape(op) and op.outputs[0] not in read:
                del self.tensors[op.outputs[0]]
            else:
                read.update(op.inputs)
                kept.append(op)
        self.operations = kept[::-1]

    def constant(self, name: str, array: Array) -> str:
        """Add a constant; returns its name, which starts with `name`."""
        found = self._fresh(name)
        self.constants[found] = array
        return found

    def _merged(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of all samples of a tensor that has `shape` for one."""
        return (self.batch * shape[0], *shape[1:]) if shape else (self.batch,)

    def _hold(self, name: str) -> None:
        tensor = self._program.tensors[name]
        self._holding.add(name)
        self.tensors[name] = replace(tensor, shape=self._merged(tensor.shape))

    def _fits(self, name: str, result: tuple[int, ...]) -> bool:
        """Whether an operand broadcasts along axis 0 of all samples as it does of one."""
        shape = self.shape(name)
        if self.has(name):
            return len(shape) == len(result) and shape[0] == result[0]
        return len(shape) < len(result) or shape[0] == 1

    def _padded(self, name: str, rank: int) -> tuple[int, ...]:
        """All samples of a tensor with `rank` axes, the first for samples alone."""
        shape = self.shape(name)
        rest = shape if len(shape) < rank else shape[1:]
        return (self.batch, *(1,) * (rank - 1 - len(rest)), *rest)

    def _viewed(self, op: Operation, shapes: dict[str, tuple[int, ...]]) -> None:
        """Add an operation whose outputs hold samples of `shapes`; they follow in their own."""
        written = {}
        for name, shape in shapes.items():
            self._hold(name)
            whole = (self.batch, *shape)
            written[name] = name
            if self.tensors[name].shape != whole:
                written[name] = self._views[name, whole] = self._fresh(f"{name}/samples")
                self.tensors[written[name]] = replace(
                    self.tensors[name], name=written[name], shape=whole
                )
        self.operations.append(
            replace(op, outputs=tuple(written.get(name, "") for name in op.outputs))
        )
        for name, source in written.items():
            if source != name:
                self._sources[name] = source
                self._add(MoveKind.RESHAPE, source, self.tensors[name])

    def _view(self, name: str, shape: tuple[int, ...]) -> str:
        """A tensor in another shape, by a reshape where there is none of it."""
        source = name if self.tensors[name].shape == shape else self._source(name)
        if self.tensors[source].shape == shape:
            return source
        found = self._views.get((name, shape))
        if found is None:
            found = self._views[name, shape] = self._fresh(f"{name}/samples")
            like = replace(self.tensors[name], name=found, shape=shape)
            self._add(MoveKind.RESHAPE, source, like)
        return found

    def _source(self, name: str) -> str:
        """What a tensor is a reshape of, or the tensor itself."""
        return self._sources.get(name, name)

    def _add(self, kind: MoveKind, source: str, result: Tensor) -> None:
        self.tensors[result.name] = result
        name = self._fresh(f"{result.name}/{kind}")
        self.operations.append(Move(name=name, inputs=(source,), outputs=(result.name,), kind=kind))

    def _fresh(self, name: str) -> str:
        """A name that nothing has: `name`, or with a number behind it."""
        found = name
        for number in count(1):
            if found not in self._names:
                break
            found = f"{name}{number}"
        self._names.add(found)
        return found


def _is_reshape(op: Operation) -> bool:
    return isinstance(op, Move) and op.kind is MoveKind.RESHAPE
