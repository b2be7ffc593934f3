"""Bytes of codes: nothing is lost, little is used, and damaged ones are refused."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.encoding import decode, encode
from toolchain.accelerator.isa.instructions import Combine, CombineKind, Convolve, Copy, Fill
from toolchain.accelerator.isa.operands import (
    Engine,
    Queue,
    Rounding,
    Space,
    ToFloat,
    ToInteger,
    View,
    Wait,
)
from toolchain.core.dtypes import DType
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError

Show = Callable[[Code], str]
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)

TRANSFER = Queue(0, Engine.TRANSFER, 0)
CONVOLUTION = Queue(0, Engine.CONVOLUTION, 0)


def dense(space: Space, offset: int, *shape: int, dtype: DType = DType.INT8, core: int = 0) -> View:
    strides, step = [], dtype.numpy.itemsize
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return View(
        space=space,
        core=core,
        offset=offset,
        dtype=dtype,
        shape=shape,
        strides=tuple(reversed(strides)),
    )


def one(instruction: Fill | Copy, **others: object) -> Code:
    found = {"machine": "m", "operations": (), "queues": {TRANSFER: (instruction,)}, "sizes": {}}
    return Code(**{**found, **others})  # type: ignore[arg-type]


FILL = Fill(operation=2, target=dense(Space.MEMORY, 64, 2, 3), value=-1)


def tiles(count: int, layers: int = 20, cores: int = 1) -> Code:
    """What compiled models look like: tiles that are fetched and convolved, two at a time."""
    queues: dict[Queue, list[Copy | Convolve]] = {}
    for n in range(count):
        layer, core = n * layers // count, n % cores
        fetch, conv = Queue(core, Engine.TRANSFER, 0), Queue(core, Engine.CONVOLUTION, 0)
        moves, products = queues.setdefault(fetch, []), queues.setdefault(conv, [])
        channels = 16 + layer
        source = dense(Space.MEMORY, n % 2 * 4096, 1, 8, 16, channels, core=core)
        before = (Wait(conv, len(products) - 1),) if len(products) > 1 else ()
        moves.append(
            Copy(
                operation=layer,
                waits=before,
                target=source,
                source=dense(Space.WORK, n * 2048, 1, 8, 16, channels),
            )
        )
        products.append(
            Convolve(
                operation=layer,
                waits=(Wait(fetch, len(moves)),),
                target=dense(Space.MEMORY, 8192 + n * 2048, 1, 8, 16, channels, core=core),
                source=source,
                weights=dense(Space.MEMORY, layer * 4096, channels, 3, 3, channels, core=core),
                weight_zero=None,
                bias=dense(Space.MEMORY, layer * 64, channels, dtype=DType.INT32, core=core),
                factor=dense(Space.MEMORY, layer * 128, channels, dtype=DType.FLOAT32, core=core),
                source_zero=layer,
                strides=(1, 1),
                dilations=(1, 1),
                pads=(1, 1),
                groups=1,
                finish=ToInteger(
                    rounding=Rounding.HALF_EVEN,
                    exact=False,
                    guard_bits=0,
                    zero_point=layer,
                    low=-128,
                    high=127,
                ),
            )
        )
    return Code(
        machine="m",
        operations=tuple(f"layer{i}" for i in range(layers)),
        queues={queue: tuple(found) for queue, found in queues.items()},
        sizes={Space.MEMORY: 1 << 20, Space.WORK: 1 << 30},
    )


@SLOW
@given(data=st.data())
def test_all_that_a_code_holds_comes_back(
    data: st.DataObject, codes: st.SearchStrategy[Code], shown: Show
) -> None:
    code = data.draw(codes)
    assert shown(decode(encode(code))) == shown(code)


def test_equal_codes_have_equal_bytes_whatever_the_order_of_their_mappings() -> None:
    a = {TRANSFER: (FILL,), CONVOLUTION: (FILL,)}
    b = dict(reversed(a.items()))
    assert encode(one(FILL, queues=a)) == encode(one(FILL, queues=b))


def test_a_tile_takes_few_bytes() -> None:
    small, large = (len(encode(tiles(n))) / (2 * n) for n in (100, 2000))
    # 5 instructions of each of 20 layers; 100 of each. An instruction in full has some 150 bytes.
    assert small < 40
    assert large < 16


def test_further_cores_share_the_forms_of_the_first() -> None:
    assert len(encode(tiles(600, cores=3))) < 1.1 * len(encode(tiles(600)))


def test_5000_instructions_are_read_within_a_second() -> None:
    data = encode(tiles(2500))
    start = time.process_time()
    decode(data)
    assert time.process_time() - start < 1


def filled(**others: object) -> Code:
    return one(replace(FILL, target=replace(FILL.target, **others)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (filled(offset=-1), "before its memory"),
        (filled(strides=(1,)), "A view is none"),
        (filled(shape=(2, 0)), "A view is none"),
        (filled(dtype=DType.FLOAT16), "A view is none"),
        (filled(shape=(1,) * 9, strides=(1,) * 9), "too long"),
        (one(FILL, machine="\ud800"), "no text"),
        (one(Fill(operation=0, target=FILL.target, value=1 << 64)), "does not fit"),
        (
            one(Fill(operation=0, target=FILL.target, value=0, waits=(Wait(CONVOLUTION, 1),))),
            "a queue without any",
        ),
        (
            one(
                FILL,
                probes=(Probe(queue=TRANSFER, index=1, tensor="x", starts=(0,), view=FILL.target),),
            ),
            "an instruction that there is not",
        ),
    ],
)
def test_what_no_bytes_can_say_is_refused(code: Code, message: str) -> None:
    with pytest.raises(CompileError, match=message) as error:
        encode(code)
    assert error.value.code is ErrorCode.CODE_INVALID


WHOLE = encode(
    Code(
        machine="m",
        operations=("a", "b"),
        queues={
            **tiles(6, layers=2, cores=2).queues,
            Queue(0, Engine.TENSOR, 0): (
                Combine(
                    operation=1,
                    target=FILL.target,
                    a=FILL.target,
                    b=FILL.target,
                    kind=CombineKind.SUB,
                    a_zero=1,
                    b_zero=2,
                    a_factor=0.5,
                    b_factor=0.25,
                    finish=ToInteger(
                        rounding=Rounding.HALF_UP,
                        exact=True,
                        guard_bits=0,
                        zero_point=0,
                        low=0,
                        high=9,
                    ),
                ),
            ),
        },
        sizes={Space.MEMORY: 4096, Space.WORK: 100},
        probes=(Probe(queue=TRANSFER, index=2, tensor="x", starts=(0, 1), view=FILL.target),),
    )
)


def refused(data: bytes) -> bool:
    """True if the data is refused, with its byte; anything but the one error is a failure."""
    try:
        decode(data)
    except CompileError as error:
        problem = error.problems[0]
    else:
        return False
    assert problem.code is ErrorCode.CODE_INVALID
    assert (problem.where or "").startswith("byte ")
    return True


def test_what_was_cut_short_is_refused() -> None:
    assert [n for n in range(len(WHOLE)) if not refused(WHOLE[:n])] == []


def test_what_is_behind_the_end_is_refused() -> None:
    assert refused(WHOLE + b"\0")
    assert not refused(WHOLE)


def test_damaged_bytes_give_the_one_error_or_another_code() -> None:
    start = time.process_time()
    for at in range(len(WHOLE)):
        for bit in range(8):
            damaged = bytearray(WHOLE)
            damaged[at] ^= 1 << bit
            refused(bytes(damaged))
    source = random.Random(0)  # noqa: S311
    for _ in range(2000):
        damaged = bytearray(WHOLE)
        for _ in range(source.randint(1, 6)):
            damaged[source.randrange(5, len(damaged))] = source.choice((0, 1, 127, 128, 255))
        refused(bytes(damaged))
    assert time.process_time() - start < 20


@given(data=st.binary(max_size=300))
def test_any_bytes_behind_the_magic_give_the_one_error_or_a_code(data: bytes) -> None:
    refused(b"TCIS\x01" + data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends"),
        (b"ONNX\x01", "no code of a machine"),
        (b"TCIS\x02", "another version"),
        # A text of 2**40 bytes, and as many operations, without them.
        (b"TCIS\x01" + b"\x80" * 5 + b"\x20", "announced"),
        (b"TCIS\x01\x00" + b"\x80" * 5 + b"\x20", "announced"),
        (b"TCIS\x01" + b"\xff" * 10, "64 bits"),
        (b"TCIS\x01\x01\xff", "UTF-8"),
        # A memory 9; memories 4 and 0.
        (b"TCIS\x01\x00\x00\x01\x09\x00", "no such memory"),
        (b"TCIS\x01\x00\x00\x02\x04\x00\x00\x00", "not in their order"),
        # A queue of engine 4; queue 0.0.0 twice.
        (b"TCIS\x01\x00\x00\x00\x01\x00\x04\x00\x00", "no such engine"),
        (b"TCIS\x01\x00\x00\x00\x02" + b"\x00" * 8, "not in their order"),
        # A layout of 9 axes, and one of extent 0.
        (b"TCIS\x01\x00\x00\x00\x00\x01\x00\x09" + b"\x02" * 18, "too long"),
        (b"TCIS\x01\x00\x00\x00\x00\x01\x00\x01\x00\x00", "less than 1"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        decode(data)


def test_a_pooling_has_no_finish_to_float() -> None:
    """Field by field: an instruction of the wrong finish would break whoever executes it."""
    finish = ToFloat(guard_bits=0, low=0.0, high=1.0)
    product = Convolve(
        operation=0,
        target=FILL.target,
        source=FILL.target,
        weights=FILL.target,
        weight_zero=None,
        bias=None,
        factor=FILL.target,
        source_zero=0,
        strides=(),
        dilations=(),
        pads=(),
        groups=1,
        finish=finish,
    )
    data = bytearray(encode(one(FILL, queues={CONVOLUTION: (product,)})))
    # A Scale has the target, source, an absent view, zero, factor and finish: as bytes of a form.
    form = bytes([3]) + bytes([4, 0, 0] * 3) + bytes([0, 0]) + bytes([4, 0, 0, 0, 0, 0, 0, 2, 0])
    assert data.count(form) == 1
    scale = bytes([8]) + bytes([4, 0, 0] * 2) + bytes([0, 0]) + bytes(8) + bytes([0])
    with pytest.raises(CompileError, match="no such finish"):
        decode(bytes(data.replace(form, scale)))
