"""What the option records say of themselves: names, types, limits, defaults, texts."""

from __future__ import annotations

import collections.abc
import dataclasses
import re
import types
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import annotated_types as limits

from toolchain.config.dotted import Path
from toolchain.core.options import Doc

REQUIRED = dataclasses.MISSING
"""Default of an option that must be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One option of a record.

    Attributes:
        name: Its key.
        type_text: Its type and limits as users read them.
        doc: Its text.
        default: Value if left out, or `REQUIRED`.
        record: The record it holds, or holds a list of; None for plain values.
        repeated: True for a list of records.
    """

    name: str
    type_text: str
    doc: str
    default: Any
    record: type[Any] | None
    repeated: bool


def fields_of(record: type[Any], instance: Any = None) -> tuple[Field, ...]:
    """The fields of an option record in order; defaults are those of `instance` where given."""
    hints = typing.get_type_hints(record, include_extras=True)
    found = []
    for field in dataclasses.fields(record):
        annotation, notes = _unwrap(hints[field.name])
        inner = _record_in(annotation)
        found.append(
            Field(
                name=field.name,
                type_text=type_text(annotation, notes),
                doc=next((note.text for note in notes if isinstance(note, Doc)), ""),
                default=_default(field) if instance is None else getattr(instance, field.name),
                record=inner,
                repeated=inner is not None and typing.get_origin(annotation) is tuple,
            )
        )
    return tuple(found)


def names_at(record: type[Any], path: Path) -> tuple[str, ...]:
    """Keys that may stand in the table at `path` below `record`; none where that is no record."""
    current: type[Any] | None = record
    for part in path:
        if current is not None and isinstance(part, str):
            known = {field.name: field.record for field in fields_of(current)}
            current = known.get(part)
    return () if current is None else tuple(field.name for field in fields_of(current))


def type_text(annotation: Any, notes: tuple[Any, ...] = ()) -> str:
    """A type in words: "integer >= 1", "list of text", "`first` or `random`"."""
    inner, more = _unwrap(annotation)
    marks = _limit_text((*more, *notes))
    arguments = typing.get_args(inner)
    if isinstance(inner, type) and issubclass(inner, Enum):
        text = _either([f"`{member.value}`" for member in inner])
    elif typing.get_origin(inner) is typing.Literal:
        text = _either([f"`{choice}`" for choice in arguments])
    elif isinstance(inner, types.UnionType) or typing.get_origin(inner) is typing.Union:
        text = _either([type_text(kind) for kind in arguments if kind is not types.NoneType])
    elif typing.get_origin(inner) is tuple:
        text = _list_text(arguments)
    elif typing.get_origin(inner) is collections.abc.Mapping:
        text = f"table of {type_text(arguments[1])}"
    else:
        text = _NAMES.get(inner, "table")
    return f"{text} {marks}".rstrip()


_NAMES: dict[Any, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "text",
    Any: "value",
}


def _list_text(arguments: tuple[Any, ...]) -> str:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return "list of " + re.sub(
            r"^(integer|number|boolean|table)", r"\1s", type_text(arguments[0])
        )
    return "[" + ", ".join(type_text(kind) for kind in arguments) + "]"


def _either(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]


def _limit_text(notes: tuple[Any, ...]) -> str:
    texts = []
    for note in notes:
        match note:
            case limits.Gt(gt=bound):
                texts.append(f"> {bound}")
            case limits.Ge(ge=bound):
                texts.append(f">= {bound}")
            case limits.Lt(lt=bound):
                texts.append(f"< {bound}")
            case limits.Le(le=bound):
                texts.append(f"<= {bound}")
            case limits.MinLen(min_length=1):
                texts.append("(not empty)")
            case limits.MinLen(min_length=bound):
                texts.append(f"(at least {bound})")
            case limits.MaxLen(max_length=bound):
                texts.append(f"(at most {bound})")
            case _:
                pass
    return ", ".join(texts)


def _unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    if typing.get_origin(annotation) is Annotated:
        inner, *notes = typing.get_args(annotation)
        return inner, tuple(notes)
    return annotation, ()


def _record_in(annotation: Any) -> type[Any] | None:
    """The record that an option holds, through `| None` and lists."""
    inner, _ = _unwrap(annotation)
    if isinstance(inner, type) and dataclasses.is_dataclass(inner):
        return inner
    found = (_record_in(argument) for argument in typing.get_args(inner))
    return next((record for record in found if record is not None), None)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
