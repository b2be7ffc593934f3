"""Where buffers lie in the arena: no two that are needed at the same time overlap.

Every buffer lives from the call that writes it first to the last one that reads it. Large buffers
are placed first, each at the lowest place that is free during its life (the offline "greedy by
size" of Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020), and
of several such orders the one with the smallest arena counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolchain.codegen.operands import Operand

if TYPE_CHECKING:
    from toolchain.codegen.calls import Call

ALIGNMENT_BYTES = 64
"""Every buffer begins at a multiple of it from the arena's beginning: a cache line."""
NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Places of all buffers.

    Attributes:
        offsets: Bytes from the beginning of the arena by name of the buffer.
        scratch: Offset of the scratch of every call that has one, by its name.
        arena_bytes: Size of the arena.
        bound_bytes: The most that is needed at one time: no plan can be smaller.
    """

    offsets: Mapping[str, int]
    scratch: Mapping[str, int]
    arena_bytes: int
    bound_bytes: int


@dataclass(slots=True)
class _Block:
    """Buffers that share one place, one after the other."""

    names: list[str]
    size: int
    first: int
    last: int
    scratch: bool = False


def plan_memory(
    calls: Sequence[Call], external: frozenset[str], shown: Mapping[str, int] = NOTHING
) -> MemoryPlan:
    """Place the buffers of `calls`, which run in order.

    Args:
        calls: What reads and writes buffers.
        external: Buffers that lie elsewhere.
        shown: Index of the call behind which a buffer is looked at once more, by its name.
    """
    blocks = _blocks(calls, external, shown)
    last = len(calls)
    live = [0] * last
    for block in blocks:
        for index in range(block.first, block.last + 1):
            live[index] += block.size
    best, size = _best(blocks, live)
    placed = list(zip(blocks, best, strict=True))
    return MemoryPlan(
        offsets=MappingProxyType({n: p for b, p in placed if not b.scratch for n in b.names}),
        scratch=MappingProxyType({n: p for b, p in placed if b.scratch for n in b.names}),
        arena_bytes=size,
        bound_bytes=max(live, default=0),
    )


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _last_uses(calls: Sequence[Call], shown: Mapping[str, int]) -> dict[str, int]:
    """Index of the call after which nothing needs a buffer any more."""
    found = dict(shown)
    for index, call in enumerate(calls):
        for item in (*call.inputs, *call.outputs):
            if isinstance(item, Operand):
                found[item.buffer] = max(index, found.get(item.buffer, index))
    return found


def _blocks(
    calls: Sequence[Call], external: frozenset[str], shown: Mapping[str, int]
) -> list[_Block]:
    """Lifetimes, with outputs put in the place of inputs that end there where kernels allow it."""
    last_use = _last_uses(calls, shown)
    found: list[_Block] = []
    by_name: dict[str, _Block] = {}
    for index, call in enumerate(calls):
        for output in call.outputs:
            if output.buffer in by_name or output.buffer in external:
                continue
            ending = {name for name in _read(call) if last_use[name] == index != shown.get(name)}
            block = _reusable(call, output, ending, by_name)
            if block is None:
                block = _Block([], _aligned(output.size_bytes), index, index)
                found.append(block)
            block.names.append(output.buffer)
            block.last = last_use[output.buffer]
            by_name[output.buffer] = block
        if call.scratch_bytes:
            found.append(_Block([call.name], _aligned(call.scratch_bytes), index, index, True))
    return found


def _read(call: Call) -> dict[str, list[Operand]]:
    """What a call reads, by buffer: it may be the same bytes in several orders."""
    found: dict[str, list[Operand]] = {}
    for item in call.inputs:
        if isinstance(item, Operand):
            found.setdefault(item.buffer, []).append(item)
    return found


def _reusable(
    call: Call, output: Operand, ending: Collection[str], by_name: Mapping[str, _Block]
) -> _Block | None:
    """The block of a buffer that is not needed behind the call, if the output may overwrite it."""
    if not call.kernel.in_place or output is not call.outputs[0]:
        return None
    for name, views in _read(call).items():
        if (
            name in ending
            and name in by_name
            and views[0].size_bytes >= output.size_bytes
            and all(_lie_alike(view, output) for view in views)
        ):
            return by_name[name]
    return None


def _lie_alike(a: Operand, b: Operand) -> bool:
    """True if equal indices are at equal places, axes being aligned as in broadcasts."""

    def long(operand: Operand) -> list[tuple[int, int]]:
        rank = len(operand.shape)
        axes = [axis for axis in operand.order if operand.shape[axis] > 1]
        return [(axis - rank, operand.shape[axis]) for axis in axes]

    return long(a) == long(b)


def _best(blocks: Sequence[_Block], live: Sequence[int]) -> tuple[list[int], int]:
    """Places of all blocks by the best of some orders, and the size they need."""

    def pressure(block: _Block) -> int:
        return max(live[block.first : block.last + 1])

    orders: tuple[Callable[[_Block], tuple[int, ...]], ...] = (
        lambda block: (-block.size, block.first),
        lambda block: (-pressure(block), -block.size, block.first),
        lambda block: (-(block.last - block.first + 1) * block.size, block.first),
        lambda block: (block.first, -block.size),
        lambda block: (-block.last, -block.size),
    )
    best: tuple[list[int], int] | None = None
    for order in orders:
        places = _placed(blocks, sorted(range(len(blocks)), key=lambda i: order(blocks[i])))
        size = max((p + b.size for p, b in zip(places, blocks, strict=True)), default=0)
        if best is None or size < best[1]:
            best = places, size
    return best if best is not None else ([], 0)


def _placed(blocks: Sequence[_Block], order: Sequence[int]) -> list[int]:
    """The lowest place for one block after the other."""
    places = [0] * len(blocks)
    done: list[int] = []
    for number in order:
        block = blocks[number]
        taken = sorted(
            (places[other], places[other] + blocks[other].size)
            for other in done
            if blocks[other].first <= block.last and block.first <= blocks[other].last
        )
        place = 0
        for begin, end in taken:
            if begin - place >= block.size:
                break
            place = max(place, end)
        places[number] = place
        done.append(number)
    return places
