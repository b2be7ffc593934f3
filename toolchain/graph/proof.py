"""Two models held against each other on real samples."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.reports import ProofRow
from toolchain.graph.session import open_session, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolchain.core.dtypes import Array
    from toolchain.core.options import OptimizeOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The comparison of all outputs over all samples.

    Attributes:
        rows: One per output, the sample that differs most.
        failures: One sentence per output beyond its tolerance; empty where the models agree.
    """

    rows: tuple[ProofRow, ...]
    failures: tuple[str, ...]


def run_model(path: Path, samples: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
    """All outputs of the model for every sample. Raises ModelError where it cannot run."""
    # One thread: the differences that are reported must not depend on the number of cores.
    session = open_session(path, threads=1)
    return [run(session, feeds) for feeds in samples]


def compare(
    expected: Sequence[Mapping[str, Array]],
    actual: Sequence[Mapping[str, Array]],
    options: OptimizeOptions,
) -> Proof:
    """Hold outputs against each other: max|a - b| <= atol + rtol * max|a| per output and sample.

    Elements that are NaN in both, or the same infinity, are equal; the former are logged.
    """
    rows, failures = [], []
    for name in expected[0]:
        differences = [_difference(a[name], b[name]) for a, b in zip(expected, actual, strict=True)]
        magnitudes = [_magnitude(a[name]) for a in expected]
        limits = [options.atol + options.rtol * magnitude for magnitude in magnitudes]
        worst = max(range(len(limits)), key=lambda index: differences[index] - limits[index])
        rows.append(
            ProofRow(
                output=name, max_difference=differences[worst], max_magnitude=magnitudes[worst]
            )
        )
        if differences[worst] > limits[worst]:
            failures.append(
                f"output {name!r} differs by {differences[worst]:.6g} in sample {worst}, "
                f"{limits[worst]:.6g} is allowed"
            )
        if any(_has_nan(a[name]) for a in expected):
            _log.warning("Output %r of the original model contains NaN", name)
    return Proof(rows=tuple(rows), failures=tuple(failures))


def _difference(a: Array, b: Array) -> float:
    if np.shape(a) != np.shape(b) or a.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(a, b) else float("inf")
    if a.dtype.kind in "iub" and np.array_equal(a, b):
        return 0.0
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    equal = (wide_a == wide_b) | (np.isnan(wide_a) & np.isnan(wide_b))
    with np.errstate(invalid="ignore"):
        difference = np.where(equal, 0.0, np.abs(wide_a - wide_b))
    return float(np.max(np.where(np.isnan(difference), np.inf, difference), initial=0.0))


def _magnitude(a: Array) -> float:
    if not isinstance(a, np.ndarray) or a.dtype.kind not in "fiub":
        return 0.0
    finite = np.abs(a.astype(np.float64))
    return float(np.max(finite, initial=0.0, where=np.isfinite(finite)))


def _has_nan(a: Array) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f" and bool(np.isnan(a).any())
