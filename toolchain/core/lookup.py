"""Finding what is asked for by name among what plugins provide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, Problem

Record = TypeVar("Record")


def lookup(records: Mapping[str, Record], name: str, kind: str, where: str) -> Record:
    """The record called `name`.

    Raises:
        ConfigError: There is none; the message lists those there are.
    """
    if name not in records:
        raise ConfigError.of([unknown_name(records, name, kind, where)])
    return records[name]


def unknown_name(names: Mapping[str, object], name: str, kind: str, where: str) -> Problem:
    """The problem of a `name` that none of `names` is; `kind` says in words what they name."""
    return Problem(
        code=Code.UNKNOWN_NAME,
        message=f"There is no {kind} of this name",
        where=where,
        got=name,
        allowed=", ".join(names),
        hint=did_you_mean(name, names) or "`tc plugins` lists what is installed",
    )
