"""Bytes as numbers and texts, and back: the smallest parts of the binary."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeVar

from toolchain.accelerator.isa.fields import LARGEST, invalid
from toolchain.accelerator.isa.operands import MAX_RANK
from toolchain.errors import CompileError

T = TypeVar("T")

MAGIC = b"TCIS"
"""The first bytes of a code."""

VERSION = 1
"""The byte behind them."""

_UNSIGNED = 2 * LARGEST + 1
_NUMBER = struct.Struct("<d")


def put(out: bytearray, value: int) -> None:
    """Append an integer from 0 to 2**64 - 1: 7 bits a byte, lowest first, the last without bit 7.

    Raises:
        CompileError: CODE_INVALID for any other integer.
    """
    if not 0 <= value <= _UNSIGNED:
        raise invalid("A number does not fit", "instructions", got=value, allowed="64 bits")
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_signed(out: bytearray, value: int) -> None:
    """Append an integer of 64 bits: 0, -1, 1, -2, ... as 0, 1, 2, 3, ...

    Raises:
        CompileError: CODE_INVALID for any other integer.
    """
    put(out, 2 * value if value >= 0 else -2 * value - 1)


def put_near(out: bytearray, value: int, expected: int) -> None:
    """Append a signed integer as its difference from another, modulo 2**64.

    Raises:
        CompileError: CODE_INVALID for an integer of more than 64 bits.
    """
    if not -LARGEST - 1 <= value <= LARGEST:
        raise invalid("A number does not fit", "instructions", got=value, allowed="64 bits")
    put_signed(out, _wrapped(value - expected))


def _wrapped(value: int) -> int:
    """The signed integer of 64 bits with the same low bits."""
    return (value + LARGEST + 1) % (_UNSIGNED + 1) - LARGEST - 1


def put_all(out: bytearray, values: Sequence[int]) -> None:
    """Append how many signed integers there are, and they.

    Raises:
        CompileError: CODE_INVALID for more of them than a view has axes.
    """
    if len(values) > MAX_RANK:
        raise invalid("A list is too long", "instructions", got=len(values), allowed=f"{MAX_RANK}")
    put(out, len(values))
    for value in values:
        put_signed(out, value)


def put_number(out: bytearray, value: float) -> None:
    """Append a float64."""
    out += _NUMBER.pack(value)


def put_text(out: bytearray, text: str) -> None:
    """Append the length in bytes of a text in UTF-8, and these.

    Raises:
        CompileError: CODE_INVALID for a text with half a character.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise invalid("A name is no text", "names", got=ascii(text)) from None
    put(out, len(data))
    out += data


class Reader:
    """Reads what the functions above append; every length and number is held against the rest.

    Every method raises CompileError(CODE_INVALID) with the byte where the data cannot be read.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def error(
        self, message: str, *, got: object = None, allowed: str | None = None
    ) -> CompileError:
        """The error of what was read last."""
        return invalid(message, f"byte {self._at}", got=got, allowed=allowed)

    def integer(self) -> int:
        """An integer from 0 to 2**64 - 1."""
        data, value = self._data, 0
        for shift in range(0, 70, 7):
            if self._at >= len(data):
                raise self.error("The data ends within a number")
            byte = data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80 and value <= _UNSIGNED:
                return value
        raise self.error("A number has more than 64 bits")

    def signed(self) -> int:
        """A signed integer of 64 bits."""
        value = self.integer()
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def near(self, expected: int) -> int:
        """A signed integer of 64 bits, written as its difference from what is expected."""
        return _wrapped(expected + self.signed())

    def offset(self, expected: int) -> int:
        """Such an integer that is not negative."""
        value = self.near(expected)
        if value < 0:
            raise self.error("A view begins before its memory", got=value, allowed="0 or more")
        return value

    def flag(self) -> bool:
        """False or true, as 0 or 1."""
        return self.below(2, "flag") == 1

    def count(self) -> int:
        """How many entries follow; each takes a byte or more."""
        value, left = self.integer(), len(self._data) - self._at
        if value > left:
            raise self.error("More is announced than there are bytes", got=value, allowed=f"{left}")
        return value

    def below(self, limit: int, what: str) -> int:
        """A number below `limit`."""
        value = self.integer()
        if value >= limit:
            raise self.error(f"There is no such {what}", got=value, allowed=f"below {limit}")
        return value

    def one_of(self, entries: Sequence[T], what: str) -> T:
        """One of a table, by its number."""
        return entries[self.below(len(entries), what)]

    def all(self) -> tuple[int, ...]:
        """Signed integers behind their number, no more than a view has axes."""
        count = self.count()
        if count > MAX_RANK:
            raise self.error("A list is too long", got=count, allowed=f"at most {MAX_RANK}")
        return tuple(self.signed() for _ in range(count))

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self._at + count
        if end > len(self._data):
            self._at = len(self._data)
            raise self.error(f"The data ends within {count} bytes that belong together")
        found = self._data[self._at : end]
        self._at = end
        return found

    def number(self) -> float:
        """A float64."""
        (value,) = _NUMBER.unpack(self.take(8))
        return float(value)

    def text(self) -> str:
        """A text in UTF-8."""
        data = self.take(self.count())
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.error("A text is not UTF-8", got=data[:40]) from None

    def end(self) -> None:
        """Nothing may be left."""
        left = len(self._data) - self._at
        if left:
            raise self.error("There are bytes behind the end", got=left, allowed="0")
