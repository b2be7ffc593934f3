"""File names in a config: variables, home and relative paths made absolute."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.config import dotted
from toolchain.config.settings import Setting, Tree
from toolchain.core.python_file import split_name
from toolchain.errors import Code, ConfigError, Problem

_FILE_NAMES = {
    ("model",),
    ("output",),
    ("calibration", "data"),
    ("analysis", "data"),
    ("evaluation", "data"),
    ("evaluation", "labels"),
    ("check", "data"),
    ("surgery", "constants", "file"),
}
"""Keys of options that hold file names, or tables of them; indices are left out."""
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_FUNCTIONS = {("input", "preprocess"), ("evaluation", "metric")}
"""Keys of options that may name something in a Python file: `file.py:name`."""
_KEYED = re.compile(r"(.*\.npz)(:[^:/\\]*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRules:
    """How file names are completed.

    Attributes:
        folder: Absolute; where relative names start.
        environment: Values of `${VAR}`.
    """

    folder: Path
    environment: Mapping[str, str]

    def absolute(self, text: str, where: str) -> str:
        """The absolute file name; a `:key` behind `.npz` stays. Nothing is looked up on disk.

        Raises ConfigError at `where`: UNDEFINED_VARIABLE, or BAD_VALUE for an empty name or an
        unknown home folder.
        """
        names = [str(name) for name in _VARIABLE.findall(text)]
        undefined = [name for name in names if name not in self.environment]
        if undefined:
            raise ConfigError(
                Code.UNDEFINED_VARIABLE,
                f"The environment does not define {', '.join(undefined)}",
                where=where,
                got=text,
                hint=f"export {undefined[0]}=... first, or write the path out",
            )
        expanded = _VARIABLE.sub(lambda match: self.environment[match[1]], text)
        keyed = _KEYED.fullmatch(expanded)
        name, key = (keyed[1], keyed[2]) if keyed else (expanded, "")
        if not name.strip() or "\0" in name:
            raise ConfigError(Code.BAD_VALUE, "A file name is empty", where=where, got=text)
        try:
            home = Path(name).expanduser()
        except RuntimeError as error:
            raise ConfigError(
                Code.BAD_VALUE, "A home folder is unknown", where=where, got=text
            ) from error
        return os.path.normpath(self.folder / home) + key


def expand_paths(tree: Tree, rules: PathRules) -> tuple[Tree, list[Problem]]:
    """The tree with every file name absolute, and the problems of those that cannot be.

    Values that are no text stay as they are: validation reports them.
    """
    problems: list[Problem] = []

    def expand(branch: Tree, path: dotted.Path) -> Tree:
        if isinstance(branch, dict):
            return {key: expand(item, (*path, key)) for key, item in branch.items()}
        if isinstance(branch, list):
            return [expand(item, (*path, index)) for index, item in enumerate(branch)]
        if not (isinstance(branch, Setting) and isinstance(branch.value, str)):
            return branch
        name, function = _file_name(path, branch.value)
        if name is None:
            return branch
        where = f"{dotted.format_path(path)} in {branch.origin}"
        try:
            return replace(branch, value=rules.absolute(name, where) + function)
        except ConfigError as error:
            problems.extend(error.problems)
            return branch

    return expand(tree, ()), problems


def _file_name(path: dotted.Path, text: str) -> tuple[str | None, str]:
    """The file that an option names, and `:function` behind it; None where it names no file.

    Overlays of targets count as the sections they overlay.
    """
    keys = tuple(part for part in path if isinstance(part, str))
    own = keys[2:] if keys[:1] == ("target",) else keys
    if own in _FUNCTIONS:
        split = split_name(text)
        return (None, "") if split is None else (split[0], f":{split[1]}")
    return (text if any(own[: len(name)] == name for name in _FILE_NAMES) else None), ""
