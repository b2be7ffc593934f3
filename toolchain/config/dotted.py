"""Dotted paths: how a place in a config is written in messages, origins and `--set`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys of tables and indices of lists, outermost first."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SEGMENT = re.compile(r'("(?:\\.|[^"\\])*"|[^."]+)(?:\.(?=.)|$)', re.DOTALL)


def format_path(path: Path) -> str:
    """`input.0.resize`; keys that are not bare words, or look like an index, stand in quotes."""
    return ".".join(
        str(part) if isinstance(part, int) or _is_bare(part) else json.dumps(part) for part in path
    )


def parse_path(text: str) -> Path | None:
    """The path written as `text`, or None if it is not one; inverse of `format_path`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text) or not parts:
        match = _SEGMENT.match(text, position)
        if match is None:
            return None
        part = match[1]
        if part.startswith('"'):
            try:
                parts.append(str(json.loads(part)))
            except ValueError:
                return None
        else:
            # An index of more digits than any list has stays a key.
            index = part.isascii() and part.isdigit() and len(part) < 10
            parts.append(int(part) if index else part)
        position = match.end()
    return tuple(parts)


def leaves_of(value: object, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf below `value` with its path, in the order of the file.

    A list that holds no table is one leaf, and so are empty tables and lists.
    """
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves_of(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from leaves_of(item, (*path, index))
    else:
        yield path, value


def _is_bare(part: str) -> bool:
    return _BARE.fullmatch(part) is not None and not part.isdigit()
