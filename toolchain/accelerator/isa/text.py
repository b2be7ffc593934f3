"""Operands as words of the assembly language, and back: docs/isa.md, Assembly."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, TypeVar

from toolchain.accelerator.isa.fields import DTYPES, LARGEST, Field, Kind, home
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    MAX_RANK,
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

E = TypeVar("E", bound=IntEnum)

_INTEGER = re.compile(r"[+-]?(?:0x[0-9a-fA-F]{1,16}|[0-9]{1,20})")
_VIEW = re.compile(r"(\w+)(?:\.(\w+))?\+(\w+):(\w+):(\w+)(?:/([\w,-]+))?")
_FINISH = re.compile(r"(\w+)\(([^,]+)\.\.([^,]+?)((?:,[\w=-]+)*)\)")
_SCALAR = "scalar"
_ALL = "all"


class UnreadableError(Exception):
    """A word that says nothing: what is wrong, and what would have been read."""

    def __init__(self, message: str, got: str, allowed: str) -> None:
        super().__init__(message)
        self.message = message
        self.got = got
        self.allowed = allowed


def read_integer(word: str) -> int:
    """An integer of 64 bits, decimal or hexadecimal."""
    if _INTEGER.fullmatch(word) is not None:
        value = int(word, 16 if "x" in word else 10)
        if -LARGEST - 1 <= value <= LARGEST:
            return value
    raise UnreadableError("An integer is expected", word, "64 bits, as -12 or 0x40")


def read_integers(word: str) -> tuple[int, ...]:
    """Integers with commas between them; an empty word is none."""
    return tuple(read_integer(part) for part in word.split(",")) if word else ()


def show_integers(values: Sequence[int]) -> str:
    """Integers as `read_integers` reads them."""
    return ",".join(map(str, values))


def read_number(word: str) -> float:
    """A float64, in digits that say it exactly."""
    try:
        return float(word)
    except ValueError:
        raise UnreadableError("A number is expected", word, "as 0.5, 1e-05 or inf") from None


def show_number(value: float) -> str:
    """The number as `read_number` reads it."""
    return repr(float(value))


def read_word(word: str, words: Sequence[E], what: str) -> E:
    """One of the words of an enumeration, in small letters."""
    for found in words:
        if word == show_word(found):
            return found
    raise UnreadableError(f"There is no such {what}", word, ", ".join(map(show_word, words)))


def show_word(word: IntEnum) -> str:
    """The word as `read_word` reads it."""
    return word.name.lower()


def read_name(word: str) -> str:
    """A text in quotes, with the escapes of JSON."""
    try:
        name = json.loads(word)
        if isinstance(name, str):
            name.encode()
            return name
    except ValueError:
        pass
    raise UnreadableError("A name is expected", word, 'a text in quotes, as "conv1"')


def show_name(name: str) -> str:
    """The name as `read_name` reads it."""
    return json.dumps(name)


def read_queue(word: str) -> Queue:
    """A queue as core.engine.index."""
    parts = word.split(".")
    if len(parts) != 3:
        raise UnreadableError("A queue is expected", word, "core.engine.index, as 0.tensor.0")
    core, index = read_integer(parts[0]), read_integer(parts[2])
    if not (0 <= core < EVERY_CORE and 0 <= index < 256):
        raise UnreadableError("There is no such queue", word, "core below 255, index below 256")
    return Queue(core, read_word(parts[1], tuple(Engine), "engine"), index)


def show_queue(queue: Queue) -> str:
    """The queue as `read_queue` reads it."""
    return f"{queue.core}.{show_word(queue.engine)}.{queue.index}"


def read_waits(word: str) -> tuple[Wait, ...]:
    """Waits as queue:count, with commas between them."""
    waits = []
    for part in word.split(","):
        queue, _, count = part.partition(":")
        waits.append(Wait(read_queue(queue), read_integer(count)))
    return tuple(waits)


def show_waits(waits: Sequence[Wait]) -> str:
    """The waits as `read_waits` reads them."""
    return ",".join(f"{show_queue(wait.queue)}:{wait.count}" for wait in waits)


def read_view(word: str, queue: Queue) -> View:
    """A view of an instruction of `queue`: memory.core+offset:type:extents/strides."""
    found = _VIEW.fullmatch(word)
    if found is None:
        allowed = "memory+offset:type:extents, as memory+0x40:int8:1x8x8x16"
        raise UnreadableError("A view is expected", word, allowed)
    memory, core, offset, dtype, extents, strides = found.groups()
    space = read_word(memory, tuple(Space), "memory")
    types = {entry.value: entry for entry in DTYPES}
    if dtype not in types:
        raise UnreadableError("There is no such type of elements", dtype, ", ".join(types))
    shape = _read_shape(extents)
    dense = _dense(shape, types[dtype].numpy.itemsize)
    steps = dense if strides is None else read_integers(strides)
    if len(steps) != len(shape):
        raise UnreadableError("Extents and strides are not as many", word, f"{len(shape)} strides")
    return View(
        space=space,
        core=_read_core(core, queue, space),
        offset=read_integer(offset),
        dtype=types[dtype],
        shape=shape,
        strides=steps,
    )


def _read_shape(word: str) -> tuple[int, ...]:
    shape = () if word == _SCALAR else tuple(read_integer(part) for part in word.split("x"))
    if len(shape) > MAX_RANK or any(extent < 1 for extent in shape):
        allowed = f"at most {MAX_RANK} positive numbers with x between them, or {_SCALAR}"
        raise UnreadableError("Extents are expected", word, allowed)
    return shape


def _read_core(word: str | None, queue: Queue, space: Space) -> int:
    if word is None:
        return home(queue, space)
    core = EVERY_CORE if word == _ALL else read_integer(word)
    if not 0 <= core <= EVERY_CORE:
        raise UnreadableError("There is no such core", word, f"below {EVERY_CORE}, or {_ALL}")
    return core


def _dense(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Strides without gaps between elements."""
    strides = []
    for extent in reversed(shape):
        strides.append(itemsize)
        itemsize *= extent
    return tuple(reversed(strides))


