"""What the operations of a program cost: what is counted, and what a model makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolchain.core.dtypes import DType


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixShape:
    """Matrix products that an operation amounts to: `count` of (rows, depth) @ (depth, columns).

    A convolution has a product per group, a row per output position, a column per output channel
    of the group; so a depthwise one is many products of one column. Its depth runs over the input
    channels of the group at each of the `window` positions of the kernel.
    """

    count: int
    rows: int
    depth: int
    columns: int
    window: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all of them."""
        return self.count * self.rows * self.depth * self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationCost:
    """What one operation of a program reads, writes and computes, counted.

    Attributes:
        name: Name of the operation.
        kind: What it is, as "Conv", "Binary add" or "float Conv".
        dtype: Type of the widest operand of its arithmetic.
        macs: Multiply-accumulates of convolutions and matrix products; 0 for others.
        products: Their shape; None for others.
        element_steps: Steps on single elements besides: one per output, per element of a window or
            per element that is reduced; 0 where elements are only moved.
        weight_bytes: Constants that it reads, as stored.
        input_bytes: Activations that it reads, each element once.
        output_bytes: Activations that it writes.
    """

    name: str
    kind: str
    dtype: DType
    macs: int
    products: MatrixShape | None
    element_steps: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int


class Bound(StrEnum):
    """What an operation waits for."""

    COMPUTE = "compute"
    MEMORY = "memory"
    OVERHEAD = "overhead"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEstimate:
    """How long one operation takes, in the opinion of a model.

    Attributes:
        name: Name of the operation.
        latency_us: Its part of the time of the whole program, in microseconds: all parts add up to
            that, also where a model lets operations overlap.
        bound: What it waits for.
    """

    name: str
    latency_us: float
    bound: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEstimate:
    """What a model makes of a whole program on so many cores: estimated, not measured."""

    cores: int
    latency_us: float
    operations: tuple[OperationEstimate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """What a program costs.

    Attributes:
        operations: All operations in their order.
        macs: Multiply-accumulates of all.
        weight_bytes: All constants of the program, each once.
        input_bytes: Activations that operations read.
        output_bytes: Activations that operations write.
        arena_bytes: Memory for activations of the generated C; None where none was planned.
        bound_bytes: The most of it that is needed at one time: no plan can be smaller.
        model: Name and summary of the cost model; None where there is none.
        estimates: What it says, for every number of cores that was asked for.
        sources: Where its figures are from.
        notes: What it leaves out or assumes.
    """

    operations: tuple[OperationCost, ...]
    macs: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    arena_bytes: int | None = None
    bound_bytes: int | None = None
    model: str | None = None
    estimates: tuple[ProgramEstimate, ...] = ()
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
