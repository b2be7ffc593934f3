"""Whether a plugin's records hold what their fields declare; Python itself never looks."""

from __future__ import annotations

import collections.abc
import dataclasses
import reprlib
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Findings: TypeAlias = Iterator[tuple[str, object, str]]
"""What is wrong in an answer of a plugin: where, what was found, and what is allowed."""


def shown(value: object) -> str:
    """Type and beginning of any value, whatever its own way of showing itself does."""
    if isinstance(value, str):
        return f"{type(value).__name__}: {value[:80]}"
    try:
        text = reprlib.repr(value)
    except BaseException as error:  # noqa: BLE001 - code of a plugin
        text = f"cannot be shown, {type(error).__name__}"
    return f"{type(value).__name__}: {text[:80]}"


def said(error: BaseException) -> str:
    """Type and message of an exception, whatever its own way of showing itself does."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException as another:  # noqa: BLE001 - code of a plugin
        return f"{type(error).__name__}, whose message raised {type(another).__name__}"


def mistyped(value: object, declared: Any, where: str = "") -> Findings:
    """What does not hold what it is declared to hold.

    Args:
        value: What a plugin returned.
        declared: The type declared for it: a class, a generic of tuple, frozenset, dict or Mapping,
            a union, Any. Records are looked into; functions are taken for what they say they are.
        where: Where it stands, in words of the reader.
    """
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if declared is Any or origin is typing.Annotated or isinstance(declared, typing.TypeVar):
        return
    if origin in (typing.Union, types.UnionType):
        if all(any(True for _ in mistyped(value, one)) for one in arguments):
            yield where, shown(value), _name(declared)
    elif origin is collections.abc.Callable:
        if not callable(value):
            yield where, shown(value), "a function"
    elif not _is_one(value, origin or declared):
        yield where, shown(value), _name(declared)
    elif origin is not None:
        yield from _items(value, origin, arguments, where)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = hints_of(type(value))
        for name, hint in hints.items():
            yield from mistyped(getattr(value, name), hint, f"{where}.{name}" if where else name)


@cache
def hints_of(record: type[Any]) -> dict[str, Any]:
    """Declared types of a record's fields, names that it only knows to type checkers included."""
    from toolchain.core.graph_view import GraphView, NodeView
    from toolchain.core.target import TargetSpec

    known = {kind.__name__: kind for kind in (GraphView, NodeView, TargetSpec)}
    hints = typing.get_type_hints(record, localns={"np": np, "NDArray": NDArray, **known})
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}


def _is_one(value: object, kind: Any) -> bool:
    if kind is None or kind is types.NoneType:
        return value is None
    if not isinstance(kind, type):
        return True
    if kind is float:
        return isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _items(value: Any, origin: Any, arguments: tuple[Any, ...], where: str) -> Findings:
    if origin is tuple and arguments[-1:] != (Ellipsis,):
        if len(value) != len(arguments):
            yield where, shown(value), f"{len(arguments)} values"
        for number, (item, kind) in enumerate(zip(value, arguments, strict=False)):
            yield from mistyped(item, kind, f"{where}[{number}]")
    elif isinstance(value, collections.abc.Mapping):
        for key, item in value.items():
            yield from mistyped(key, arguments[0], f"key of {where}" if where else "a key")
            yield from mistyped(item, arguments[1], f"{where}[{str(key)[:40]}]")
    elif isinstance(value, (tuple, frozenset, set, list)):
        for number, item in enumerate(value):
            yield from mistyped(item, arguments[0], f"{where}[{number}]")


def _name(declared: Any) -> str:
    plain = isinstance(declared, type) and typing.get_origin(declared) is None
    return declared.__name__ if plain else str(declared).replace("typing.", "")
