"""Matrix products."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import Multiply
from toolchain.accelerator.simulator.engines.operands import Read, centred, optional
from toolchain.accelerator.simulator.engines.products import carrier
from toolchain.accelerator.simulator.finish import finish, with_bias
from toolchain.core.dtypes import Array


def multiply(at: Multiply, read: Read) -> Array:
    """(N, R, M) of (N, R, K) and (N, K, M)."""
    b = centred(_once(read(at.b)), 0)
    if at.b_zero is not None:
        b = b - read(at.b_zero)
    a = centred(_once(read(at.a)), at.a_zero)
    kind = carrier(int(np.abs(a).max()), np.abs(b), (1,))
    product = np.matmul(a.astype(kind), b.astype(kind))
    total = np.repeat(product, at.target.shape[0] // len(product), axis=0)
    acc = with_bias(total, optional(read, at.bias), at.finish.guard_bits)
    return finish(acc, read(at.factor), at.finish, at.target.dtype)


def _once(matrices: Array) -> Array:
    """The first alone of matrices that are one and the same."""
    return matrices[:1] if matrices.strides[0] == 0 else matrices
