"""What was observed of a tensor, and the range chosen from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TensorStats:
    """Mergeable statistics of one value over all samples seen (docs/numerics.md, 3).

    Attributes:
        count: Elements in `histogram`; fewer than all where large tensors are thinned.
        minimum: Exact smallest element of all.
        maximum: Exact largest element of all.
        bins: uint16, sorted: upper 16 bits of the float32 patterns that occurred.
        histogram: int64, as long as `bins`: how often each occurred.
        channel_abs_max: float32 (channels,), exact largest magnitude along axis 1; empty where the
            value has fewer than two dimensions.
        channel_sum: float64 (channels,), sum along axis 1 over all samples, added in sample order.
        channel_count: Elements that went into one entry of `channel_sum`.
    """

    count: int
    minimum: float
    maximum: float
    bins: NDArray[np.uint16]
    histogram: NDArray[np.int64]
    channel_abs_max: NDArray[np.float32]
    channel_sum: NDArray[np.float64]
    channel_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRange:
    """The real interval that the quantized integers must cover.

    Attributes:
        minimum: Lower end.
        maximum: Upper end, >= minimum.
        method: The range method that chose it, or "pinned".
    """

    minimum: float
    maximum: float
    method: str
