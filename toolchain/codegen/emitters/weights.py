"""Constant weights as kernels want them: panels of signed integers with what centring leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

Number = TypeVar("Number", bound=np.generic)

COLUMNS = 64
"""Columns of a panel (TC_COLUMNS)."""


def panels(matrices: Integers) -> Integers:
    """Rearrange (matrices, depth, columns) into panels of up to 64 columns, each (depth, width)."""
    firsts = range(0, matrices.shape[2], COLUMNS)
    return np.concatenate(
        [one[:, first : first + COLUMNS].reshape(-1) for one in matrices for first in firsts]
    )


def half_range(dtype: np.dtype[Any]) -> int:
    """What makes unsigned integers signed ones of the same size; 0 for signed ones."""
    return 2 ** (8 * dtype.itemsize - 1) if dtype.kind == "u" else 0


def as_signed(values: Integers) -> Integers:
    """Weights as signed integers of the same size; zero points are lowered by `half_range`, too."""
    lowered = values.astype(np.int32) - half_range(values.dtype)
    return lowered.astype(f"int{8 * values.dtype.itemsize}")


def lowered_points(
    zero_point: Integers | None, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[np.int32] | None:
    """Zero points of weights that `as_signed` lowered, in `shape`; None if all are 0."""
    points = np.asarray(0 if zero_point is None else zero_point, np.int32) - half_range(dtype)
    return np.ascontiguousarray(np.broadcast_to(points, shape)) if np.any(points) else None


def convolution_matrices(weight: NDArray[Number], groups: int) -> NDArray[Number]:
    """(M, C/groups, k...) as (groups, depth, M/groups): kernel positions first, then channels."""
    by_group = weight.reshape(groups, -1, *weight.shape[1:])
    return np.moveaxis(by_group, 2, -1).reshape(*by_group.shape[:2], -1).swapaxes(1, 2)
