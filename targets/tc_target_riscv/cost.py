"""How long programs might take on SpacemiT's K1: a roofline for each operation.

The peak rates are published; how much of them is reached is calibrated on the latencies that the
vendor publishes for its runtime, by `benchmarks/k1_cost.py`, which prints the fit and what remains.
docs/cost.md explains both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.api import Bound, CostModelDef, MatrixShape, OperationCost, OperationEstimate

MATRIX_CORES = 4
"""Cores with the matrix extension; the other four have vectors only."""

_MATRIX_MACS_PER_US = 255_760.0
"""Measured peak: 511.5 GOPS of 8-bit integers on one core, two operations to a MAC."""

_TILE_ROWS, _TILE_DEPTH, _TILE_COLUMNS = 4, 8, 4
"""One `vmadot` multiplies (4, 8) by (8, 4); what is left of a tile is lost."""

_VECTOR_MACS_PER_US = 16_680.0
"""Measured peak: 33.36 GFLOPS of float32 on one core. Assumed for integers, too: their sums are as
wide, 32 bits."""

_FLOAT_MACS_PER_US = 800.0
"""Not a peak: what the vendor's float32 latencies at 1.2 GHz come to on one core (resnet18 in
1992 ms 910, mobilenet_v2 in 431 ms 700)."""

_BYTES_PER_US = 10_664.0
"""Peak of the memory: 32 bits wide, LPDDR4X at 2666 MT/s; all cores share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilisation:
    """How much of the peak rates is reached.

    Attributes:
        matrix: Share of the matrix extension's rate.
        vector: Share of the rate of vector MACs, for what the matrix extension cannot do.
        steps: The same for steps on elements; requantizing one takes many instructions.
        overhead_us: Time of every operation that more cores do not shorten.
    """

    matrix: float
    vector: float
    steps: float
    overhead_us: float


PEAK = Utilisation(matrix=1.0, vector=1.0, steps=1.0, overhead_us=0.0)
"""The published rates: a bound that no software reaches."""

CALIBRATED = Utilisation(matrix=0.27, vector=0.17, steps=0.029, overhead_us=90.0)
"""Fitted on the latencies of five networks on 1, 2 and 4 cores, spacemit-ort 2.0.6."""


def estimate(
    operations: Sequence[OperationCost], cores: int, reached: Utilisation = CALIBRATED
) -> tuple[OperationEstimate, ...]:
    """Estimate every operation by itself: they run one after the other, each on all `cores`."""
    return tuple(_estimate(each, cores, reached) for each in operations)


def _estimate(cost: OperationCost, cores: int, reached: Utilisation) -> OperationEstimate:
    """The longer of computing and of moving all bytes once, and the overhead."""
    memory_us = (cost.weight_bytes + cost.input_bytes + cost.output_bytes) / _BYTES_PER_US
    compute_us = _products_us(cost, cores, reached)
    compute_us += cost.element_steps / (_VECTOR_MACS_PER_US * reached.steps * cores)
    busy_us = max(compute_us, memory_us)
    overhead_us = reached.overhead_us if busy_us else 0.0
    if overhead_us > busy_us:
        bound = Bound.OVERHEAD
    else:
        bound = Bound.COMPUTE if compute_us >= memory_us else Bound.MEMORY
    return OperationEstimate(name=cost.name, latency_us=busy_us + overhead_us, bound=bound)


def _products_us(cost: OperationCost, cores: int, reached: Utilisation) -> float:
    """Time of matrix products: 8-bit ones of more than one column on the matrix extension.

    A product of one column, as of a depthwise convolution, shares no operand between columns.
    """
    shape = cost.products
    if shape is None:
        return 0.0
    if not cost.dtype.is_integer:
        return shape.macs / (_FLOAT_MACS_PER_US * cores)
    if cost.dtype.bits > 8 or shape.columns == 1:
        return shape.macs / (_VECTOR_MACS_PER_US * reached.vector * cores)
    rate = _MATRIX_MACS_PER_US * reached.matrix * min(cores, MATRIX_CORES)
    return _in_whole_tiles(shape) / rate


def _in_whole_tiles(shape: MatrixShape) -> int:
    """MACs of the tiles that cover the products."""
    rows = -(-shape.rows // _TILE_ROWS) * _TILE_ROWS
    depth = -(-shape.depth // _TILE_DEPTH) * _TILE_DEPTH
    columns = -(-shape.columns // _TILE_COLUMNS) * _TILE_COLUMNS
    return shape.count * rows * depth * columns


K1 = CostModelDef(
    name="k1",
    summary="SpacemiT K1 with the vendor's runtime, its matrix extension in use",
    target="riscv",
    platforms=("k1",),
    function=estimate,
    sources=(
        "8-bit MACs: vmadot 511.5 GOPS on one core, 4 of 8 cores have it: SpacemiT's docs-ai",
        "vector MACs: vfmacc 33.36 GFLOPS of float32 on one core: SpacemiT's docs-ai",
        "memory: 32-bit LPDDR4X at 2666 MT/s: datasheet of the K1",
        "float32 networks: 1992 ms and 431 ms at 1.2 GHz: SpacemiT's documentation of XQuant",
        "share of the peaks, overhead: fitted on published latencies of spacemit-ort 2.0.6",
    ),
    notes=(
        "an estimate for the vendor's runtime; generated C does not use the matrix extension",
        "every operation moves all of its bytes through the memory once, whatever caches keep",
        "depthwise convolutions and operands of more than 8 bits run on vectors",
        "fitted on networks of 224 x 224: on much smaller ones the overhead is a guess",
    ),
)
"""The model of the K1. There is none of the K3: its clock, rates and memory are not published."""
