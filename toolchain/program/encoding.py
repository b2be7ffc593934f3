"""Frozen dataclasses to and from JSON values, driven by their annotations.

What is read is trusted in nothing: every value is held against the annotation of its field.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import Attribute

Json: TypeAlias = Any
"""What `json.loads` returns."""

Record = TypeVar("Record")
Word = TypeVar("Word", bound=Enum)

KIND = "record"
"""Key that names the class where a field may hold one of several."""

_MAY_BE_INFINITE = frozenset({"low", "high", "fill"})
"""Float fields that have an infinite value where there is no bound."""

_DTYPES = {str(dtype.numpy): dtype.numpy for dtype in DType}
MAX_RANK = 32
"""Axes that an array may have."""


class Malformed(Exception):  # noqa: N818 - never leaves this floor
    """A JSON value that does not fit; the message says where, what was found and allowed."""

    def __init__(self, where: str, got: object, allowed: str) -> None:
        self.where, self.got, self.allowed = where, str(got)[:80], allowed
        super().__init__(f"{where}: got {self.got!r}, allowed: {allowed}")


def encode_record(record: object) -> dict[str, Json]:
    """A dataclass as a JSON object of its fields, without saying which class it is."""
    return {name: _encode(getattr(record, name), hint) for name, hint in field_types(type(record))}


def encode_tagged(record: object) -> dict[str, Json]:
    """The same with the name of its class under "record"."""
    return {KIND: type(record).__name__, **encode_record(record)}


def decode_record(data: Json, cls: type[Record], where: str) -> Record:
    """Make a `cls` of a JSON object that has exactly its fields; raises Malformed."""
    types_of = dict(field_types(cls))
    found = require(data, dict, where)
    if set(found) != set(types_of):
        raise Malformed(where, sorted(set(found) ^ set(types_of)), f"the fields of {cls.__name__}")
    return cls(
        **{name: _decode(found[name], hint, f"{where}.{name}") for name, hint in types_of.items()}
    )


def decode_tagged(data: Json, classes: Mapping[str, type[Record]], where: str) -> Record:
    """Make the one of `classes` that "record" names; raises Malformed."""
    found = dict(require(data, dict, where))
    kind = found.pop(KIND, None)
    if not isinstance(kind, str) or kind not in classes:
        raise Malformed(f"{where}.{KIND}", kind, ", ".join(sorted(classes)))
    return decode_record(found, classes[kind], where)


def require(data: Json, kind: type[Record], where: str) -> Record:
    """The value itself if it is exactly of the JSON type `kind`; raises Malformed."""
    if type(data) is not kind:
        raise Malformed(where, data, kind.__name__)
    if isinstance(data, int) and not -(2**63) <= data < 2**63:
        raise Malformed(where, data, "an integer of 64 bits")
    if isinstance(data, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in data):
        raise Malformed(where, ascii(data), "text without NUL and lone surrogates")
    return data


def decode_layout(data: Mapping[str, Json], where: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Element type and shape of an array from its JSON object; raises Malformed."""
    name = require(data.get("dtype"), str, f"{where}.dtype")
    if name not in _DTYPES:
        raise Malformed(f"{where}.dtype", name, ", ".join(sorted(_DTYPES)))
    shape = tuple(
        require(dim, int, f"{where}.shape")
        for dim in require(data.get("shape"), list, f"{where}.shape")
    )
    if len(shape) > MAX_RANK or any(dim < 0 for dim in shape):
        raise Malformed(f"{where}.shape", shape, f"at most {MAX_RANK} dimensions, none negative")
    return _DTYPES[name], shape


def field_types(cls: type[Any]) -> tuple[tuple[str, Any], ...]:
    """Names and resolved annotations of the fields of a dataclass, in order."""
    hints = get_type_hints(cls)
    return tuple((field.name, hints[field.name]) for field in fields(cls))


