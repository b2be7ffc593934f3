"""Records to canonical JSON: the same object always gives the same text."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What JSON can say."""


def dumps(value: object) -> str:
    """`value` as indented JSON in ASCII with sorted keys, without a final newline.

    Raises:
        TypeError: `value` holds something that is no data, such as a function.
    """
    return json.dumps(to_json(value), sort_keys=True, indent=2, allow_nan=False)


def to_json(value: object) -> Json:
    """`value` as plain JSON data.

    Dataclasses and mappings become objects, sequences arrays, sets sorted arrays, enums their
    values, paths text with forward slashes, numpy arrays and numbers plain ones. JSON has no word
    for numbers that are not finite: they become "nan", "inf" and "-inf".

    Raises:
        TypeError: `value` holds something that is no data, such as a function.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, PurePath):
        return value.as_posix()
    return _composite(value)


def _composite(value: object) -> Json:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return [to_json(item) for item in sorted(value, key=str)]
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [to_json(item) for item in value]
    to_list: Any = getattr(value, "tolist", None)  # numpy, without importing it
    if to_list is None:
        raise TypeError(f"{type(value).__qualname__} cannot be written as JSON")
    return to_json(to_list())


def _key(key: object) -> str:
    plain = to_json(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
