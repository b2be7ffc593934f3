"""Matrix products: sums over k in rising order, every product rounded before it is added."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.float_ops.call import Call, Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array


def ordered_matmul(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., M, K) times (..., K, N), batch axes broadcast: ((0 + a0*b0) + a1*b1) + ... in float32.

    Raises ValueError where the shapes do not fit.
    """
    if a.shape[-1] != b.shape[-2]:
        message = f"{a.shape} times {b.shape}"
        raise ValueError(message)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    total = np.zeros((*batch, a.shape[-2], b.shape[-1]), np.float32)
    product = np.empty_like(total)
    for k in range(a.shape[-1]):
        np.multiply(a[..., :, k, np.newaxis], b[..., np.newaxis, k, :], out=product)
        np.add(total, product, out=total)
    return total


def _matmul(call: Call) -> tuple[Array, ...]:
    """As numpy.matmul: a vector is a row on the left and a column on the right."""
    a, b = call.real(0), call.real(1)
    result = ordered_matmul(a if a.ndim > 1 else a[np.newaxis], b if b.ndim > 1 else b[:, None])
    result = result if a.ndim > 1 else result[..., 0, :]
    return (result if b.ndim > 1 else result[..., 0],)


def _gemm(call: Call) -> tuple[Array, ...]:
    """Return alpha * (A @ B) + beta * C."""
    a, b, c = call.real(0), call.real(1), call.optional_real(2)
    a = a.T if call.integer("transA", 0) else a
    b = b.T if call.integer("transB", 0) else b
    y = call.number("alpha", 1.0) * ordered_matmul(a, b)
    return (y if c is None else y + call.number("beta", 1.0) * c,)


OPS: Mapping[str, Kernel] = MappingProxyType({"MatMul": _matmul, "Gemm": _gemm})
"""Kernels of this family by ONNX operator name."""
