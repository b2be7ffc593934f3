"""Where two runs of one program part, and what its rules say about the first difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.analysis.recompute import Element, Place, recompute
from toolchain.analysis.tracing import Storage
from toolchain.core.divergence import (
    NEITHER,
    A,
    B,
    Divergence,
    InputState,
    Recomputation,
    SampleDifference,
    TensorDifference,
)
from toolchain.core.dtypes import Array
from toolchain.program.records import Operation, Program

_TRIED = 32
"""Elements that differ, and as many that do not, on which a cause must hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """A tensor as one run has it."""

    array: Array
    storage: Storage

    @property
    def real(self) -> NDArray[np.float64]:
        """Its real values."""
        return self.storage.real(self.array)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A tensor of a program, in order; `op` is None for inputs."""

    tensor: str
    op: Operation | None


def steps(program: Program) -> Iterator[Step]:
    """Every tensor of a program: inputs, then what operations write, in their order."""
    for name in program.inputs:
        yield Step(tensor=name, op=None)
    for op in program.operations:
        yield from (Step(tensor=name, op=op) for name in op.outputs if name)


def storage_of(program: Program, name: str) -> Storage:
    """How the program itself stores a tensor."""
    tensor = program.tensors[name]
    return Storage(dtype=tensor.dtype, scale=tensor.scale, zero_point=tensor.zero_point)


def compare(
    program: Program, a: Mapping[str, Held], b: Mapping[str, Held], sample: str = ""
) -> SampleDifference:
    """Hold every tensor of one run against that of another, and explain the first that differs.

    Args:
        program: What both executed.
        a: Tensors of the first run by their name in the program; arrays of the program's shapes.
        b: The same of the second run.
        sample: Name of the sample.

    Returns:
        All tensors that differ, in the order of the program. Integers and floats are compared as
        they are; where one run has integers and the other floats, more than half a step counts.
    """
    rows, first, missing, compared = [], None, [], 0
    for step in steps(program):
        name = step.tensor
        if name not in a or name not in b:
            missing.append(name)
            continue
        compared += 1
        mask = differing(a[name], b[name])
        if not mask.any():
            continue
        rows.append(_row(step, a[name], b[name], mask))
        if first is None:
            first = explain(program, step, a, b, mask)
    return SampleDifference(
        sample=sample,
        compared=compared,
        missing=tuple(missing),
        rows=tuple(rows),
        first=first,
    )


def differing(a: Held, b: Held) -> NDArray[np.bool_]:
    """Which elements differ; NaN is equal to NaN."""
    if a.storage.dtype.is_integer == b.storage.dtype.is_integer:
        nan = np.isnan(a.array) & np.isnan(b.array)
        return np.asarray(~((a.array == b.array) | nan), np.bool_)
    stored, real = (a, b) if a.storage.dtype.is_integer else (b, a)
    ends = stored.storage.real_range or (-math.inf, math.inf)
    step = 1.0 if stored.storage.scale is None else stored.storage.scale
    distance = np.abs(stored.real - np.clip(real.real, *ends))
    # What is half-way between two integers is as near to the one as to the other.
    return np.asarray(~(distance <= 0.5 * step * (1 + 1e-6)), np.bool_)


def explain(
    program: Program,
    step: Step,
    a: Mapping[str, Held],
    b: Mapping[str, Held],
    mask: NDArray[np.bool_],
) -> Divergence:
    """What the rules say about the first element of a tensor that two runs disagree about."""
    name, op = step.tensor, step.op
    index = _places(mask, 1)[0]
    row = _row(step, a[name], b[name], mask)
    found = Divergence(
        operation=row.operation,
        kind=row.kind,
        tensor=name,
        index=index,
        stored_a=a[name].array[index].item(),
        stored_b=b[name].array[index].item(),
        real_a=float(a[name].real[index]),
        real_b=float(b[name].real[index]),
        different=row.different,
        elements=row.elements,
        largest=row.largest,
    )
    if op is None:
        return found
    reads = [n for n in dict.fromkeys(op.inputs) if n and n not in program.constants]
    found = replace(found, inputs=tuple(_state(n, a, b) for n in reads))
    source = next((w for w, run in ((A, a), (B, b)) if _has(program, run, reads)), None)
    if source is None:
        return found
    run = a if source == A else b
    values = {**program.constants, **{n: run[n].array for n in reads}}
    place = Place(program=program, op=op, output=name, index=index, values=values)
    element = recompute(place)
    found = replace(found, recomputed=_recomputation(element, source))
    if not found.inputs_agree or not (
        _as_program(program, a, name) and _as_program(program, b, name)
    ):
        return found
    right = _right(element.value, found.stored_a, found.stored_b)
    causes: tuple[str, ...] = ()
    if right != NEITHER and element.faults:
        pair = (a[name].array, b[name].array)
        causes = _causes(place, mask, *(pair if right == A else pair[::-1]))
    return replace(found, right=right, causes=causes)


def _row(step: Step, a: Held, b: Held, mask: NDArray[np.bool_]) -> TensorDifference:
    return TensorDifference(
        tensor=step.tensor,
        operation="" if step.op is None else step.op.name,
        kind="input" if step.op is None else _kind(step.op),
        different=int(np.count_nonzero(mask)),
        elements=mask.size,
        largest=_largest(a, b),
    )


def _kind(op: Operation) -> str:
    """The record, with what distinguishes those of its type."""
    detail: Any = getattr(op, "kind", getattr(op, "op_type", None))
    return type(op).__name__ if detail is None else f"{type(op).__name__} {detail}"


def _largest(a: Held, b: Held) -> float:
    if a.storage.dtype.is_integer and b.storage.dtype.is_integer:
        return int(np.abs(a.array.astype(np.int64) - b.array.astype(np.int64)).max())
    with np.errstate(invalid="ignore"):
        distance = np.abs(a.real - b.real)
    distance = distance[~((a.real == b.real) | (np.isnan(a.real) & np.isnan(b.real)))]
    return math.inf if np.isnan(distance).any() else float(distance.max(initial=0.0))


def _state(name: str, a: Mapping[str, Held], b: Mapping[str, Held]) -> InputState:
    if name not in a or name not in b:
        return InputState(tensor=name, state="not dumped")
    different = bool(differing(a[name], b[name]).any())
    return InputState(tensor=name, state="different" if different else "equal")


def _as_program(program: Program, run: Mapping[str, Held], name: str) -> bool:
    return name in run and run[name].array.dtype == program.tensors[name].dtype.numpy


def _has(program: Program, run: Mapping[str, Held], names: Sequence[str]) -> bool:
    """True where a run has all of `names` as the program stores them."""
    return all(_as_program(program, run, name) for name in names)


def _right(value: float, a: float, b: float) -> str:
    return A if _same(value, a) else B if _same(value, b) else NEITHER


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _recomputation(element: Element, source: str) -> Recomputation:
    grid, clamp = element.grid, element.clamp or (None, None)
    return Recomputation(
        rule=element.rule,
        section=element.section,
        source=source,
        terms=element.terms,
        accumulator=element.accumulator,
        bias=element.bias,
        factor=element.factor,
        unrounded=None if element.unrounded is None else float(element.unrounded),
        rounding=None if grid is None else grid.rounding,
        zero_point=None if grid is None else grid.zero_point,
        low=clamp[0] if grid is None else grid.low,
        high=clamp[1] if grid is None else grid.high,
        value=element.value,
        operands=element.operands,
    )


def _causes(place: Place, mask: NDArray[np.bool_], right: Array, wrong: Array) -> tuple[str, ...]:
    """Mistakes that give what is wrong wherever it was tried, and change nothing elsewhere."""
    causes: set[str] | None = None
    for index in _places(mask, _TRIED):
        element = recompute(replace(place, index=index))
        explained = {
            text for text, value in element.faults.items() if _same(value, wrong[index].item())
        }
        causes = explained if causes is None else causes & explained
        if not _same(element.value, right[index].item()):
            return ()
    for index in _places(~mask, _TRIED):
        if not causes:
            break
        faults = recompute(replace(place, index=index)).faults
        same = right[index].item()
        causes = {text for text in causes if _same(faults.get(text, same), same)}
    return tuple(sorted(causes or ()))


def _places(mask: NDArray[np.bool_], most: int) -> list[tuple[int, ...]]:
    """Up to `most` indices that are set, spread over all of them, the first one first."""
    flat = np.flatnonzero(mask)
    chosen = flat[np.unique(np.linspace(0, flat.size - 1, min(most, flat.size)).astype(np.intp))]
    return [tuple(int(i) for i in np.unravel_index(n, mask.shape)) for n in chosen]
