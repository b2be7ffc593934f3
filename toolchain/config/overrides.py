"""Settings from the command line, as edits of what the file says."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolchain.config import dotted
from toolchain.config.loading import MAX_DEPTH, value_problems
from toolchain.errors import Code, ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One setting that wins over the file and over the overlays of targets.

    Attributes:
        path: Where it is set; `("target", NAME, ...)` sets it for that target only.
        value: Plain value, as in a `RawConfig`.
        origin: What the user wrote it with: `--set`, or the name of a flag of its own.
    """

    path: dotted.Path
    value: Any
    origin: str = "--set"


def parse_overrides(assignments: Iterable[str]) -> tuple[Override, ...]:
    """Read `a.b.0.c=value` as `--set` takes it; the value is TOML, or else plain text.

    Raises ConfigError (CONFIG_SYNTAX) with one problem per assignment that is none.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in assignments:
        name, equals, value = text.partition("=")
        path = dotted.parse_path(name.strip()) if equals else None
        if path is None or len(path) > MAX_DEPTH:
            problems.append(_malformed(text))
        else:
            overrides.append(Override(path=path, value=parse_value(value)))
    if problems:
        raise ConfigError.of(problems)
    return tuple(overrides)


def parse_value(text: str) -> Any:
    """`text` as a TOML value, or as itself where it is none that a config can hold."""
    try:
        table = tomllib.loads(f"value = {text.strip()}")
    except (ValueError, RecursionError):
        return text
    plain = table.keys() == {"value"} and not any(value_problems(table["value"], where=""))
    return table["value"] if plain else text


def apply_overrides(
    values: Mapping[str, Any], overrides: Iterable[Override]
) -> tuple[dict[str, Any], list[Problem]]:
    """A copy of `values` with every override set in order, and those that have no place.

    A shared setting is set in every overlay that holds it too, so that it wins there.
    """
    edited = copy.deepcopy(dict(values))
    problems: list[Problem] = []
    for override in overrides:
        problems += value_problems(override.value, override.path, where=override.origin)
        problem = _edit(edited, override.path, override)
        if problem is not None:
            problems.append(problem)
            continue
        for overlay in _overlays(edited, override.path):
            if _holds(overlay, override.path):
                _edit(overlay, override.path, override)
    return edited, problems


def origin_of(path: dotted.Path, overrides: Iterable[Override]) -> str | None:
    """Origin of the last override that set the leaf at `path`, all of it or a part."""
    origin = None
    shared = path[2:] if path[:1] == ("target",) else path
    for override in overrides:
        own = path if override.path[:1] == ("target",) else shared
        if all(str(a) == str(b) for a, b in zip(override.path, own, strict=False)):
            origin = override.origin
    return origin


def _overlays(values: Mapping[str, Any], path: dotted.Path) -> Iterator[dict[str, Any]]:
    tables = values.get("target")
    if path[0] != "target" and isinstance(tables, dict):
        yield from (overlay for overlay in tables.values() if isinstance(overlay, dict))


def _holds(overlay: dict[str, Any], path: dotted.Path) -> bool:
    """True if the overlay sets `path`, or a list that replaces the one `path` goes through."""
    container: Any = overlay
    for part in path:
        if isinstance(container, list):
            return True
        if not isinstance(container, dict) or str(part) not in container:
            return False
        container = container[str(part)]
    return True


def _edit(values: dict[str, Any], path: dotted.Path, override: Override) -> Problem | None:
    container: Any = values
    for depth, part in enumerate(path):
        if not isinstance(container, dict | list):
            return _no_place(override, path[:depth], "is neither a table nor a list")
        if isinstance(container, list) and not (isinstance(part, int) and part <= len(container)):
            last = "is empty" if not container else f"has the entries 0 to {len(container) - 1}"
            return _no_place(override, path[:depth], f"is a list that {last}")
        key = part if isinstance(container, list) else str(part)
        if depth == len(path) - 1:
            _put(container, key, copy.deepcopy(override.value))
        else:
            # What is not there yet is made: a list where an index follows.
            if _get(container, key) is None:
                _put(container, key, [] if isinstance(path[depth + 1], int) else {})
            container = _get(container, key)
    return None


def _get(container: Any, key: str | int) -> Any:
    if isinstance(container, list):
        return container[key] if isinstance(key, int) and key < len(container) else None
    return container.get(key)


def _put(container: Any, key: str | int, value: Any) -> None:
    if isinstance(container, list) and key == len(container):
        container.append(value)
    else:
        container[key] = value


def _no_place(override: Override, parent: dotted.Path, reason: str) -> Problem:
    return Problem(
        code=Code.WRONG_TYPE,
        message=f"{override.origin} has no place to go: {dotted.format_path(parent)} {reason}",
        where=f"{dotted.format_path(override.path)} in {override.origin}",
    )


def _malformed(text: str) -> Problem:
    return Problem(
        code=Code.CONFIG_SYNTAX,
        message="This sets nothing",
        where="--set",
        got=text[:80],
        allowed="PATH=VALUE, as in `quantize.method=mse` or `input.0.resize=[224, 224]`",
    )
