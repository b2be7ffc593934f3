"""All instructions; docs/isa.md says what each computes, to the bit.

In shapes, N is samples, H and W positions, C channels of the source and M channels of the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from toolchain.accelerator.isa.operands import Engine, Finish, ToInteger, View, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What all instructions have.

    Attributes:
        operation: Number of the program's operation that it belongs to, for reports.
        waits: What has to be completed before it begins, besides its own queue.
        target: What it writes.
    """

    operation: int
    waits: tuple[Wait, ...] = ()
    target: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Instruction):
    """Elements to another place; `target` and `source` have one shape and one element size.

    On a transfer queue it reaches all memories of all cores; it alone reaches the DDR.
    """

    source: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Instruction):
    """One value everywhere."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Instruction):
    """Indices along one axis: target[..., i, ...] = source[..., indices[i], ...].

    Attributes:
        indices: int32 (n,), each within the axis of the source.
        axis: Axis of source and target; all others have equal extents.
    """

    source: View
    indices: View
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolve(Instruction):
    """Convolution: target (N, H', W', M) of source (N, H, W, C).

    acc = sum of (x - source_zero) * (w - weight_zero), with positions outside of the source adding
    nothing; then the bias, and the finish.

    Attributes:
        weights: (M, kernel H, kernel W, C / groups).
        weight_zero: int32 (M,), None for 0.
        bias: int32 (M,), None for 0.
        factor: float32 (M,).
        source_zero: Zero point of the source.
        strides: Positions from one output to the next, H and W.
        dilations: Positions from one element of the kernel to the next, H and W.
        pads: Positions before the source at which the first window begins, top and left; negative:
            positions within it that are skipped.
        groups: Channels of one group see each other only; C and M are multiples of it.
    """

    source: View
    weights: View
    weight_zero: View | None
    bias: View | None
    factor: View
    source_zero: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    groups: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiply(Instruction):
    """Matrix products: target (N, R, M) of a (N, R, K) and b (N, K, M).

    acc = sum over k of (a - a_zero) * (b - b_zero), then the bias, and the finish.

    Attributes:
        b_zero: int32 (M,), None for 0.
        bias: int32 (M,), None for 0.
        factor: float32 (M,).
    """

    a: View
    b: View
    b_zero: View | None
    bias: View | None
    factor: View
    a_zero: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedConvolve(Instruction):
    """Convolution with factors per block of channels: target (N, H', W', M) of source (N, H, W, C).

    acc[r, s, b] = sum over the channels of block b of (x - source_zero) * (w - weight_zero), for
    position r, s of the kernel; total = bias, to which float32(acc) * factor is added for all r, s
    and b, b fastest, in float32. The finish has no factor of its own and is not exact.

    Attributes:
        weights: (M, kernel H, kernel W, C / groups).
        weight_zero: int32 (M, kernel H, kernel W, B), None for 0.
        bias: float32 (M,), None for 0.
        factor: float32 (M, kernel H, kernel W, B).
        source_zero: Zero point of the source.
        strides: As of `Convolve`.
        dilations: As of `Convolve`.
        pads: As of `Convolve`.
        groups: As of `Convolve`.
        block: Channels of a block, within a group; the last of the B blocks may have fewer.
    """

    source: View
    weights: View
    weight_zero: View | None
    bias: View | None
    factor: View
    source_zero: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    groups: int
    block: int
    finish: Finish


class PoolKind(IntEnum):
    """What becomes of a window."""

    MAX = 0
    AVERAGE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Instruction):
    """Windows of source (N, H, W, C) to target (N, H', W', C).

    MAX: the largest inside the source, as it is. AVERAGE: acc = sum of x - source_zero inside; the
    factor is `factor / float32(count)`, or with an exact finish `factor` itself.

    Attributes:
        kernel: Extents of a window, H and W.
        strides: Positions from one window to the next, H and W.
        dilations: Positions from one element of a window to the next, H and W.
        pads: Positions before and behind the source, top, left, bottom, right. Only those before
            move the windows; all of them count, if padding does.
        count_padding: `count` has the elements of padding, else those inside the source alone.
        factor: A float32 number.
    """

    source: View
    kind: PoolKind
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    count_padding: bool
    source_zero: int
    factor: float
    finish: ToInteger


class CombineKind(IntEnum):
    """Arithmetic of two elements."""

    ADD = 0
    SUB = 1
    MUL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Combine(Instruction):
    """Two elements to one; target, a and b have one shape.

    ADD, SUB: float32(a - a_zero) * a_factor +- float32(b - b_zero) * b_factor, three float32
    operations, or exact with an exact finish; rounded, moved and saturated as the finish says. MUL:
    acc = (a - a_zero) * (b - b_zero), and the finish with a_factor.
    """

    a: View
    b: View
    kind: CombineKind
    a_zero: int
    b_zero: int
    a_factor: float
    b_factor: float
    finish: ToInteger


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Instruction):
    """Table entries: target = table[source - smallest integer of the source's type].

    Attributes:
        source: Of a type of 8 or 16 bits.
        table: (256,) for all, or (channels, 256) with a table for each index along the last axis;
            (65536,) for sources of 16 bits.
    """

    source: View
    table: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Instruction):
    """Elements with one factor: acc = x - source_zero, and the finish.

    Attributes:
        factor: A float32 number.
        negative: float32, of the shape of the target: the factor where acc < 0; None: `factor`.
    """

    source: View
    negative: View | None
    source_zero: int
    factor: float
    finish: ToInteger


class ReduceKind(IntEnum):
    """What becomes of several elements."""

    SUM = 0
    MAX = 1
    MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Instruction):
    """One of many: axes that have extent 1 in the target, and more in the source, are reduced.

    SUM: acc = exact sum of x - source_zero, and the finish with `factor`. MAX, MIN: as they are.
    """

    source: View
    kind: ReduceKind
    source_zero: int
    factor: float
    finish: ToInteger


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme(Instruction):
    """Index of the largest or smallest along one axis; target int64, extent 1 on that axis.

    Attributes:
        smallest: Look for the smallest.
        last: Of equal ones the last counts, not the first.
    """

    source: View
    axis: int
    smallest: bool
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Instruction):
    """Shares along the last axis, d = largest - x: e / (sum of e) * factor, then the finish.

    e = exponentials[d] (int32), or with `low`: e = (exponentials[d >> 8] * low[d & 255] + 2**29)
    >> 30. The sum is exact; both are converted to float32, the quotient and the product are
    rounded to float32.

    Attributes:
        exponentials: int32 (256,).
        low: int32 (256,), for sources of 16 bits; None for those of 8.
    """

    source: View
    exponentials: View
    low: View | None
    factor: float
    finish: ToInteger


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize(Instruction):
    """Runs along all axes of (R, n...) but the first, of n elements in all.

    c = x - source_zero, s = sum of c (0 if not centred),
    d = n * c - s, v = n * (sum of c * c) - s * s, r = float32(1 / sqrt(float64(v) + epsilon)), 0
    where v is 0; float32(d) * r * gain + offset in float32, then the finish.

    Attributes:
        gain: float32 (R, n...).
        offset: float32 (R, n...), None for none.
        epsilon: A float64 number, >= 0.
    """

    source: View
    gain: View
    offset: View | None
    centred: bool
    source_zero: int
    epsilon: float
    finish: ToInteger


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend(Instruction):
    """Linear resize of (N, H, W, C), H first, then W, both in float32.

    v = float32(x - source_zero); along each axis v[low[i]] * (1 - weight[i]) + v[high[i]] *
    weight[i]; then v * factor, and the finish.

    Attributes:
        low: int32 (H',) and (W',): positions in the source.
        high: The same.
        weights: float32 (H',) and (W',).
        widths_first: W first, then H.
    """

    source: View
    row_low: View
    row_high: View
    row_weights: View
    column_low: View
    column_high: View
    column_weights: View
    widths_first: bool
    source_zero: int
    factor: float
    finish: ToInteger


ENGINES: dict[type[Instruction], tuple[Engine, ...]] = {
    Copy: (Engine.TRANSFER, Engine.REARRANGEMENT, Engine.TENSOR),
    Fill: (Engine.TRANSFER, Engine.REARRANGEMENT, Engine.TENSOR),
    Gather: (Engine.TENSOR, Engine.REARRANGEMENT),
    Convolve: (Engine.CONVOLUTION, Engine.TENSOR),
    Multiply: (Engine.CONVOLUTION,),
    Pool: (Engine.TENSOR,),
    Combine: (Engine.TENSOR,),
    Lookup: (Engine.TENSOR,),
    Scale: (Engine.TENSOR,),
    Reduce: (Engine.TENSOR,),
    Extreme: (Engine.TENSOR,),
    Softmax: (Engine.TENSOR,),
    Normalize: (Engine.TENSOR,),
    Blend: (Engine.TENSOR,),
    BlockedConvolve: (Engine.CONVOLUTION,),
}
"""Which engines execute what; `Convolve` on the tensor engine is depthwise.

The order is that of the numbers in the binary: new instructions come last.
"""
