"""A vendor's first project: a target in a distribution of its own, from the templates here."""

from __future__ import annotations

import keyword
from collections.abc import Collection, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory

from toolchain.errors import Code, ConfigError
from toolchain.plugin.facts import is_target_name

SUFFIX = ".in"
"""Marks a template, so that nobody takes it for code of the toolchain."""

_LONGEST = 40


def scaffold(name: str, parent: Path, taken: Collection[str]) -> tuple[Path, tuple[str, ...]]:
    """Write the project `toolchain-NAME` into `parent`, all of it or nothing.

    Args:
        name: Name of the new target.
        parent: Folder to write into; made where it does not exist.
        taken: Names of the targets and plugins that are installed.

    Returns:
        The folder of the project, and its files relative to that.

    Raises:
        ConfigError: The name cannot be a target's, is taken, or the folder exists.
    """
    _check(name, taken)
    folder = parent / f"toolchain-{name}"
    if folder.exists() or folder.is_symlink():
        raise ConfigError(
            Code.BAD_USAGE,
            "The folder of the new plugin exists already",
            where=str(folder),
            hint="remove it, or give another folder with `--output`",
        )
    texts = dict(sorted(_texts(name)))
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".toolchain-", dir=parent) as made:
        whole = Path(made) / folder.name
        for file, text in texts.items():
            (whole / file).parent.mkdir(parents=True, exist_ok=True)
            (whole / file).write_text(text, encoding="utf-8")
        whole.rename(folder)
    return folder, tuple(texts)


def _check(name: str, taken: Collection[str]) -> None:
    usable = is_target_name(name) and not keyword.iskeyword(name) and len(name) <= _LONGEST
    if not usable:
        raise ConfigError(
            Code.BAD_VALUE,
            "A plugin cannot have this name",
            where="NAME",
            got=name[:80],
            allowed=f"a lower-case letter, then at most {_LONGEST - 1} lower-case letters, digits "
            "and underscores; no word of Python's, and not `all`",
        )
    if name in taken:
        raise ConfigError(
            Code.BAD_VALUE,
            "A plugin or target of this name is installed",
            where="NAME",
            got=name,
            allowed=f"another name than {', '.join(sorted(taken))}",
        )


def _texts(name: str) -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project."""
    words = {"name": name, "Name": "".join(part.capitalize() for part in name.split("_"))}
    for path, template in _templates(files("toolchain.plugin") / "template", ""):
        target = path.removesuffix(SUFFIX).replace("NAME", name)
        yield target, _filled(template.read_text(encoding="utf-8"), words)


def _templates(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _templates(item, f"{prefix}{item.name}/")
        elif item.name.endswith(SUFFIX):
            yield f"{prefix}{item.name}", item


def _filled(template: str, words: Mapping[str, str]) -> str:
    for word, text in words.items():
        template = template.replace(f"{{{{{word}}}}}", text)
    return template
