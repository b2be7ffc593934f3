"""How numbers are written for people: short, with units, the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIXES = ("", "k", "M", "G", "T")


def real(value: float) -> str:
    """Four significant digits: 0.01234, 1.2e-05, inf, nan."""
    return f"{value:.4g}"


def percent(share: float, digits: int = 2) -> str:
    """A share of 1 in per cent: 0.975 becomes "97.50 %"."""
    return f"{share * 100:.{digits}f} %"


def scores(values: Sequence[float]) -> tuple[str, ...]:
    """Scores of one metric: as per cent where all are shares, else as plain numbers."""
    if all(0.0 <= value <= 1.0 for value in values):
        return tuple(percent(value) for value in values)
    return tuple(real(value) for value in values)


def size(size_bytes: int) -> str:
    """Bytes in decimal units: "812 B", "12.3 kB", "4.5 MB"."""
    return f"{_scaled(size_bytes)}B"


def count(number: int) -> str:
    """A large count in decimal units: "812", "12.3 k", "4.5 M"."""
    return _scaled(number).rstrip()


def plural(number: int, noun: str) -> str:
    """The number with its noun: "1 node", "3 nodes"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _scaled(number: int) -> str:
    if number < 1000:
        return f"{number} "
    value, power = number / 1000, 1
    while value >= 999.95 and power < len(_PREFIXES) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.1f} {_PREFIXES[power]}"