def _encode(value: Any, hint: Any) -> Json:  # noqa: PLR0911 - one per kind of annotation
    if hint == Attribute:
        return _encode_attribute(value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return encode_tagged(value) if is_dataclass(value) else _encode(value, arguments[0])
    if origin is tuple:
        return [_encode(item, arguments[0]) for item in value]
    if origin is Mapping:
        return {str(key): _encode(item, arguments[1]) for key, item in value.items()}
    if is_dataclass(hint):
        return encode_record(value)
    if hint is float:
        return _encode_float(float(value))
    return value.value if isinstance(value, Enum) else hint(value)


def _encode_float(value: float) -> Json:
    return value if math.isfinite(value) else str(value)


def _encode_attribute(value: Any) -> Json:
    if isinstance(value, np.ndarray):
        items = value.reshape(-1).tolist()
        data = [_encode_float(item) if isinstance(item, float) else item for item in items]
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}
    if isinstance(value, tuple):
        return [_encode_attribute(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _decode(data: Json, hint: Any, where: str) -> Any:  # noqa: PLR0911 - as above
    if hint == Attribute:
        return _decode_attribute(data, where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(data, arguments, where)
    if origin is tuple:
        items = enumerate(require(data, list, where))
        return tuple(_decode(item, arguments[0], f"{where}[{index}]") for index, item in items)
    if origin is Mapping:
        return _decode_mapping(data, arguments, where)
    if is_dataclass(hint):
        return decode_record(data, cast("type[Any]", hint), where)
    if hint is float:
        return _decode_float(data, where)
    if issubclass(hint, Enum):
        return decode_enum(data, hint, where)
    return require(data, hint, where)


def _decode_union(data: Json, members: tuple[Any, ...], where: str) -> Any:
    if data is None and type(None) in members:
        return None
    if all(is_dataclass(member) for member in members):
        return decode_tagged(data, {member.__name__: member for member in members}, where)
    return _decode(data, members[0], where)


def _decode_mapping(data: Json, arguments: tuple[Any, ...], where: str) -> dict[Any, Any]:
    result = {}
    for text, item in require(data, dict, where).items():
        key: Any = require(text, str, where)
        if arguments[0] is int:
            if not (text.isascii() and text.isdecimal() and len(text) < 10):
                raise Malformed(where, text, "a number as key")
            key = int(text)
        result[key] = _decode(item, arguments[1], f"{where}[{text}]")
    if len(result) != len(data):
        raise Malformed(where, data, "every key once")
    return result


def decode_enum(data: Json, hint: type[Word], where: str) -> Word:
    """The member of `hint` that a word names; raises Malformed."""
    words = {str(member.value): member for member in hint}
    if not isinstance(data, str) or data not in words:
        raise Malformed(where, data, ", ".join(words))
    return words[data]


def _decode_float(data: Json, where: str) -> float:
    if data in ("inf", "-inf") and where.rpartition(".")[2] in _MAY_BE_INFINITE:
        return float(data)
    value = require(data, float, where)
    if not math.isfinite(value):
        raise Malformed(where, data, "a finite number")
    return value


def _decode_attribute(data: Json, where: str) -> Attribute:
    if isinstance(data, dict):
        if set(data) == {"float"} and data["float"] in ("inf", "-inf", "nan"):
            return float(data["float"])
        return _decode_array(data, where)
    if isinstance(data, list):
        if any(isinstance(item, list) for item in data):
            raise Malformed(where, "a list in a list", "a list of numbers or of strings")
        items = tuple(_decode_attribute(item, where) for item in data)
        kinds = {type(item) for item in items}
        if len(kinds) > 1 or not kinds <= {int, float, str}:
            raise Malformed(where, data, "a list of numbers or of strings")
        return cast("Attribute", items)
    if isinstance(data, float) and not math.isfinite(data):
        raise Malformed(where, data, "a finite number")
    if type(data) not in (int, float, str):
        raise Malformed(where, data, "a number, a string, a list of them or an array")
    return cast("Attribute", require(data, type(data), where))


def _decode_array(data: dict[str, Json], where: str) -> Attribute:
    if set(data) != {"dtype", "shape", "data"}:
        raise Malformed(where, sorted(data), "dtype, shape and data")
    dtype, shape = decode_layout(data, where)
    items = require(data["data"], list, f"{where}.data")
    if len(items) != math.prod(shape):
        raise Malformed(f"{where}.data", len(items), f"{math.prod(shape)} elements")
    kind = {"f": float, "b": bool}.get(dtype.kind, int)
    special = ("inf", "-inf", "nan") if kind is float else ()
    values = [
        float(item) if item in special else require(item, kind, f"{where}.data") for item in items
    ]
    if kind is int and not all(np.iinfo(dtype).min <= v <= np.iinfo(dtype).max for v in values):
        raise Malformed(f"{where}.data", "an integer", f"the range of {dtype}")
    with np.errstate(over="ignore"):  # float16 and float32 round what is too large to infinity
        return reshaped(np.array(values, dtype), shape, where)


def reshaped(flat: Array, shape: tuple[int, ...], where: str) -> Array:
    """The elements in `shape`, which has as many; raises Malformed for one that numpy cannot hold.

    That is one without elements whose other extents are huge.
    """
    try:
        return flat.reshape(shape)
    except ValueError as error:
        raise Malformed(f"{where}.shape", shape, "extents that memory can hold") from error
