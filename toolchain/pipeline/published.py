"""A folder that a build published, opened again: what is in it, and how it is fed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from toolchain.core.options import InputOptions
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.pipeline.integrity import file_digest
from toolchain.pipeline.workspace import FAILED, MANIFEST, Workspace

_FLOAT = "optimized.onnx"
_PROGRAM = ".program.json"


class Runner(StrEnum):
    """Which form of the model is executed."""

    FLOAT = "float"
    QDQ = "qdq"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published folder.

    Attributes:
        folder: Where it is.
        target: Whose files these are.
        inputs: How the build fed its model inputs.
        digests: SHA-256 of every file by relative name, as the build wrote it.
    """

    folder: Path
    target: str
    inputs: tuple[InputOptions, ...]
    digests: Mapping[str, str]

    @property
    def float_model(self) -> Path:
        """The simplified float model."""
        return self._checked(_FLOAT)

    @property
    def qdq_model(self) -> Path:
        """The QDQ model: the one other ONNX file there is."""
        names = [name for name in self.digests if name.endswith(".onnx") and name != _FLOAT]
        return self._checked(self._only(names, "QDQ model"))

    @property
    def program(self) -> str:
        """Stem of the integer program's files."""
        names = [name for name in self.digests if name.endswith(_PROGRAM)]
        return self._only(names, "integer program").removesuffix(_PROGRAM)

    def _only(self, names: list[str], what: str) -> str:
        if len(names) == 1:
            return names[0]
        raise ConfigError(
            Code.BAD_USAGE,
            f"The folder does not hold one {what}",
            where=str(self.folder),
            got=", ".join(names) or "none",
            hint=f"`{self.target}` may not publish it, or the build stopped before it was written",
        )

    def _checked(self, name: str) -> Path:
        """The file, after a look whether it is the one that the build wrote."""
        path = self.folder / name
        beside = [known for known in self.digests if known.startswith(f"{name}.")]
        for known in (name, *beside):
            found = self.folder / known
            if known not in self.digests or not found.is_file():
                raise self._changed(known, "missing")
            if file_digest(found) != self.digests[known]:
                raise self._changed(known, "other bytes than were written")
        return path

    def _changed(self, name: str, got: str) -> CompileError:
        return CompileError(
            Code.PACKAGE_INVALID,
            "A file is not the one that the build published",
            where=str(self.folder / name),
            got=got,
            hint="build again; it takes what has not changed from the cache",
        )


def published_targets(output: Path) -> tuple[str, ...]:
    """Targets that builds published in an output folder, failed ones left out, sorted."""
    if not output.is_dir():
        return ()
    names = (path.name for path in Workspace(output).published())
    return tuple(name for name in names if not name.endswith(FAILED))


def open_published(folder: Path) -> Published:
    """Open the folder of a target.

    Raises:
        ConfigError: BAD_USAGE where it is no folder that a build published.
        CompileError: Its files were changed.
    """
    if not (folder / MANIFEST).is_file():
        within = sorted(str(path.parent) for path in folder.glob(f"*/{MANIFEST}"))
        raise ConfigError(
            Code.BAD_USAGE,
            "No build published this folder",
            where=str(folder),
            got="a folder without a manifest" if folder.is_dir() else "no folder",
            allowed=", ".join(within) or "the folder of a target, as in build/NAME/TARGET",
        )
    manifest = _read(folder / MANIFEST)
    files = manifest.get("files")
    values = _read(folder / "config.json").get("values")
    if not isinstance(files, dict) or not isinstance(values, dict):
        raise _unreadable(folder, "no list of files or no config")
    digests = {str(n): str(f.get("sha256")) for n, f in files.items() if isinstance(f, dict)}
    for name in digests:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise _unreadable(folder, f"a file outside of the folder: {name}")
    return Published(
        folder=folder,
        target=str(manifest.get("target")),
        inputs=_inputs(folder, values.get("input", [])),
        digests=digests,
    )


def _inputs(folder: Path, plain: object) -> tuple[InputOptions, ...]:
    from pydantic import TypeAdapter, ValidationError

    try:
        kind = TypeAdapter(tuple[InputOptions, ...])
        return kind.validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        raise _unreadable(folder / "config.json", str(error).splitlines()[0]) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(found, dict):
        raise _unreadable(path, "no object")
    return found


def _unreadable(path: Path, got: object) -> CompileError:
    return CompileError(
        Code.PACKAGE_INVALID,
        "The published folder cannot be read",
        where=str(path),
        got=got,
        hint="build again; it takes what has not changed from the cache",
    )
