"""The rules of a whole program: which results of movements are made, and which only looked at.

What a movement chooses of a tensor, in another order or shape, has its elements there already. Its
readers look at them through a lens if every axis that they see has one step; then the result
itself is made nowhere. Where that is not so, one copy does for a whole chain of movements.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.rules import rule_of
from toolchain.accelerator.compile.rules.lenses import Lens, identity
from toolchain.accelerator.compile.rules.through import Glass, rearranging, through
from toolchain.program.records import Move, MoveKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.accelerator.compile.rules.base import Facts, Rule
    from toolchain.accelerator.compile.views import Order
    from toolchain.program.records import Operation


def steps_of(facts: Facts, orders: Mapping[str, Order]) -> tuple[Rule, ...]:
    """A rule for every result that is made, in the order of the program."""
    return _Looking(facts, orders).steps()


class _Looking:
    """What is known while going through a program."""

    def __init__(self, facts: Facts, orders: Mapping[str, Order]) -> None:
        self._facts, self._orders = facts, orders
        self._readers: dict[str, list[Operation]] = defaultdict(list)
        for op in facts.program.operations:
            for name in op.inputs:
                self._readers[name].append(op)
        self._seen: dict[str, tuple[str, Lens]] = {}

    def steps(self) -> tuple[Rule, ...]:
        """All rules."""
        found: list[Rule] = []
        for op in self._facts.program.operations:
            lenses = self._lenses(op)
            if isinstance(op, Move) and lenses is not None:
                found += self._moves(op, lenses)
            else:
                found += (
                    through(rule, tuple(map(self._glass, rule.inputs))) for rule in self._rules(op)
                )
        return tuple(found)

    def _rules(self, op: Operation) -> tuple[Rule, ...]:
        """Those of an operation as if its inputs were there."""
        if isinstance(op, Move):
            source = op.inputs[0]
            lenses = _complete(_results(op, identity(self._facts.shape(source)), self._facts))
            if lenses is not None:
                return tuple(
                    rearranging(op, at, source, lens, self._facts) for at, lens in enumerate(lenses)
                )
        return (rule_of(op, self._facts),)

    def _moves(self, op: Move, lenses: tuple[Lens, ...]) -> list[Rule]:
        """The results of a movement that have to be made."""
        source = self._source(op.inputs[0])[0]
        found = []
        for at, (name, lens) in enumerate(zip(op.outputs, lenses, strict=True)):
            self._seen[name] = source, lens
            if not self._vanishes(name):
                del self._seen[name]
                found.append(rearranging(op, at, source, lens, self._facts))
        return found

    def _vanishes(self, name: str) -> bool:
        """True if all readers can look at it where its elements are."""
        if name in self._facts.program.outputs:
            return False
        readers = self._readers[name]
        if all(self._lenses(reader) is not None for reader in readers):
            return True
        source, lens = self._seen[name]
        return lens.even(self._orders[source]) is not None

    def _source(self, name: str) -> tuple[str, Lens]:
        """Where the elements of a tensor are."""
        return self._seen.get(name) or (name, identity(self._facts.shape(name)))

    def _glass(self, name: str) -> Glass | None:
        if name not in self._seen:
            return None
        source, lens = self._seen[name]
        full = lens.even(self._orders[source])
        if full is None:
            raise LookupError(name)
        return Glass(source, lens, full)

    def _lenses(self, op: Operation) -> tuple[Lens, ...] | None:
        """What the results of a movement see of the tensor that has the elements of its input."""
        if not isinstance(op, Move) or op.inputs[0] in self._facts.program.constants:
            return None
        return _complete(_results(op, self._source(op.inputs[0])[1], self._facts))


def _complete(lenses: tuple[Lens | None, ...]) -> tuple[Lens, ...] | None:
    """All lenses of a movement, if there are any and one copy can follow each."""
    found = [lens for lens in lenses if lens is not None and lens.copied_at_once]
    return tuple(found) if found and len(found) == len(lenses) else None


def _results(op: Move, lens: Lens, facts: Facts) -> tuple[Lens | None, ...]:
    """A lens for every result; none for movements that do more than to choose and to reorder."""
    found: tuple[Lens | None, ...]
    match op.kind:
        case MoveKind.COPY:
            found = (lens,)
        case MoveKind.TRANSPOSE:
            found = (lens.transposed(op.arguments["perm"]),)
        case MoveKind.RESHAPE:
            found = (lens.reshaped(facts.shape(op.outputs[0])),)
        case MoveKind.SPLIT:
            (axis,), sizes = op.arguments["axis"], op.arguments["sizes"]
            edges = accumulate(sizes, initial=0)
            found = tuple(lens.selected(axis, a, b - a) for a, b in pairwise(edges))
        case MoveKind.SLICE:
            found = (_sliced(op, lens),)
        case MoveKind.GATHER:
            found = (_gathered(op, lens, facts),)
        case _:
            found = ()
    return found


def _sliced(op: Move, lens: Lens) -> Lens | None:
    arguments = (op.arguments[key] for key in ("axes", "starts", "ends", "steps"))
    found: Lens | None = lens
    for axis, *bounds in zip(*arguments, strict=True):
        kept = range(lens.shape[axis])[slice(*bounds)]
        if found is None or kept.step < 1:
            return None
        found = found.selected(axis, kept.start, len(kept), kept.step)
    return found


def _gathered(op: Move, lens: Lens, facts: Facts) -> Lens | None:
    """One index, or several at one step."""
    (axis,) = op.arguments["axis"]
    indices = facts.program.constants[str(op.indices)].astype(np.int64)
    if indices.ndim > 1:
        return None
    at = np.where(indices < 0, indices + lens.shape[axis], indices).reshape(-1)
    steps = set(np.diff(at).tolist()) or {1}
    step = steps.pop()
    if steps or step < 1:
        return None
    found = lens.selected(axis, int(at[0]), len(at), step)
    return found if found is None or indices.ndim else found.without(axis)
