"""`tc_product_params`: what convolutions and matrix products have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.codegen.emitters.factors import destination, finish
from toolchain.codegen.emitters.weights import lowered_points
from toolchain.codegen.literals import Fields, Struct, Word
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.codegen.scope import Scope
    from toolchain.core.dtypes import Array
    from toolchain.program.records import (
        BlockedConv,
        BlockedMatMul,
        Conv,
        ConvTranspose,
        MatMul,
    )

_ROW_BYTES = 32768
"""Rows prepared at a time: a first-level cache."""
_TILE = 8
_MOST_ROWS = 64
_INT16_MAX = 2**15 - 1
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Sizes of a product of prepared rows and matrices of weights.

    Attributes:
        depth: Elements of a row.
        columns: Columns of a matrix.
        rows: Rows that there are to prepare.
        wide: Rows of 32 bits and sums of 64, instead of 16 and 32.
        odd: Some sums of a row are over an odd number of elements.
    """

    depth: int
    columns: int
    rows: int
    wide: bool
    odd: bool = False

    @property
    def row_step(self) -> int:
        """Elements from one row to the next.

        Pairs are multiplied: sums of odd length may read one element behind a row.
        """
        return self.depth + 2 - self.depth % 2 if self.odd or self.depth % 2 else self.depth

    @property
    def block_rows(self) -> int:
        """Rows prepared at a time: a multiple of a tile's, as many as the cache holds."""
        fitting = _ROW_BYTES // (self.row_step * self._row_size) // _TILE * _TILE
        return max(1, min(max(_TILE, min(fitting, _MOST_ROWS)), self.rows))

    @property
    def scratch_bytes(self) -> int:
        """Bytes of the rows prepared at a time."""
        return self.block_rows * self.row_step * self._row_size

    @property
    def _row_size(self) -> int:
        return 4 if self.wide else 2

    def fields(self, weight_type: Word, weights: Word) -> Fields:
        """Sizes and weights."""
        return {
            "depth": self.depth,
            "columns": self.columns,
            "row_step": self.row_step,
            "wide": int(self.wide),
            "type": weight_type,
            "weights": weights,
        }


def needs_wide(x: DType, zero_point: int, weight: DType, depth: int) -> bool:
    """True where operands or sums of products of lowered weights may leave 16 and 32 bits."""
    largest = max(zero_point - x.qmin, x.qmax - zero_point)
    return weight.bits > 8 or largest > _INT16_MAX or depth * largest * 128 > _INT32_MAX


def column_points(
    label: str, zero_point: Array | None, weight: Array, columns: int, scope: Scope
) -> Fields:
    """The field of zero points, one for each output column, of a weight as it was lowered."""
    points = lowered_points(zero_point, weight.dtype, (columns,))
    return {} if points is None else {"zero_point": scope.constant(points, f"{label}_zeros")}


def finished(
    op: Conv | ConvTranspose | MatMul, fields: Fields, columns: int, scope: Scope
) -> Struct:
    """The product with one factor for each of `columns` output columns."""
    last: Fields = {"finish": finish(op, op.finish, op.bias, columns, scope)}
    return Struct("tc_product_params", fields | last)


def finished_blocks(
    op: BlockedConv | BlockedMatMul,
    fields: Fields,
    run: tuple[int, int],
    factor: NDArray[np.float32],
    zero_point: NDArray[np.integer[Any]] | None,
    scope: Scope,
) -> Struct:
    """The product with a factor for each block.

    Args:
        op: The operation.
        fields: Of the product.
        run: How many runs of how many elements a row consists of.
        factor: (matrices, blocks, columns).
        zero_point: The same of lowered weights.
        scope: Where constants go.
    """
    blocks: Fields = {
        "taps": run[0],
        "channels": run[1],
        "size": min(op.block_size, run[1]),
        "factor": scope.constant(factor, f"{op.name}_factor"),
    }
    if zero_point is not None:
        blocks["zero_point"] = scope.constant(zero_point, f"{op.name}_zeros")
    if op.bias is not None:
        bias = scope.program.constants[op.bias].astype(np.float32)
        blocks["bias"] = scope.constant(bias, f"{op.name}_bias")
    last: Fields = {
        "blocks": Struct("tc_blocks", blocks),
        "finish": Struct("tc_finish_params", destination(op, op.finish, scope)),
    }
    return Struct("tc_product_params", fields | last)