def show_view(view: View, queue: Queue) -> str:
    """The view as `read_view` reads it."""
    core = ""
    if view.core != home(queue, view.space):
        core = f".{_ALL if view.core == EVERY_CORE else view.core}"
    shape = "x".join(map(str, view.shape)) or _SCALAR
    dense = view.strides == _dense(view.shape, view.itemsize)
    strides = "" if dense else f"/{show_integers(view.strides)}"
    return f"{show_word(view.space)}{core}+{view.offset:#x}:{view.dtype.value}:{shape}{strides}"


def read_finish(word: str, finishes: Sequence[type[Finish]]) -> Finish:
    """A finish: rounding(low..high,zero_point=n,guard_bits=n,exact), or float(low..high,...)."""
    found = _FINISH.fullmatch(word)
    if found is None:
        allowed = "as half_even(-128..127,zero_point=3) or float(0.0..inf)"
        raise UnreadableError("A finish is expected", word, allowed)
    name, low, high, rest = found.groups()
    options = dict(part.partition("=")[::2] for part in rest.split(",")[1:])
    guard_bits = read_integer(options.pop("guard_bits", "0"))
    finish: Finish
    if name == "float":
        finish = ToFloat(guard_bits=guard_bits, low=read_number(low), high=read_number(high))
    else:
        finish = ToInteger(
            rounding=read_word(name, tuple(Rounding), "rounding"),
            exact=options.pop("exact", None) == "",
            guard_bits=guard_bits,
            zero_point=read_integer(options.pop("zero_point", "0")),
            low=read_integer(low),
            high=read_integer(high),
        )
    if options:
        raise UnreadableError("A finish has no such part", ",".join(options), "see docs/isa.md")
    if not isinstance(finish, tuple(finishes)):
        raise UnreadableError("The instruction has no such finish", word, "a finish to integers")
    return finish


def show_finish(finish: Finish) -> str:
    """The finish as `read_finish` reads it."""
    guard = f",guard_bits={finish.guard_bits}" if finish.guard_bits else ""
    if isinstance(finish, ToFloat):
        return f"float({show_number(finish.low)}..{show_number(finish.high)}{guard})"
    zero = f",zero_point={finish.zero_point}" if finish.zero_point else ""
    exact = ",exact" if finish.exact else ""
    return f"{show_word(finish.rounding)}({finish.low}..{finish.high}{zero}{guard}{exact})"


def read_field(word: str, at: Field, queue: Queue) -> Any:
    """A field of an instruction of `queue`, which is there."""
    match at.kind:
        case Kind.INTEGER:
            return read_integer(word)
        case Kind.INTEGERS:
            return read_integers(word)
        case Kind.NUMBER:
            return read_number(word)
        case Kind.WORD:
            return read_word(word, at.words, at.name)
        case Kind.FINISH:
            return read_finish(word, at.finishes)
    return read_view(word, queue)


def show_field(value: Any, at: Field, queue: Queue) -> str:
    """The field as `read_field` reads it."""
    match at.kind:
        case Kind.INTEGERS:
            return show_integers(value)
        case Kind.NUMBER:
            return show_number(value)
        case Kind.WORD:
            return show_word(value)
        case Kind.FINISH:
            return show_finish(value)
        case Kind.VIEW | Kind.OPTIONAL_VIEW:
            return show_view(value, queue)
    return str(value)
