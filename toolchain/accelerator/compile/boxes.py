"""Boxes: parts of tensors, as a range of indices on every axis."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import reduce
from math import prod
from typing import TypeAlias

Box: TypeAlias = tuple[tuple[int, int], ...]
"""First index and the one behind the last, for every axis."""


def whole(shape: tuple[int, ...]) -> Box:
    """All of a tensor."""
    return tuple((0, extent) for extent in shape)


def extents(box: Box) -> tuple[int, ...]:
    """Elements on every axis."""
    return tuple([stop - start for start, stop in box])


def size(box: Box) -> int:
    """Number of elements."""
    return prod([stop - start for start, stop in box])


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box that contains all of one or more."""
    return reduce(_joined, boxes)


def _joined(a: Box, b: Box) -> Box:
    return tuple([(min(a0, b0), max(a1, b1)) for (a0, a1), (b0, b1) in zip(a, b, strict=True)])


def common(a: Box, b: Box) -> Box | None:
    """What two boxes share; None for nothing."""
    found = tuple((max(a0, b0), min(a1, b1)) for (a0, a1), (b0, b1) in zip(a, b, strict=True))
    return found if all(start < stop for start, stop in found) else None


def overlap(a: Box, b: Box) -> bool:
    """True if two boxes share anything."""
    # A loop, as it is the innermost of the compiler: `all` takes twice as long.
    for (a0, a1), (b0, b1) in zip(a, b, strict=True):  # noqa: SIM110
        if a1 <= b0 or b1 <= a0:
            return False
    return True


def without(box: Box, hole: Box) -> tuple[Box, ...]:
    """What is left of a box, as boxes that share nothing."""
    shared = common(box, hole)
    if shared is None:
        return (box,)
    found: list[Box] = []
    for axis, ((start, stop), (first, last)) in enumerate(zip(box, shared, strict=True)):
        # Before this axis the rest is as narrow as the hole, behind it as wide as the box.
        inner = (*shared[:axis], (start, stop), *box[axis + 1 :])
        if start < first:
            found.append(with_axis(inner, axis, (start, first)))
        if last < stop:
            found.append(with_axis(inner, axis, (last, stop)))
    return tuple(found)


def with_axis(box: Box, axis: int, bounds: tuple[int, int]) -> Box:
    """The box with other bounds on one axis."""
    return (*box[:axis], bounds, *box[axis + 1 :])


def cut(box: Box, axis: int, parts: int, grain: int = 1) -> tuple[Box, ...]:
    """At most `parts` boxes along an axis, of about equal extent, at multiples of `grain`."""
    start, stop = box[axis]
    units = -(-(stop - start) // grain)
    parts = min(parts, units)
    edges = [start + grain * (units * part // parts) for part in range(parts)] + [stop]
    return tuple(with_axis(box, axis, (a, b)) for a, b in itertools.pairwise(edges))
