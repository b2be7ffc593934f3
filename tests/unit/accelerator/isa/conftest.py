"""Codes of random fields, which say nothing that makes sense, and one that does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import IntEnum
from typing import Any, get_type_hints

import pytest
from hypothesis import strategies as st

from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.instructions import ENGINES, Instruction
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    Engine,
    Finish,
    Queue,
    Rounding,
    Space,
    ToFloat,
    ToInteger,
    View,
    Wait,
)
from toolchain.core.dtypes import DType

INTEGERS = st.one_of(st.integers(-300, 300), st.integers(-(2**63), 2**63 - 1))
FLOATS = st.floats()
TYPES = st.sampled_from([d for d in DType if d.bits >= 8 and d.value not in ("float16", "float64")])
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def views(draw: st.DrawFn) -> View:
    axes = draw(st.lists(st.tuples(st.integers(1, 300), st.integers(-5000, 5000)), max_size=8))
    return View(
        space=draw(st.sampled_from(Space)),
        core=draw(st.sampled_from((0, 0, 1, 2, EVERY_CORE))),
        offset=draw(st.integers(0, 2**40)),
        dtype=draw(TYPES),
        shape=tuple(extent for extent, _ in axes),
        strides=tuple(stride for _, stride in axes),
    )


TO_INTEGER = st.builds(
    ToInteger,
    rounding=st.sampled_from(Rounding),
    exact=st.booleans(),
    guard_bits=INTEGERS,
    zero_point=INTEGERS,
    low=INTEGERS,
    high=INTEGERS,
)
TO_FLOAT = st.builds(ToFloat, guard_bits=INTEGERS, low=FLOATS, high=FLOATS)
HINTS: dict[Any, st.SearchStrategy[Any]] = {
    View: views(),
    View | None: st.none() | views(),
    int: INTEGERS,
    float: FLOATS,
    bool: st.booleans(),
    tuple[int, ...]: st.lists(INTEGERS, max_size=8).map(tuple),
    ToInteger: TO_INTEGER,
    Finish: TO_INTEGER | TO_FLOAT,
}


@st.composite
def instructions(draw: st.DrawFn, record: type[Instruction], queues: list[Queue]) -> Instruction:
    hints = get_type_hints(record)
    found: dict[str, Any] = {}
    for at in fields(record):
        hint = hints[at.name]
        if at.name == "waits":
            one = st.builds(Wait, st.sampled_from(queues), INTEGERS)
            found[at.name] = tuple(draw(st.lists(one, max_size=3)))
        elif isinstance(hint, type) and issubclass(hint, IntEnum):
            found[at.name] = draw(st.sampled_from(hint))
        else:
            found[at.name] = draw(HINTS[hint])
    return record(**found)


@st.composite
def random_codes(draw: st.DrawFn) -> Code:
    one_queue = st.builds(Queue, st.integers(0, 2), st.sampled_from(Engine), st.integers(0, 3))
    queues = draw(st.lists(one_queue, unique=True, max_size=3))
    one = st.sampled_from(list(ENGINES)).flatmap(lambda record: instructions(record, queues))
    programs = {q: tuple(draw(st.lists(one, min_size=1, max_size=5))) for q in queues}
    probes = [
        Probe(
            queue=queue,
            index=draw(st.integers(0, len(programs[queue]) - 1)),
            tensor=draw(NAMES),
            starts=tuple(draw(st.lists(INTEGERS, max_size=8))),
            view=draw(views()),
        )
        for queue in draw(st.lists(st.sampled_from(queues), max_size=3) if queues else st.just([]))
    ]
    return Code(
        machine=draw(NAMES),
        operations=tuple(draw(st.lists(NAMES, max_size=3))),
        queues=programs,
        sizes=draw(st.dictionaries(st.sampled_from(Space), st.integers(0, 2**63 - 1))),
        probes=tuple(probes),
    )


@pytest.fixture(scope="session")
def codes() -> st.SearchStrategy[Code]:
    return random_codes()


@pytest.fixture(scope="session")
def shown() -> Callable[[Code], str]:
    """All that a code holds, as text: -0.0 is not 0.0 there, nan is nan."""

    def show(code: Code) -> str:
        parts = (code.machine, code.operations, dict(code.queues), dict(code.sizes), code.probes)
        return repr(parts)

    return show
