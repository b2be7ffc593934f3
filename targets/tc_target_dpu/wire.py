"""The wire format of protocol buffers: a field is its number and type, then its content.

Fields are written in the order in which they are given, and maps sorted by key, so that equal
messages are equal bytes. Source: the public description of the encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_VARINT, _FIXED32, _BYTES = 0, 5, 2


def integer(number: int, value: int) -> bytes:
    """A field of an integer or boolean type; negative ones are 64-bit two's complements."""
    return _tag(number, _VARINT) + _varint(value)


def fixed32(number: int, content: bytes) -> bytes:
    """A field of 4 bytes, as a float32 in little-endian order."""
    return _tag(number, _FIXED32) + content


def content(number: int, value: bytes) -> bytes:
    """A field of bytes or of an encoded message."""
    return _tag(number, _BYTES) + _varint(len(value)) + value


def text(number: int, value: str) -> bytes:
    """A field of a string."""
    return content(number, value.encode())


def integers(number: int, values: Iterable[int]) -> bytes:
    """A repeated field of integers, packed; nothing for none."""
    packed = b"".join(map(_varint, values))
    return content(number, packed) if packed else b""


def mapping(number: int, messages: Mapping[str, bytes]) -> bytes:
    """A map from strings to encoded messages: an entry for each key, in their order."""
    return b"".join(
        content(number, text(1, key) + content(2, messages[key])) for key in sorted(messages)
    )


def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    """Groups of 7 bits, the lowest first; all but the last have the high bit set."""
    rest = value % (1 << 64)
    groups = bytearray()
    while rest > 0x7F:
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    groups.append(rest)
    return bytes(groups)
