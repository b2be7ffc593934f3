"""How far two tensors are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array


def cosine(expected: Array, actual: Array) -> float:
    """Cosine of the angle between two tensors as float64 vectors; 1.0 where both are all zero."""
    a, b = expected.astype(np.float64).ravel(), actual.astype(np.float64).ravel()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0.0:
        return 1.0 if not a.any() and not b.any() else 0.0
    return float(a @ b) / norm


def energies(expected: Array, actual: Array) -> tuple[float, float]:
    """Signal sum(expected**2) and noise sum((expected - actual)**2) in float64; both add up."""
    a, b = expected.astype(np.float64).ravel(), actual.astype(np.float64).ravel()
    return float(np.sum(a**2)), float(np.sum((a - b) ** 2))


def decibels(signal: float, noise: float) -> float:
    """10 * log10(signal / noise) of energies, in dB: +inf without noise, -inf for noise alone."""
    if noise == 0.0:
        return float("inf")
    return float("-inf") if signal == 0.0 else 10.0 * float(np.log10(signal / noise))


def max_excess(expected: Array, actual: Array, rtol: float, atol: float) -> float:
    """Largest |actual - expected| / (atol + rtol * |expected|): at most 1 where all are close."""
    a, b = expected.astype(np.float64), actual.astype(np.float64)
    difference, allowed = np.abs(a - b), atol + rtol * np.abs(a)
    excess = np.divide(
        difference, allowed, out=np.where(difference > 0, np.inf, 0.0), where=allowed > 0
    )
    return float(np.max(excess, initial=0.0))
