"""Plain values into option records, and every way that fails into a `Problem`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from toolchain.config.dotted import Path, format_path
from toolchain.config.fields import names_at
from toolchain.config.vendor_names import vendor_hint
from toolchain.core.suggest import did_you_mean, listing
from toolchain.errors import Code, PluginError, Problem

_WRONG_TYPE = {
    "bool_type": "true or false",
    "dataclass_type": "a table",
    "dict_type": "a table",
    "float_type": "a number",
    "int_type": "an integer",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
}
_LIMITS: dict[str, Callable[[dict[str, Any]], str]] = {
    "greater_than": lambda ctx: f"> {ctx['gt']:g}",
    "greater_than_equal": lambda ctx: f">= {ctx['ge']:g}",
    "less_than": lambda ctx: f"< {ctx['lt']:g}",
    "less_than_equal": lambda ctx: f"<= {ctx['le']:g}",
    "too_short": lambda ctx: f"at least {ctx['min_length']} entries",
    "too_long": lambda ctx: f"at most {ctx['max_length']} entries",
    "enum": lambda ctx: str(ctx["expected"]),
    "literal_error": lambda ctx: str(ctx["expected"]),
}


@dataclass(frozen=True, slots=True)
class _Finding:
    """One pydantic error at its place in the config, union branches taken out."""

    path: Path
    kind: str
    input: Any
    context: dict[str, Any]
    message: str


class Validator:
    """Validates plain values into one record type.

    The values pass through JSON: what pydantic then accepts is the same for every file format, and
    lists become tuples without leaving strict mode.
    """

    def __init__(self, record: type[Any]) -> None:
        """Raises PluginError (PLUGIN_OPTIONS) for a record of types that no config can hold."""
        self.record = record
        try:
            self._adapter = TypeAdapter[Any](record)
        except (PydanticUserError, NameError, TypeError) as error:
            raise PluginError(
                Code.PLUGIN_OPTIONS,
                f"Options cannot be read from a config: {str(error).splitlines()[0]}",
                where=f"{record.__module__}.{record.__qualname__}",
            ) from error

    def record_of(self, value: object) -> Any:
        """The record; raises pydantic's ValidationError."""
        return self._adapter.validate_json(json.dumps(value), strict=True)

    def plain(self, record: Any) -> Any:
        """The plain value of a record: lists, dicts and scalars."""
        return self._adapter.dump_python(record, mode="json")

    def problems(
        self, value: object, where: Callable[[Path], str], prefix: Path = ()
    ) -> list[Problem]:
        """One problem per mistake in `value`, which stands at `prefix`; `where` names places."""
        try:
            self.record_of(value)
        except ValidationError as error:
            findings = [_finding(item, value) for item in error.errors(include_url=False)]
            return [self._problem(group, where, prefix) for group in _grouped(findings)]
        return []

    def _problem(
        self, group: list[_Finding], where: Callable[[Path], str], prefix: Path
    ) -> Problem:
        first = group[0]
        path = (*prefix, *first.path)
        if first.kind == "unexpected_keyword_argument":
            allowed_names = names_at(self.record, first.path[:-1])
            return unknown_key(str(path[-1]), allowed_names, where(path))
        if first.kind == "missing":
            return _missing(path, first.input, where)
        types = [_WRONG_TYPE[item.kind] for item in group if item.kind in _WRONG_TYPE]
        name = format_path(path) or "the config"
        limit = _LIMITS.get(first.kind)
        got = json.dumps(first.input, ensure_ascii=False)
        allowed = " or ".join(types) or (limit(first.context) if limit else first.message)
        hint = None
        if first.kind in {"enum", "literal_error"} and isinstance(first.input, str):
            choices = allowed.replace(" or ", ", ").split(", ")
            hint = did_you_mean(first.input, [choice.strip("'") for choice in choices])
        return Problem(
            code=Code.WRONG_TYPE if types else Code.BAD_VALUE,
            message=f"`{name}` has a {'value of the wrong type' if types else 'bad value'}",
            where=where(path),
            got=got if len(got) <= 80 else got[:77] + "...",
            allowed=allowed,
            hint=hint,
        )


def unknown_key(key: str, allowed: Iterable[str], where: str) -> Problem:
    """The problem of a key that no option has."""
    names = tuple(allowed)
    return Problem(
        code=Code.UNKNOWN_KEY,
        message=f"There is no option `{key}` here",
        where=where,
        allowed=listing(names),
        hint=vendor_hint(key) or did_you_mean(key, names),
    )


def _missing(path: Path, got: object, where: Callable[[Path], str]) -> Problem:
    if isinstance(path[-1], int):
        return Problem(
            code=Code.BAD_VALUE,
            message=f"`{format_path(path[:-1])}` has too few entries",
            where=where(path[:-1]),
            got=json.dumps(got),
        )
    return Problem(
        code=Code.MISSING_KEY,
        message=f"`{format_path(path)}` must be given",
        where=where(path),
    )


def _finding(error: ErrorDetails, value: object) -> _Finding:
    """An error's place in `value`; loc also holds names of union branches, which are no keys."""
    kind = error["type"]
    loc = error["loc"]
    path: list[str | int] = []
    current: Any = value
    for position, part in enumerate(loc):
        follows = isinstance(current, dict) and part in current
        follows |= isinstance(current, list) and isinstance(part, int) and part < len(current)
        if follows:
            current = current[part]
        if follows or (kind == "missing" and position == len(loc) - 1):
            path.append(part)
    return _Finding(tuple(path), kind, error["input"], dict(error.get("ctx", {})), error["msg"])


def _grouped(findings: list[_Finding]) -> list[list[_Finding]]:
    """Findings by place; of the branches of a union, those that came furthest.

    A finding deeper inside explains those above it (an empty list is reported where all its entries
    are wrong), and a bad value of the right type explains wrong types of the other branches.
    """
    places = {finding.path for finding in findings}
    above = {path[:end] for path in places for end in range(len(path))}
    groups: list[list[_Finding]] = []
    for path in dict.fromkeys(finding.path for finding in findings):
        if path not in above:
            group = [finding for finding in findings if finding.path == path]
            matched = [finding for finding in group if finding.kind not in _WRONG_TYPE]
            groups.append(matched or group)
    return groups
