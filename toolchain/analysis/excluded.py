"""Tensors that are not compared, by patterns of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from toolchain.errors import Code, ConfigError


def kept(names: Sequence[str], patterns: Sequence[str], where: str) -> set[str]:
    """The names that no pattern matches.

    Args:
        names: All there are.
        patterns: Regular expressions, found anywhere in a name.
        where: The option that holds them.

    Raises:
        ConfigError: A pattern is no regular expression or matches nothing, or nothing is left.
    """
    left = set(names)
    for number, text in enumerate(patterns):
        found = matched(names, (text,), where, first=number)
        if not found:
            raise ConfigError(
                Code.NO_MATCH,
                "The pattern matches no tensor",
                where=f"{where}[{number}]",
                got=text,
                hint='the report of a build with `check.scope = "layers"` names them all',
            )
        left -= found
    if not left:
        raise ConfigError(
            Code.NO_MATCH,
            f"`{where}` leaves nothing to compare",
            where=where,
            got=", ".join(patterns),
        )
    return left


def matched(
    names: Iterable[str], patterns: Sequence[str], where: str, *, first: int = 0
) -> set[str]:
    """The names that any pattern matches; `first` is the number of the first pattern."""
    compiled = [_pattern(text, f"{where}[{first + k}]") for k, text in enumerate(patterns)]
    return {name for name in names if any(pattern.search(name) for pattern in compiled)}


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        message = f"Not a regular expression: {error}"
        raise ConfigError(Code.BAD_VALUE, message, where=where, got=text) from error
