"""Arithmetic of single elements."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import Combine, CombineKind, Scale
from toolchain.accelerator.simulator.engines.operands import Read, centred
from toolchain.accelerator.simulator.finish import (
    check_fits,
    finish,
    largest,
    parts,
    saturated,
    shifted,
    to_integer,
)
from toolchain.accelerator.simulator.refusal import refuse
from toolchain.core.dtypes import Array


def combine(at: Combine, read: Read) -> Array:
    """Sum, difference or product of two elements."""
    a, b = centred(read(at.a), at.a_zero), centred(read(at.b), at.b_zero)
    if at.kind is CombineKind.MUL:
        check_fits(largest(a) * largest(b))
        acc = a.astype(np.int64) * b
        return finish(acc, np.float32(at.a_factor), at.finish, at.target.dtype)
    if at.finish.exact:
        return _exact_sum(at, a, b)
    left = a.astype(np.float32) * np.float32(at.a_factor)
    right = b.astype(np.float32) * np.float32(at.b_factor)
    if at.kind is CombineKind.ADD:
        left += right
    else:
        left -= right
    return to_integer(left, at.finish, at.target.dtype)


def _exact_sum(at: Combine, a: Array, b: Array) -> Array:
    """Both products over one power of two."""
    sign = 1 if at.kind is CombineKind.ADD else -1
    (left, left_shift), (right, right_shift) = (
        parts(np.float32(factor)) for factor in (at.a_factor, at.b_factor)
    )
    shift = max(int(left_shift), int(right_shift))
    a_integer = int(left) << (shift - int(left_shift))
    b_integer = int(right) << (shift - int(right_shift))
    most = largest(a) * abs(a_integer) + largest(b) * abs(b_integer)
    if max(most, abs(a_integer), abs(b_integer)) >= 2**62:
        raise refuse("a product of an exact finish is too large", got=most, allowed="below 2**62")
    total = a.astype(np.int64) * a_integer + b.astype(np.int64) * (sign * b_integer)
    steps = shifted(total, np.asarray(shift), at.finish.rounding)
    return saturated(steps, at.finish, at.target.dtype)


def scale(at: Scale, read: Read) -> Array:
    """One element with a factor of its own, where it is negative."""
    acc = centred(read(at.source), at.source_zero)
    factor: Array | np.float32 = np.float32(at.factor)
    if at.negative is not None:
        factor = np.where(acc < 0, read(at.negative), factor)
    return finish(acc, factor, at.finish, at.target.dtype)
