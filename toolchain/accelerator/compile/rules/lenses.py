"""Tensors seen as other elements of a tensor: transposed, reshaped, sliced, without a copy.

A lens says where every element of a result of movements lies in their source. Every axis of the
result runs through atoms, slowest first: runs of indices of one axis of the source at one step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, extents
from toolchain.accelerator.compile.views import Order, Patch
from toolchain.accelerator.isa.operands import MAX_RANK

if TYPE_CHECKING:
    from toolchain.accelerator.isa.operands import View


@dataclass(frozen=True, slots=True)
class Atom:
    """Indices of one axis of the source.

    Attributes:
        extent: How many.
        axis: Of which axis.
        step: From one to the next.
    """

    extent: int
    axis: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """What a result sees of a source.

    Attributes:
        source: Shape of the source.
        offsets: For every axis of the source the index that the first element has.
        axes: Atoms of every axis of the result, those of extent 1 left out.
    """

    source: tuple[int, ...]
    offsets: tuple[int, ...]
    axes: tuple[tuple[Atom, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return tuple(prod(atom.extent for atom in atoms) for atoms in self.axes)

    @property
    def copied_at_once(self) -> bool:
        """True if one copy can follow it, with an axis for every atom."""
        return sum(max(len(atoms), 1) for atoms in self.axes) <= MAX_RANK

    def transposed(self, perm: tuple[int, ...]) -> Lens:
        """The axes of the result in another order."""
        return replace(self, axes=tuple(self.axes[axis] for axis in perm))

    def reshaped(self, shape: tuple[int, ...]) -> Lens | None:
        """The result in another shape; None where that cuts atoms unevenly."""
        rest = [atom for atoms in reversed(self.axes) for atom in reversed(atoms)]
        rest.reverse()
        axes = []
        for extent in reversed(shape):
            own: list[Atom] = []
            left = extent
            while left > 1:
                atom = rest.pop()
                if left % atom.extent and atom.extent % left:
                    return None
                taken = min(left, atom.extent)
                own.append(replace(atom, extent=taken))
                if taken < atom.extent:
                    rest.append(Atom(atom.extent // taken, atom.axis, atom.step * taken))
                left //= taken
            axes.append(_fused(tuple(reversed(own))))
        return replace(self, axes=tuple(reversed(axes)))

    def selected(self, axis: int, start: int, count: int, step: int = 1) -> Lens | None:
        """Some indices of an axis of the result; None where they are no run of atoms."""
        offsets = list(self.offsets)
        fixed = 0
        atoms = self.axes[axis]
        while atoms:
            outer, *inner = atoms
            width = prod(atom.extent for atom in inner)
            first, last = start // width, (start + (count - 1) * step) // width
            if first == last and inner:
                offsets[outer.axis] += first * outer.step
                start -= first * width
                atoms = tuple(inner)
                fixed += 1
                continue
            if width > 1 and (step != 1 or start % width or count % width):
                return None
            offsets[outer.axis] += first * outer.step
            head = Atom(count // width, outer.axis, outer.step * step)
            atoms = (head, *inner) if head.extent > 1 else tuple(inner)
            break
        axes = (*self.axes[:axis], atoms, *self.axes[axis + 1 :])
        return replace(self, offsets=tuple(offsets), axes=axes)

    def without(self, axis: int) -> Lens:
        """Less an axis of extent 1."""
        return replace(self, axes=(*self.axes[:axis], *self.axes[axis + 1 :]))

    def even(self, order: Order) -> frozenset[int] | None:
        """Whether every axis of the result has one step in a source that lies in `order`.

        Returns:
            The axes of the source that must lie there in full for that; None if it has not.
        """
        place = {axis: at for at, axis in enumerate(a for a in order if self.source[a] > 1)}
        full = set()
        for outer, inner in (pair for atoms in self.axes for pair in pairwise(atoms)):
            whole = inner.step * inner.extent == self.source[inner.axis] and outer.step == 1
            if not whole or place[inner.axis] != place[outer.axis] + 1:
                return None
            full.add(inner.axis)
        return frozenset(full)

    def needs(self, box: Box, full: frozenset[int] = frozenset()) -> Box:
        """The part of the source in which a part of the result lies."""
        found = [[at, at + 1] for at in self.offsets]
        for (start, stop), atoms in zip(box, self.axes, strict=True):
            first, last = self._digits(atoms, start), self._digits(atoms, stop - 1)
            same = True
            for atom, low, high in zip(atoms, first, last, strict=True):
                # Behind an atom with several indices, all others run through all of theirs.
                found[atom.axis][0] += (low if same else 0) * atom.step
                found[atom.axis][1] += (high if same else atom.extent - 1) * atom.step
                same = same and low == high
        return tuple(
            (0, extent) if axis in full else (start, stop)
            for axis, ((start, stop), extent) in enumerate(zip(found, self.source, strict=True))
        )

    def seen(self, patch: Patch, box: Box) -> Patch:
        """A part of the result in the part of the source that it needs; every axis is even."""
        strides = tuple(
            atoms[-1].step * patch.view.strides[atoms[-1].axis] if atoms else patch.view.itemsize
            for atoms in self.axes
        )
        view = replace(
            patch.view, offset=self._offset(patch, box), shape=extents(box), strides=strides
        )
        return Patch(box=box, view=view)

    def atoms(self, patch: Patch, box: Box) -> tuple[View, tuple[tuple[int, ...], ...]]:
        """A part of the result with an axis for every atom, and the extents of each axis in them.

        The part is cut at `grains` only.
        """
        shape: list[int] = []
        strides: list[int] = []
        factors = []
        for (start, stop), atoms in zip(box, self.axes, strict=True):
            inner = tuple(atom.extent for atom in atoms[1:])
            own = ((stop - start) // prod(inner), *inner)
            factors.append(own)
            shape += own
            strides += [a.step * patch.view.strides[a.axis] for a in atoms] or [0]
        offset = self._offset(patch, box)
        view = replace(patch.view, offset=offset, shape=tuple(shape), strides=tuple(strides))
        return view, tuple(factors)

    @property
    def grains(self) -> tuple[int, ...]:
        """Elements of all atoms of an axis but the first."""
        return tuple(prod(atom.extent for atom in atoms[1:]) for atoms in self.axes)

    def _offset(self, patch: Patch, box: Box) -> int:
        index = list(self.offsets)
        for (start, _), atoms in zip(box, self.axes, strict=True):
            for atom, digit in zip(atoms, self._digits(atoms, start), strict=True):
                index[atom.axis] += digit * atom.step
        return patch.view.offset + sum(
            (at - begin) * stride
            for at, (begin, _), stride in zip(index, patch.box, patch.view.strides, strict=True)
        )

    @staticmethod
    def _digits(atoms: tuple[Atom, ...], index: int) -> tuple[int, ...]:
        """Index of every atom at an index of their axis."""
        found = []
        for atom in reversed(atoms):
            index, digit = divmod(index, atom.extent)
            found.append(digit)
        return tuple(reversed(found))


def identity(shape: tuple[int, ...]) -> Lens:
    """A tensor as it is."""
    return Lens(
        source=shape,
        offsets=(0,) * len(shape),
        axes=tuple(
            (Atom(extent, axis, 1),) if extent > 1 else () for axis, extent in enumerate(shape)
        ),
    )


def _fused(atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
    """Neighbouring atoms that are one run of an axis made one."""
    found: list[Atom] = []
    for atom in atoms:
        last = found[-1] if found else None
        if last and last.axis == atom.axis and last.step == atom.step * atom.extent:
            found[-1] = Atom(last.extent * atom.extent, atom.axis, atom.step)
        else:
            found.append(atom)
    return tuple(found)
