"""Layers of settings: where every value comes from, and which of two wins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from toolchain.config.dotted import Path, format_path

DEFAULT_ORIGIN = "default"


class Layer(IntEnum):
    """Who set a value; the higher wins."""

    DEFAULT = 0
    FILE = 1
    OVERLAY = 2
    OVERRIDE = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of a config.

    Attributes:
        value: A scalar, or a list that holds no table.
        path: Where the user set it, overlays under `target.NAME`.
        origin: `default`, a file (and line), or a flag.
        layer: Who set it.
    """

    value: Any
    path: Path
    origin: str
    layer: Layer


Tree: TypeAlias = Any
"""dict of trees, list of trees, or a `Setting`."""


def tree_of(value: object, make: Callable[[Path, Any], Setting], path: Path = ()) -> Tree:
    """The tree of a plain value, its leaves made by `make(path, value)`."""
    if isinstance(value, dict):
        return {key: tree_of(item, make, (*path, key)) for key, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [tree_of(item, make, (*path, index)) for index, item in enumerate(value)]
    return make(path, value)


def plain(tree: Tree) -> Any:
    """The values alone."""
    if isinstance(tree, dict):
        return {key: plain(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [plain(item) for item in tree]
    return tree.value


def merge(lower: Tree, upper: Tree) -> Tree:
    """`upper` over `lower`: tables join key by key, everything else is replaced whole."""
    if not (isinstance(lower, dict) and isinstance(upper, dict)):
        return upper
    joined = dict(lower)
    for key, item in upper.items():
        joined[key] = merge(lower[key], item) if key in lower else item
    return joined


def without(tree: Tree, paths: Collection[Path]) -> Tree:
    """A tree, of settings or of plain values, without what stands at `paths` in its tables."""
    if not isinstance(tree, dict):
        return tree
    heads = {path[0] for path in paths if len(path) == 1}
    return {
        key: without(item, [path[1:] for path in paths if len(path) > 1 and path[0] == key])
        for key, item in tree.items()
        if key not in heads
    }


def find(tree: Tree, path: Path) -> Tree | None:
    """The setting or subtree at `path`; the leaf for a path into one, None where nothing is."""
    for part in path:
        if isinstance(tree, Setting):
            return tree
        keys = tree if isinstance(tree, dict) else range(len(tree))
        if part not in keys:
            return None
        tree = tree[part]
    return tree


def settings_in(tree: Tree) -> Iterator[Setting]:
    """Every setting of a tree."""
    if isinstance(tree, Setting):
        yield tree
    else:
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from settings_in(item)


def place(tree: Tree, path: Path, file: str) -> str:
    """Where the user finds `path`: dotted, with the origin of its first setting or the file."""
    found = find(tree, path)
    setting = None if found is None else next(settings_in(found), None)
    if setting is None:
        return f"{format_path(path)} in {file}" if path else file
    # Settings of a merged tree may come from the overlay of a target.
    overlaid = setting.path[:1] == ("target",) != path[:1]
    shown = (*setting.path[:2], *path) if overlaid else path
    return f"{format_path(shown)} in {setting.origin}"
