"""A place in an operation's output, and what its rule makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from toolchain.analysis.recompute.finishing import Exact, Grid, product
from toolchain.core.divergence import Operand
from toolchain.core.dtypes import Array
from toolchain.program.records import Operation, Program

if TYPE_CHECKING:
    from toolchain.core.quant import Rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One element of an output, and what its operation reads.

    Attributes:
        program: The program.
        op: The operation.
        output: Which of its outputs.
        index: Index of the element.
        values: Everything that the operation reads by name, constants included.
    """

    program: Program
    op: Operation
    output: str
    index: tuple[int, ...]
    values: Mapping[str, Array]

    def read(self, number: int) -> Array:
        """An input as a whole."""
        return self.values[self.op.inputs[number]]

    def constant(self, name: str) -> Array:
        """A constant."""
        return self.program.constants[name]

    def operand(self, number: int) -> Operand:
        """The element of an input that broadcasting puts into this place."""
        array = self.read(number)
        index = broadcast_index(self.index, array.shape)
        return Operand(tensor=self.op.inputs[number], index=index, value=array[index].item())

    def grid(
        self,
        zero_point: int,
        bounds: tuple[int, int] | None = None,
        rounding: Rounding | None = None,
    ) -> Grid:
        """How the output is rounded and saturated; `bounds` default to those of its type."""
        dtype = self.program.tensors[self.output].dtype
        low, high = bounds or (dtype.qmin, dtype.qmax)
        return Grid(
            dtype=dtype,
            rounding=rounding or self.program.rounding,
            zero_point=zero_point,
            low=low,
            high=high,
        )


def broadcast_index(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Index into an array of `shape` that broadcasts against one that has `index`."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else i for i, size in zip(own, shape, strict=True))


def matrix_of(array: Array, batch: Sequence[int]) -> Array:
    """The matrix (the last two axes) that broadcasting of the others puts at index `batch`."""
    found: Array = array[broadcast_index(tuple(batch), array.shape[:-2])]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What the rule makes of a place; most fields are those of `Recomputation`.

    Attributes:
        rule: What the operation computes, as a formula.
        section: Where docs/numerics.md specifies it.
        value: What is stored.
        terms: Products or elements that were summed.
        accumulator: The exact integer sum with its bias.
        bias: The bias in that sum.
        factor: What the accumulator is multiplied by.
        unrounded: The value in steps of the output before it is rounded.
        grid: How it is rounded and saturated; None for a float output.
        clamp: Bounds of a float output.
        operands: Elements that were read, where they are few.
        faults: What would be stored with usual mistakes, by what the mistake is.
    """

    rule: str
    section: str
    value: float
    terms: int | None = None
    accumulator: int | None = None
    bias: int | None = None
    factor: float | None = None
    unrounded: Exact | None = None
    grid: Grid | None = None
    clamp: tuple[float, float] | None = None
    operands: tuple[Operand, ...] = ()
    faults: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """An accumulator on its way to an integer: saturate(round(acc * factor) + zero_point).

    Attributes:
        accumulator: The exact integer.
        factor: What it is multiplied by.
        exact: False rounds the product to float32.
        grid: What follows.
    """

    accumulator: int
    factor: np.float32
    exact: bool
    grid: Grid

    @property
    def rule(self) -> str:
        """The formula behind the accumulator."""
        acc = "acc * factor" if self.exact else "float32(acc) * factor"
        return f"y = saturate(round({acc}) + zero_point)"

    @property
    def unrounded(self) -> Exact:
        """The product."""
        return product(self.accumulator, self.factor, exact=self.exact)

    @property
    def value(self) -> int:
        """What is stored."""
        return self.grid.store(self.unrounded)

    def faults(self) -> dict[str, float]:
        """What usual mistakes of the last steps would store."""
        other = product(self.accumulator, self.factor, exact=not self.exact)
        text = (
            "the product is rounded to float32 before it is rounded to an integer"
            if self.exact
            else "the product is not rounded to float32 before it is rounded to an integer"
        )
        return {**self.grid.faults(self.unrounded), text: self.grid.store(other)}
