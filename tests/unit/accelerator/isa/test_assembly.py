"""Texts of codes: nothing is lost, and what says nothing is refused with its line."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.accelerator.isa.assembly import assemble, disassemble
from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.instructions import Combine, CombineKind, Copy
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    Engine,
    Queue,
    Rounding,
    Space,
    ToInteger,
    View,
    Wait,
)
from toolchain.core.dtypes import DType
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError

Show = Callable[[Code], str]

# Two rows of 3 bytes from the input, the second core's half of them added to itself.
TEXT = """
# Written by hand.
machine "toy-2"
size input 6
size memory 0x100
operation "load"
operation "a \\"sum\\""

queue 1.transfer.0
    copy target=memory.all+0x0:int8:2x3/4,1 source=input+0x0:int8:2x3
queue 1.tensor.2
    combine target=memory+0x40:uint8:3 a=memory+0x0:int8:3 b=memory+0x4:int8:3/-1 kind=sub \
b_zero=-5 a_factor=0.5 b_factor=1e-05 finish=half_up(0..255,zero_point=7,exact) operation=1 \
waits=1.transfer.0:1  # the first

probe 1.tensor.2 index=0 tensor="y" starts=1,0 view=memory+0x40:uint8:1x3/3,1
"""
TRANSFER, TENSOR = Queue(1, Engine.TRANSFER, 0), Queue(1, Engine.TENSOR, 2)


def view(space: Space, core: int, offset: int, shape: str, strides: str, dtype: str) -> View:
    return View(
        space=space,
        core=core,
        offset=offset,
        dtype=DType(dtype),
        shape=tuple(map(int, shape.split())),
        strides=tuple(map(int, strides.split())),
    )


WRITTEN = Code(
    machine="toy-2",
    operations=("load", 'a "sum"'),
    queues={
        TRANSFER: (
            Copy(
                operation=0,
                target=view(Space.MEMORY, EVERY_CORE, 0, "2 3", "4 1", "int8"),
                source=view(Space.INPUT, 0, 0, "2 3", "3 1", "int8"),
            ),
        ),
        TENSOR: (
            Combine(
                operation=1,
                waits=(Wait(TRANSFER, 1),),
                target=view(Space.MEMORY, 1, 64, "3", "1", "uint8"),
                a=view(Space.MEMORY, 1, 0, "3", "1", "int8"),
                b=view(Space.MEMORY, 1, 4, "3", "-1", "int8"),
                kind=CombineKind.SUB,
                a_zero=0,
                b_zero=-5,
                a_factor=0.5,
                b_factor=0.00001,
                finish=ToInteger(
                    rounding=Rounding.HALF_UP,
                    exact=True,
                    guard_bits=0,
                    zero_point=7,
                    low=0,
                    high=255,
                ),
            ),
        ),
    },
    sizes={Space.INPUT: 6, Space.MEMORY: 256},
    probes=(
        Probe(
            queue=TENSOR,
            index=0,
            tensor="y",
            starts=(1, 0),
            view=view(Space.MEMORY, 1, 64, "1 3", "3 1", "uint8"),
        ),
    ),
)


def test_what_is_written_by_hand_is_what_it_says(shown: Show) -> None:
    assert shown(assemble(TEXT)) == shown(WRITTEN)


def test_the_text_of_a_code_has_a_line_for_each_instruction_with_its_count() -> None:
    lines = [line for line in disassemble(WRITTEN).splitlines() if line.startswith("    ")]
    combine, copy = lines
    assert combine == (
        "    combine target=memory+0x40:uint8:3 a=memory+0x0:int8:3 b=memory+0x4:int8:3/-1 kind=sub"
        " b_zero=-5 a_factor=0.5 b_factor=1e-05 finish=half_up(0..255,zero_point=7,exact)"
        ' operation=1 waits=1.transfer.0:1  # 1 "a \\"sum\\""'
    )
    assert copy == (
        '    copy target=memory.all+0x0:int8:2x3/4,1 source=input+0x0:int8:2x3  # 1 "load"'
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(data=st.data())
def test_all_that_a_code_holds_comes_back(
    data: st.DataObject, codes: st.SearchStrategy[Code], shown: Show
) -> None:
    code = data.draw(codes)
    text = disassemble(code)
    assert shown(assemble(text)) == shown(code)
    assert disassemble(assemble(text)) == text


FIRST = 'machine "m"\nqueue 0.tensor.0\n'
FILL = "fill target=memory+0x0:int8:4 value=1"
SOFTMAX = (
    "softmax target=memory+0x0:int8:4 source=memory+0x0:int8:4 factor=1.0 "
    "exponentials=memory+0x0:int32:256 finish="
)


@pytest.mark.parametrize(
    ("line", "message", "allowed"),
    [
        ('machine "n"', "The line says nothing", "machine NAME"),
        ("fil target=memory+0x0:int8:4 value=1", "The line says nothing", "fill"),
        ("fill target=memory+0x0:int8:4", "A field is missing", "value="),
        ("fill value=1", "A field is missing", "target="),
        (f"{FILL} value=2", "A field is there twice", "once"),
        (f"{FILL} source=memory+0x0:int8:4", "There is no such field", "operation, waits, target"),
        (f"{FILL} waits=0.tensor.0", "An integer is expected", "64 bits"),
        (f"{FILL} waits=0.tensor:1", "A queue is expected", "0.tensor.0"),
        (f"{FILL} waits=255.tensor.0:1", "There is no such queue", "below 255"),
        (f"{FILL} waits=0.tensors.0:1", "There is no such engine", "convolution, tensor"),
        (f"{FILL} operation=0.5", "An integer is expected", "64 bits"),
        (f"{FILL} operation=9223372036854775808", "An integer is expected", "64 bits"),
        (f"{FILL} operation={'9' * 9000}", "An integer is expected", "64 bits"),
        ("fill target=memory:int8:4 value=1", "A view is expected", "memory+"),
        ("fill target=ram+0x0:int8:4 value=1", "There is no such memory", "constants, input"),
        ("fill target=memory.300+0x0:int8:4 value=1", "There is no such core", "all"),
        ("fill target=memory+0x0:int4:4 value=1", "There is no such type", "int8"),
        ("fill target=memory+0x0:int8:4x0 value=1", "Extents are expected", "positive"),
        (f"fill target=memory+0x0:int8:1{'x1' * 8} value=1", "Extents are expected", "at most 8"),
        ("fill target=memory+0x0:int8:4/1,1 value=1", "not as many", "1 strides"),
        (SOFTMAX + "half_even", "A finish is expected", "half_even("),
        (SOFTMAX + "half_odd(0..1)", "There is no such rounding", "half_even"),
        (SOFTMAX + "half_up(0..1,zero=1)", "A finish has no such part", "isa.md"),
        (SOFTMAX + "float(0.0..1.0)", "The instruction has no such finish", "integers"),
        (SOFTMAX.replace("1.0", "one") + "half_up(0..1)", "A number is expected", "0.5"),
        ('operation "a', "A quote has no end", "conv1"),
        ("operation conv1", "A name is expected", "quotes"),
        ('operation "\\ud800"', "A name is expected", "quotes"),
        ("size memory 1\nsize memory 2", "The memory has a size", "one"),
        (
            "probe 0.tensor.0 index=0 starts= view=memory+0x0:int8:4",
            "A field is missing",
            "tensor=",
        ),
        (
            "extreme target=memory+0x0:int8:4 source=memory+0x0:int8:4 axis=0 last=1",
            "A flag has no value",
            "last alone",
        ),
    ],
)
def test_what_says_nothing_is_refused_with_its_line(line: str, message: str, allowed: str) -> None:
    with pytest.raises(CompileError, match=message) as error:
        assemble(FIRST + line + "\n" + FILL)
    problem = error.value.problems[0]
    assert problem.code is ErrorCode.CODE_INVALID
    assert problem.where == f"line {3 + line.count(chr(10))}"
    assert allowed in (problem.allowed or "")
    assert len(str(problem)) < 600


def test_an_instruction_needs_a_queue_and_a_text_a_machine() -> None:
    with pytest.raises(CompileError, match="The queue is missing"):
        assemble('machine "m"\n' + FILL)
    with pytest.raises(CompileError, match="The machine is missing"):
        assemble("queue 0.tensor.0\n" + FILL)


def test_damaged_texts_give_the_one_error_or_another_code() -> None:
    source = random.Random(0)  # noqa: S311
    refused = 0
    for _ in range(2000):
        damaged = list(TEXT)
        for _ in range(source.randint(1, 4)):
            damaged[source.randrange(len(damaged))] = source.choice('0x:+.,="# ()-e\\\n\x00é²')
        try:
            assemble("".join(damaged))
        except CompileError as error:
            assert error.code is ErrorCode.CODE_INVALID  # noqa: PT017
            refused += 1
    assert refused > 1000
