"""Memory plans, against a memory that is really written and read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.codegen.calls import Call, Kernel
from toolchain.codegen.literals import Struct, Word
from toolchain.codegen.memory import ALIGNMENT_BYTES, MemoryPlan, plan_memory
from toolchain.codegen.operands import Operand
from toolchain.core.dtypes import DType

APART, IN_PLACE = Kernel("apart"), Kernel("in_place", in_place=True)


def tensor(name: str, elements: int, dtype: DType = DType.INT8) -> Operand:
    return Operand(buffer=name, dtype=dtype, shape=(elements,), order=(0,))


def call(
    name: str,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, ...],
    kernel: Kernel = APART,
    scratch: int = 0,
) -> Call:
    return Call(
        kernel=kernel,
        name=name,
        params=Struct("params", {}),
        inputs=(*inputs, Word("NULL")),
        outputs=outputs,
        scratch_bytes=scratch,
    )


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Call], frozenset[str]]:
    """Calls of some kernels; every one reads what was written before, and some write again."""
    known = [tensor("fed", draw(st.integers(1, 300)))]
    calls = []
    for number in range(draw(st.integers(1, 12))):
        inputs = tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
        elements = st.one_of(st.just(inputs[0].elements), st.integers(1, 300))
        types = st.sampled_from((DType.INT8, DType.INT16, DType.FLOAT32))
        outputs = [
            tensor(f"t{number}_{k}", draw(elements), draw(types))
            for k in range(draw(st.integers(1, 2)))
        ]
        written = [item for item in known[1:] if item not in inputs]
        if written and draw(st.integers(0, 3)) == 0:
            outputs = [draw(st.sampled_from(written))]  # another part of it, as of a Concat
        kernel = draw(st.sampled_from((APART, IN_PLACE)))
        scratch = draw(st.sampled_from((0, 0, 1, 500)))
        calls.append(call(f"c{number}", inputs, tuple(outputs), kernel, scratch))
        known += [item for item in outputs if item not in known]
    external = {"fed", *draw(st.sets(st.sampled_from([item.buffer for item in known])))}
    return calls, frozenset(external)


class Memory:
    """Bytes of the arena that know whose they are."""

    def __init__(self, plan: MemoryPlan) -> None:
        self.plan = plan
        self.owner = np.full(plan.arena_bytes, "", dtype="U8")

    def write(self, name: str, offset: int, size: int) -> None:
        assert offset % ALIGNMENT_BYTES == 0
        assert 0 <= offset <= offset + size <= self.plan.arena_bytes
        self.owner[offset : offset + size] = name

    def holds(self, item: Operand) -> bool:
        offset = self.plan.offsets[item.buffer]
        return bool(np.all(self.owner[offset : offset + item.size_bytes] == item.buffer))


def overwritten(made: Call, plan: MemoryPlan) -> set[str]:
    """Inputs whose place the first output may take."""
    result = made.outputs[0]
    return {
        item.buffer
        for item in made.inputs
        if isinstance(item, Operand)
        and made.kernel.in_place
        and plan.offsets.get(item.buffer) == plan.offsets.get(result.buffer)
        and item.elements == result.elements
        and item.size_bytes >= result.size_bytes
    }


@given(programs())
def test_everything_is_still_there_when_it_is_read(program) -> None:
    calls, external = program
    plan = plan_memory(calls, external)
    assert not external & set(plan.offsets)
    memory = Memory(plan)
    begun: set[str] = set()
    for made in calls:
        read = [i for i in made.inputs if isinstance(i, Operand) and i.buffer not in external]
        if made.scratch_bytes:
            memory.write("scratch", plan.scratch[made.name], made.scratch_bytes)
        assert all(memory.holds(item) for item in read)
        for item in made.outputs:
            if item.buffer in begun:
                assert memory.holds(item)  # what other calls wrote there
            elif item.buffer not in external:
                memory.write(item.buffer, plan.offsets[item.buffer], item.size_bytes)
                begun.add(item.buffer)
        gone = overwritten(made, plan)
        assert all(memory.holds(item) for item in read if item.buffer not in gone)
        assert all(memory.holds(item) for item in made.outputs if item.buffer not in external)
        if made.scratch_bytes:
            place = plan.scratch[made.name]
            assert np.all(memory.owner[place : place + made.scratch_bytes] == "scratch")


@given(programs())
def test_plans_are_repeatable_and_not_below_the_bound(program) -> None:
    calls, external = program
    plan = plan_memory(calls, external)
    assert plan == plan_memory(calls, external)
    assert plan.arena_bytes >= plan.bound_bytes
    assert plan.arena_bytes <= sum(
        -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        for made in calls
        for size in (made.scratch_bytes, *(item.size_bytes for item in made.outputs))
    )


@pytest.mark.parametrize(("kernel", "size"), [(APART, 3 * 128), (IN_PLACE, 2 * 128)])
def test_a_chain_by_hand(kernel, size) -> None:
    # b and c read a, then d is written; in place, c takes the place of a and d that of c.
    a, b, c, d = (tensor(name, 100) for name in "abcd")
    fed = tensor("fed", 100)
    calls = [
        call("1", (fed,), (a,)),
        call("2", (a,), (b,)),
        call("3", (a,), (c,), kernel),
        call("4", (c, b), (d,), kernel),
    ]
    plan = plan_memory(calls, frozenset({"fed"}))
    assert (plan.arena_bytes, plan.bound_bytes) == (size, size)


def test_scratch_counts_while_it_is_used() -> None:
    a, b = tensor("a", 64), tensor("b", 64)
    calls = [call("1", (), (a,)), call("2", (a,), (b,), scratch=65)]
    plan = plan_memory(calls, frozenset())
    assert plan.bound_bytes == plan.arena_bytes == 64 + 64 + 128


def test_wider_outputs_and_those_that_are_read_again_are_no_replacement() -> None:
    a, b = tensor("a", 64), tensor("b", 64, DType.INT16)
    wide = plan_memory([call("1", (), (a,)), call("2", (a,), (b,), IN_PLACE)], frozenset())
    assert wide.arena_bytes == 64 + 128
    b, c = tensor("b", 64), tensor("c", 64)
    calls = [call("1", (), (a,)), call("2", (a,), (b,), IN_PLACE), call("3", (a, b), (c,))]
    assert plan_memory(calls, frozenset()).arena_bytes == 3 * 64


def test_nothing_at_all() -> None:
    plan = plan_memory([], frozenset())
    assert (plan.arena_bytes, plan.bound_bytes, dict(plan.offsets)) == (0, 0, {})


@pytest.mark.parametrize(
    ("shape", "order", "shared"),
    [
        ((1, 4, 4, 4), (0, 1, 2, 3), True),
        ((4, 4, 4), (0, 1, 2), True),
        ((4, 4, 4), (1, 2, 0), False),
        ((1, 4, 4, 4), (0, 2, 3, 1), False),
        ((1, 64, 1, 1), (0, 1, 2, 3), False),
    ],
)
def test_an_output_takes_the_place_of_an_input_that_lies_alike(
    shape: tuple[int, ...], order: tuple[int, ...], shared: bool
) -> None:
    x = Operand(buffer="x", dtype=DType.INT8, shape=shape, order=order)
    y = Operand(buffer="y", dtype=DType.INT8, shape=(1, 4, 4, 4), order=(0, 1, 2, 3))
    calls = [call("first", (), (x,)), call("second", (x,), (y,), IN_PLACE)]
    plan = plan_memory(calls, frozenset())
    assert (plan.offsets["x"] == plan.offsets["y"]) is shared
