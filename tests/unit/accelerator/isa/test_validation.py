"""Every rule is broken once, on a machine of 2 cores with 4096 bytes each; all else is right."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from toolchain.accelerator.isa.assembly import assemble
from toolchain.accelerator.isa.encoding import decode, encode
from toolchain.accelerator.isa.instructions import Fill
from toolchain.accelerator.isa.operands import Engine, Queue, Space, View
from toolchain.accelerator.isa.validation import MOST_SHOWN, check_code, code_findings
from toolchain.core.dtypes import DType
from toolchain.core.machine import DepthwiseArray, Interconnect, Machine
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError

HEAD = """machine "toy-2"
size constants 4096
size input 64
size output 64
size work 64
size memory 4096
size weights 1024
size shared 8192
operation "a"
"""
TO_8, TO_16 = "finish=half_even(-128..127)", "finish=half_up(-9..9,zero_point=3)"
M = "memory+0x"

COPY = f"copy target={M}0:int8:4x4 source=input+0x10:uint8:4x4/0,1"
CONVOLVE = (
    f"convolve target={M}0:int8:1x2x2x4 source={M}100:uint8:1x4x4x2 "
    "weights=weights+0x0:int8:4x3x3x1 "
    f"weight_zero={M}200:int32:4 bias={M}210:int32:4 factor={M}220:float32:4/0 "
    "source_zero=255 strides=1,1 dilations=1,1 pads=-1,1 groups=2 "
    "finish=half_up(0..127,guard_bits=16)"
)
BLOCKED = (
    f"blockedconvolve target={M}0:int8:1x2x2x4 source={M}100:uint8:1x4x4x6 "
    "weights=weights+0x0:int8:4x3x1x3 "
    f"weight_zero={M}200:int32:4x3x1x2 bias={M}2c0:float32:4 factor={M}300:float32:4x3x1x2 "
    "source_zero=255 strides=1,1 dilations=1,1 pads=-1,1 groups=2 block=2 "
    "finish=half_up(0..127)"
)
MULTIPLY = (
    f"multiply target={M}0:float32:2x3x4 a={M}100:int16:2x3x5 b=shared+0x0:int8:2x5x4 "
    f"factor={M}200:float32:4 finish=float(-1.5..inf)"
)
POOL = (
    f"pool target={M}0:int8:1x2x2x4 source={M}100:int8:1x4x4x4 kind=average kernel=3,2 strides=2,2 "
    f"dilations=1,1 pads=1,0,0,0 count_padding source_zero=-3 factor=0.5 {TO_8}"
)
COMBINE = (
    f"combine target={M}0:int8:2x3 a={M}40:uint8:2x3 b={M}80:int16:2x3/0,0 kind=sub "
    f"b_zero=-300 a_factor=0.5 b_factor=0.25 {TO_8}"
)
LOOKUP = f"lookup target={M}0:int16:2x3 source={M}40:int8:2x3 table={M}100:int16:3x256"
SCALE = (
    f"scale target={M}0:int8:2x3 source={M}40:int32:2x3 negative={M}100:float32:2x3 "
    f"source_zero=1000 factor=0.5 {TO_8}"
)
REDUCE = f"reduce target={M}0:int8:2x1 source={M}40:int8:2x3 kind=sum factor=0.5 {TO_8}"
EXTREME = f"extreme target={M}0:int64:2x1 source={M}40:int8:2x3 axis=1 smallest"
SOFTMAX = (
    f"softmax target={M}0:int8:2x3 source={M}40:int16:2x3 exponentials={M}100:int32:256 "
    f"low={M}500:int32:256 factor=0.5 {TO_8}"
)
NORMALIZE = (
    f"normalize target={M}0:int16:2x3 source={M}40:int8:2x3 gain={M}100:float32:2x3/0,4 "
    f"offset={M}200:float32:2x3 centred epsilon=1e-05 {TO_16}"
)
BLEND = (
    f"blend target={M}0:int8:1x4x2x3 source={M}40:int8:1x2x2x3 row_low={M}100:int32:4 "
    f"row_high={M}110:int32:4 row_weights={M}120:float32:4 column_low={M}130:int32:2 "
    f"column_high={M}140:int32:2 column_weights={M}150:float32:2 factor=0.5 {TO_8}"
)
GATHER = f"gather target={M}0:int16:2x5 source={M}40:int16:2x3 indices={M}80:int32:5 axis=1"
FILL = f"fill target={M}0:uint8:4 value=255"

TRANSFER, CONVOLUTION, TENSOR, REARRANGEMENT = (
    "1.transfer.0",
    "1.convolution.1",
    "1.tensor.2",
    "0.rearrangement.0",
)


@pytest.fixture
def linked(toy: Machine) -> Machine:
    return replace(toy, interconnect=Interconnect(bytes_per_cycle=2))


def found(text: str, machine: Machine) -> list[tuple[str, str, str]]:
    code = assemble(text)
    return [(where, str(got), allowed) for where, got, allowed in code_findings(code, machine)]


def of(queue: str, line: str) -> str:
    return f"{HEAD}queue {queue}\n{line}\n"


@pytest.mark.parametrize(
    ("queue", "line"),
    [
        (TRANSFER, COPY),
        (TRANSFER, COPY.replace(M, "memory.all+0x")),
        (TRANSFER, COPY.replace(M, "memory.0+0x")),
        (TRANSFER, "copy target=shared+0x0:int8:4x4 source=memory.0+0x0:int8:4x4"),
        (TRANSFER, "copy target=work+0x8:int64:2/-8 source=memory+0x8:int64:2"),
        (TRANSFER, FILL),
        (REARRANGEMENT, f"copy target={M}0:int8:4x4/1,4 source={M}40:bool:4x4"),
        (REARRANGEMENT, GATHER),
        (TENSOR, GATHER),
        (TENSOR, FILL),
        (TENSOR, f"fill target={M}0:bool:scalar value=1"),
        (CONVOLUTION, CONVOLVE),
        (CONVOLUTION, MULTIPLY),
        (CONVOLUTION, BLOCKED),
        (TENSOR, POOL),
        (TENSOR, COMBINE),
        (TENSOR, LOOKUP),
        (TENSOR, LOOKUP.replace("3x256", "256")),
        (TENSOR, SCALE),
        (TENSOR, REDUCE),
        (TENSOR, EXTREME),
        (TENSOR, SOFTMAX),
        (TENSOR, NORMALIZE),
        (TENSOR, BLEND),
    ],
)
def test_what_keeps_the_rules_is_accepted(queue: str, line: str, linked: Machine) -> None:
    assert found(of(queue, line), linked) == []


BROKEN = [
    # Views
    (TENSOR, FILL, ("uint8:4", "uint8:4097"), "target", "bytes 0 to 4097", "0 to 4096"),
    (TENSOR, FILL, ("uint8:4", "uint8:4/-1"), "target", "bytes -3 to 1", "0 to 4096"),
    (TENSOR, FILL, ("0:uint8", "1:int16"), "target", "offset 1, strides (2,)", "multiples of 2"),
    (TENSOR, FILL, ("uint8:4", "int16:4/3"), "target", "offset 0, strides (3,)", "multiples of 2"),
    (TENSOR, FILL, ("uint8:4", "uint8:4/0"), "target", "strides (0,)", "no stride of 0"),
    (TENSOR, FILL, ("uint8:4", "uint8:2x4/3,1"), "target", "(2, 4), strides", "not overlap"),
    (TENSOR, FILL, ("uint8:4", "uint8:2x2/1,1"), "target", "(2, 2), strides", "not overlap"),
    # Who reaches what
    (TENSOR, FILL, (M, "work+0x"), "target", "work", "only a copy on a transfer engine"),
    (TRANSFER, FILL, (M, "work+0x"), "target", "work", "only a copy on a transfer engine"),
    (REARRANGEMENT, COPY, ("", ""), "source", "input", "only a copy on a transfer engine"),
    (TRANSFER, COPY, (M, "input+0x"), "target", "input", "not read only"),
    (TRANSFER, COPY, (M, "constants+0x"), "target", "constants", "not read only"),
    (TRANSFER, COPY, (M, "memory.2+0x"), "target", "memory of core 2", "2 cores"),
    (TRANSFER, COPY, ("input", "memory.2"), "source", "memory of core 2", "2 cores"),
    (TRANSFER, COPY, ("input", "memory.all"), "source", "memory of core 255", "2 cores"),
    (TRANSFER, COPY, ("input", "input.1"), "source", "input of core 1", "share"),
    (TENSOR, SCALE, ("source=memory", "source=memory.0"), "source", "memory of core 0", "core 1"),
    (TENSOR, FILL, (M, "memory.all+0x"), "target", "memory of core 255", "that of core 1"),
    # Engines
    (CONVOLUTION, FILL, ("", ""), "queue", "convolution", "transfer, rearrangement, tensor"),
    (REARRANGEMENT, REDUCE, ("", ""), "queue", "rearrangement", "tensor"),
    # Waits and operations
    (TENSOR, FILL, ("value", f"waits={TENSOR}:1 value"), "waits", TENSOR, "another queue"),
    (TENSOR, FILL, ("value", "waits=0.tensor.0:1 value"), "waits", "0.tensor.0:1", "1 to 0"),
    (TENSOR, FILL, ("value", "operation=1 value"), "operation", "1", "one of 1"),
    (TENSOR, FILL, ("value", "operation=-1 value"), "operation", "-1", "one of 1"),
    # Copies
    (TRANSFER, COPY, ("uint8:4x4", "uint8:4x3"), "source", "4 x 3", "4 x 4"),
    (TRANSFER, COPY, ("uint8:4x4/0,1", "int16:4x4/0,2"), "source", "int16", "of 1 bytes"),
    (TENSOR, FILL, ("255", "256"), "value", "256", "0 to 255"),
    (TENSOR, FILL, ("uint8:4", "bool:4"), "value", "255", "0 or 1"),
    (TENSOR, FILL.replace("uint8", "float32"), ("=255", "=0x1000001"), "value", "16777217", "32"),
    (TENSOR, GATHER, ("int16:2x5", "int8:2x5"), "target", "int8", "int16"),
    (TENSOR, GATHER, ("int16:2x5", "int16:2x4"), "target", "2 x 4", "2 x 5"),
    (TENSOR, GATHER, ("axis=1", "axis=2"), "axis", "2", "an axis of 2"),
    (TENSOR, GATHER, ("int32:5", "int32:1x5"), "indices", "1 x 5", "1 axes"),
    (TENSOR, GATHER, ("int32:5", "int64:5"), "indices", "int64", "int32"),
    # Products
    (CONVOLUTION, CONVOLVE, ("uint8:1x4x4x2", "bool:1x4x4x2"), "source", "bool", "uint16"),
    (CONVOLUTION, CONVOLVE, ("uint8:1x4x4x2", "uint8:4x4x2"), "source", "4 x 4 x 2", "4 axes"),
    (CONVOLUTION, CONVOLVE, ("int8:1x2x2x4", "int8:2x2x2x4"), "target", "2 x 2 x 2", "1 x 2 x 2"),
    (CONVOLUTION, CONVOLVE, ("int8:1x2x2x4", "int8:1x2x2x3"), "target", "2 x 3", "2 x 2 x 4"),
    (CONVOLUTION, CONVOLVE, ("groups=2", "groups=3"), "groups", "3", "divisor of the 4"),
    (CONVOLUTION, CONVOLVE, ("groups=2", "groups=0"), "groups", "0", "divisor of the 4"),
    (CONVOLUTION, CONVOLVE, ("groups=2", "groups=1"), "weights", "1 channels in each of 1", "2 in"),
    (CONVOLUTION, CONVOLVE, ("200:int32:4", "200:int32:3"), "weight_zero", "3", "4"),
    (CONVOLUTION, CONVOLVE, ("210:int32:4", "210:int32:5"), "bias", "5", "4"),
    (CONVOLUTION, CONVOLVE, ("float32:4/0", "float32:1"), "factor", "1", "4"),
    (CONVOLUTION, CONVOLVE, ("zero=255", "zero=256"), "source_zero", "256", "0 to 255, for uint8"),
    (CONVOLUTION, CONVOLVE, ("strides=1,1", "strides=1,0"), "strides", "1, 0", "2 numbers from 1"),
    (CONVOLUTION, CONVOLVE, ("strides=1,1", "strides=1"), "strides", "1", "2 numbers from 1"),
    (CONVOLUTION, CONVOLVE, ("dilations=1,1", "dilations=0,1"), "dilations", "0, 1", "2 numbers"),
    (
        CONVOLUTION,
        CONVOLVE,
        ("pads=-1,1", "pads=0,0,0,0"),
        "pads",
        "0, 0, 0, 0",
        "2 numbers from -2",
    ),
    (CONVOLUTION, CONVOLVE, ("bits=16", "bits=17"), "finish.guard_bits", "17", "0 to 16"),
    (CONVOLUTION, BLOCKED, ("block=2", "block=0"), "block", "0", "1 to the 3 channels"),
    (CONVOLUTION, BLOCKED, ("block=2", "block=4"), "block", "4", "1 to the 3 channels"),
    (CONVOLUTION, BLOCKED, ("300:float32:4x3x1x2", "300:float32:4x3x1x1"), "factor", "", "x 2"),
    (CONVOLUTION, BLOCKED, ("200:int32:4x3x1x2", "200:int32:4x1x1x2"), "weight_zero", "", "x 2"),
    (CONVOLUTION, BLOCKED, ("2c0:float32:4", "2c0:float32:3"), "bias", "3", "4"),
    (CONVOLUTION, BLOCKED, ("1x4x4x6", "1x4x4x4"), "weights", "3 channels in each", "4 in all"),
    (CONVOLUTION, BLOCKED, ("127)", "127,exact)"), "finish.exact", "True", "false"),
    (CONVOLUTION, BLOCKED, ("127)", "127,guard_bits=1)"), "finish.guard_bits", "1", "0 to 0"),
    (CONVOLUTION, MULTIPLY, ("2x5x4", "2x6x4"), "b", "2 x 6 x 4", "2 x 5 x 4"),
    (CONVOLUTION, MULTIPLY, ("2x3x4", "2x4x4"), "target", "2 x 4 x 4", "2 x 3 x 4"),
    (CONVOLUTION, MULTIPLY, ("float32:4", "float32:3"), "factor", "3", "4"),
    # Finishes
    (CONVOLUTION, MULTIPLY, ("0:float32", "0:int8"), "finish", "ToFloat", "ToInteger for integers"),
    (CONVOLUTION, MULTIPLY, ("-1.5..inf", "nan..inf"), "finish.low", "nan", "at most high"),
    (CONVOLUTION, MULTIPLY, ("-1.5..inf", "-1.1..inf"), "finish.low", "-1.1", "float32"),
    (TENSOR, SCALE, ("-128..127", "5..4"), "finish.low", "5", "at most high, 4"),
    (TENSOR, SCALE, ("-128..127", "-129..127"), "finish.low", "-129", "-128 to 127"),
    (TENSOR, SCALE, ("-128..127", "-128..128"), "finish.high", "128", "-128 to 127"),
    (TENSOR, SCALE, ("127)", "127,zero_point=128)"), "finish.zero_point", "128", "-128 to 127"),
    (TENSOR, SCALE, ("127)", "127,guard_bits=1)"), "finish.guard_bits", "1", "0 to 0"),
    (TENSOR, SOFTMAX, ("127)", "127,exact)"), "finish.exact", "True", "false"),
    (TENSOR, SCALE, ("factor=0.5", "factor=0.1"), "factor", "0.1", "float32"),
    (TENSOR, SCALE, ("factor=0.5", "factor=inf"), "factor", "inf", "finite"),
    (TENSOR, SCALE, ("factor=0.5", "factor=1e300"), "factor", "1e+300", "float32"),
    (TENSOR, SCALE, ("factor=0.5", "factor=3.4028235e+38"), "factor", "3.4028235e+38", "float32"),
    # Windows
    (TENSOR, POOL, ("0:int8:1x2x2x4", f"0:int8:1x{1 << 60}x2x4/1,0,4,1"), "target", "", "stride"),
    (TENSOR, POOL, ("1x4x4x4", "1x4x4x3"), "target", "1 x 2 x 2 x 4", "1 x 2 x 2 x 3"),
    (TENSOR, POOL, ("pads=1,0,0,0", "pads=1,0"), "pads", "1, 0", "4 numbers from 0"),
    (TENSOR, POOL, ("pads=1,", "pads=-1,"), "pads", "-1, 0, 0, 0", "4 numbers from 0"),
    (TENSOR, POOL, ("int8:1x2x2x4", "int8:1x4x2x4"), "target", "window 3 of the height", "each"),
    (TENSOR, POOL, ("int8:1x2x2x4", "int8:1x2x3x4"), "target", "window 2 of the width", "each"),
    # Elements
    (TENSOR, COMBINE, ("uint8:2x3", "uint8:3x2"), "a", "3 x 2", "2 x 3"),
    (TENSOR, COMBINE, ("int16:2x3/0,0", "int16:2"), "b", "2", "2 x 3"),
    (TENSOR, COMBINE, ("b_zero=-300", "b_zero=40000"), "b_zero", "40000", "for int16"),
    (TENSOR, COMBINE, ("40:uint8", "40:bool"), "a", "bool", "uint16"),
    (TENSOR, LOOKUP, ("int8:2x3", "int8:3x3"), "source", "3 x 3", "2 x 3"),
    (TENSOR, LOOKUP, ("int8:2x3", "int16:2x3"), "table", "3 x 256", "65536"),
    (TENSOR, LOOKUP, ("int8:2x3", "int32:2x3"), "source", "int32", "int8, uint8"),
    (TENSOR, LOOKUP, ("int16:3x256", "int8:3x256"), "table", "int8", "int16"),
    (TENSOR, LOOKUP, ("3x256", "2x256"), "table", "2 x 256", "256 or 3 x 256"),
    (TENSOR, SCALE, ("int32:2x3", "int32:2x4"), "source", "2 x 4", "2 x 3"),
    (TENSOR, SCALE, ("float32:2x3", "float32:3"), "negative", "3", "2 x 3"),
    (TENSOR, REDUCE, ("int8:2x1", "int8:1x2"), "target", "1 x 2", "each 1 or as in 2 x 3"),
    (TENSOR, REDUCE, ("int8:2x1", "int8:2"), "target", "2", "each 1 or as in 2 x 3"),
    (TENSOR, EXTREME, ("int64:2x1", "int64:1x3"), "target", "1 x 3", "2 x 1"),
    (TENSOR, EXTREME, ("int64:2x1", "int32:2x1"), "target", "int32", "int64"),
    (TENSOR, EXTREME, ("axis=1", "axis=-1"), "axis", "-1", "an axis of 2"),
    (TENSOR, SOFTMAX, ("int16:2x3", "int8:2x3"), "low", "a table", "none for those of 8"),
    (TENSOR, SOFTMAX, (f"low={M}500:int32:256", ""), "low", "none", "16 bits"),
    (TENSOR, SOFTMAX, ("100:int32:256", "100:int32:255"), "exponentials", "255", "256"),
    (TENSOR, SOFTMAX, ("int16:2x3", "int16:3x2"), "source", "3 x 2", "2 x 3"),
    (TENSOR, NORMALIZE, ("float32:2x3/0,4", "float32:1x3"), "gain", "1 x 3", "2 x 3"),
    (TENSOR, NORMALIZE, ("200:float32:2x3", "200:float32:3x2"), "offset", "3 x 2", "2 x 3"),
    (TENSOR, NORMALIZE, ("1e-05", "-1.0"), "epsilon", "-1.0", "at least 0"),
    (TENSOR, NORMALIZE, ("1e-05", "inf"), "epsilon", "inf", "a float64 number"),
    (TENSOR, BLEND, ("1x2x2x3", "1x2x2x4"), "target", "1 x 4 x 2 x 3", "1 x 4 x 2 x 4"),
    (TENSOR, BLEND, ("110:int32:4", "110:int32:2"), "row_high", "2", "4"),
    (TENSOR, BLEND, ("150:float32:2", "150:float32:4"), "column_weights", "4", "2"),
]


@pytest.mark.parametrize(("queue", "line", "change", "field", "got", "allowed"), BROKEN)
def test_what_breaks_a_rule_is_named(
    queue: str,
    line: str,
    change: tuple[str, str],
    field: str,
    got: str,
    allowed: str,
    linked: Machine,
) -> None:
    before, after = change
    assert before in line
    findings = found(of(queue, line.replace(before, after, 1)), linked)
    name = line.split(maxsplit=1)[0]
    first = next(f for f in findings if f[0] == f"{queue}[0] {name}.{field}")
    assert got in first[1]
    assert allowed in first[2]
    assert len(findings) == 1


def test_maxima_keep_the_type(linked: Machine) -> None:
    other = "target=memory+0x0:uint8"
    for line in (
        POOL.replace("average", "max"),
        REDUCE.replace("sum", "max"),
    ):
        assert found(of(TENSOR, line), linked) == []
        text = line.replace("target=memory+0x0:int8", other).replace("-128..127", "0..127")
        ((where, got, allowed),) = found(of(TENSOR, text), linked)
        assert where.endswith("target")
        assert (got, allowed) == ("uint8", "int8")


def test_a_window_of_padding_alone_counts_for_an_average_only(linked: Machine) -> None:
    # Height 4 with 3 before and a kernel of 3: the first window is rows -3 to -1.
    line = POOL.replace("pads=1,0,0,0", "pads=3,0,0,0")
    assert found(of(TENSOR, line), linked) == []
    for other in (line.replace("count_padding ", ""), line.replace("average", "max")):
        ((_, got, _),) = found(of(TENSOR, other), linked)
        assert got == "window 0 of the height is empty"
    # Steps of 5 from row -1 on over 4 rows: no row is hit.
    wide = POOL.replace("dilations=1,1", "dilations=5,1").replace("count_padding ", "")
    ((_, got, _),) = found(of(TENSOR, wide), linked)
    assert got == "window 0 of the height is empty"


def test_convolutions_on_a_tensor_engine_are_depthwise(linked: Machine) -> None:
    text = of(TENSOR, CONVOLVE)
    ((where, _, allowed),) = found(text, linked)
    assert where == "1.tensor.2[0] convolve.queue"
    assert "no array" in allowed
    tensor = replace(linked.tensor, depthwise=DepthwiseArray(pixels=1, channels=1))
    machine = replace(linked, tensor=tensor)
    assert found(text, machine) == []
    full = CONVOLVE.replace("4x3x3x1", "4x3x3x2").replace("groups=2", "groups=1")
    ((where, got, allowed),) = found(of(TENSOR, full), machine)
    assert (where, got) == ("1.tensor.2[0] convolve.weights", "groups of (2,) channels")


def test_products_have_widths_that_the_array_has_passes_for(linked: Machine) -> None:
    narrow = replace(linked, convolution=replace(linked.convolution, passes={8: 1}))
    ((where, got, allowed),) = found(of(CONVOLUTION, MULTIPLY), narrow)
    assert (where, got) == ("1.convolution.1[0] multiply.queue", "operands of 16 bits")
    assert allowed == "8 bits on this machine"


def test_transfers_reach_other_cores_where_there_is_a_way(linked: Machine) -> None:
    apart = replace(linked, interconnect=None)
    for core in ("0", "all"):
        text = of(TRANSFER, COPY.replace(M, f"memory.{core}+0x"))
        assert found(text, linked) == []
        ((where, _, allowed),) = found(text, apart)
        assert where == f"{TRANSFER}[0] copy.target"
        assert allowed == "that of core 1: no way between cores"
    alone = replace(apart, cores=1)
    assert found(of("0.transfer.0", COPY.replace(M, "memory.all+0x")), alone) == []


@pytest.mark.parametrize(
    ("change", "where", "got", "allowed"),
    [
        (('"toy-2"', '"toy-3"'), "machine", "toy-3", "toy-2"),
        (("memory 4096", "memory 4097"), "size memory", "4097", "0 to 4096"),
        (("shared 8192", "shared -1"), "size shared", "-1", "0 to 8192"),
        (("work 64", "work -1"), "size work", "-1", "0 to 4294967296"),
        (("work 64", "work 0x100000001"), "size work", "4294967297", "0 to 4294967296"),
        ((TENSOR, "2.tensor.0"), "queue 2.tensor.0", "no such", "2 cores with 3 tensor engines"),
        ((TENSOR, "0.tensor.3"), "queue 0.tensor.3", "no such", "2 cores with 3 tensor engines"),
    ],
)
def test_memories_and_queues_are_those_of_the_machine(
    change: tuple[str, str], where: str, got: str, allowed: str, linked: Machine
) -> None:
    ((found_where, found_got, found_allowed),) = found(of(TENSOR, FILL).replace(*change), linked)
    assert found_where == where
    assert got in found_got
    assert allowed in found_allowed


def test_what_a_machine_lacks_cannot_be_used(linked: Machine) -> None:
    plain = replace(linked, weight_buffer=None, shared_memory=None, rearrangement=None)
    findings = found(of(REARRANGEMENT, FILL), plain)
    assert [where for where, _, _ in findings] == [
        "size weights",
        "size shared",
        f"queue {REARRANGEMENT}",
    ]
    without = of(TENSOR, FILL).replace("size memory 4096\n", "")
    ((where, got, allowed),) = found(without, linked)
    assert (where, got) == ("1.tensor.2[0] fill.target", "memory")
    assert "constants" in allowed


@pytest.mark.parametrize(
    ("probe", "field", "got"),
    [
        (f"{TENSOR} index=1 starts=0 view={M}0:int8:4", "index", f"{TENSOR}[1]"),
        (f"0.tensor.0 index=0 starts=0 view={M}0:int8:4", "index", "0.tensor.0[0]"),
        (f"{TENSOR} index=0 starts=0,0 view={M}0:int8:4", "starts", "(0, 0)"),
        (f"{TENSOR} index=0 starts=-1 view={M}0:int8:4", "starts", "(-1,)"),
        (f"{TENSOR} index=0 starts=0 view={M}ffd:int8:4", "view", "bytes 4093 to 4097"),
    ],
)
def test_probes_are_on_what_there_is(probe: str, field: str, got: str, linked: Machine) -> None:
    text = of(TENSOR, FILL) + f'probe {probe} tensor="x"\n'
    ((where, found_got, _),) = found(text, linked)
    assert (where, found_got) == (f"probe 0.{field}", got)


def test_what_no_text_can_say_is_found_too(linked: Machine) -> None:
    """Views that code makes by itself."""
    code = assemble(of(TENSOR, FILL))
    for dtype, shape, strides, got in (
        (DType.INT4, (4,), (1,), "int4"),
        (DType.INT8, (1,) * 9, (1,) * 9, "9 extents, 9 strides"),
        (DType.INT8, (4, 4), (1,), "2 extents, 1 strides"),
        (DType.INT8, (4, 0), (1, 1), "(4, 0)"),
    ):
        view = View(space=Space.MEMORY, core=1, offset=0, dtype=dtype, shape=shape, strides=strides)
        queues = {Queue(1, Engine.TENSOR, 2): (Fill(operation=0, target=view, value=1),)}
        ((where, found_got, _),) = code_findings(replace(code, queues=queues), linked)
        assert (where, str(found_got)) == ("1.tensor.2[0] fill.target", got)


def test_the_error_names_the_first_findings(linked: Machine) -> None:
    check_code(assemble(of(TENSOR, FILL)), linked)
    wrong = FILL.replace("255", "256")
    lines = [FILL, *[wrong] * (MOST_SHOWN + 5)]
    with pytest.raises(CompileError, match="cannot execute") as error:
        check_code(assemble(of(TENSOR, "\n".join(lines))), linked)
    problems = error.value.problems
    assert len(problems) == MOST_SHOWN
    assert problems[0].code is ErrorCode.CODE_INVALID
    assert problems[0].where == "1.tensor.2[1] fill.value"
    assert (problems[0].got, problems[0].allowed) == ("256", "0 to 255, for uint8")


def test_damaged_codes_have_findings_or_none(linked: Machine) -> None:
    """Whatever a reader lets through can be checked: nothing is raised, and soon."""
    lines = (CONVOLVE, MULTIPLY), (POOL, COMBINE, LOOKUP, SCALE, REDUCE, EXTREME, SOFTMAX, BLEND)
    queues = zip((CONVOLUTION, TENSOR), lines, strict=True)
    text = "".join(f"queue {queue}\n" + "\n".join(some) + "\n" for queue, some in queues)
    data = encode(assemble(f"{HEAD}{text}queue {TRANSFER}\n{COPY}\n"))
    assert list(code_findings(decode(data), linked)) == []
    source = random.Random(0)  # noqa: S311
    start, checked, broken = time.process_time(), 0, 0
    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(source.randint(1, 3)):
            damaged[source.randrange(len(data))] ^= 1 << source.randrange(8)
        try:
            code = decode(bytes(damaged))
        except CompileError:
            continue
        checked += 1
        broken += any(True for _ in code_findings(code, linked))
    assert broken > checked // 4 > 50
    assert time.process_time() - start < 20
