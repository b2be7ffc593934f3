"""Folders that builds have published: what is in them, found again without the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.accelerator.container.records import SUFFIX
from toolchain.config.formats import Format
from toolchain.config.loading import RawConfig
from toolchain.config.resolve import resolve
from toolchain.core.options import BuildOptions, InputOptions
from toolchain.errors import Code, CompileError, ConfigError, Problem
from toolchain.graph.read import read_proto
from toolchain.pipeline.integrity import file_digest
from toolchain.pipeline.processors import processors_of
from toolchain.pipeline.stages.compile import MODEL_PROGRAM
from toolchain.pipeline.stages.optimize import MODEL
from toolchain.pipeline.workspace import FAILED, MANIFEST, Workspace
from toolchain.plugin.manager import PluginManager
from toolchain.program.processors import Processors

CONFIG = "config.json"
_PROGRAM = ".program.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One target's folder.

    Attributes:
        folder: The folder.
        target: Name of the target.
        platform: Its chip.
        files: Names of all files that the manifest lists.
        failed: True if the check of the build failed.
    """

    folder: Path
    target: str
    platform: str
    files: tuple[str, ...]
    failed: bool

    @property
    def inputs(self) -> tuple[InputOptions, ...]:
        """How the build fed its model inputs; the target need not be installed for that."""
        from pydantic import TypeAdapter, ValidationError

        path = self.folder / CONFIG
        values = _json(path, "values")
        try:
            kind = TypeAdapter(tuple[InputOptions, ...])
            given = json.dumps(None if values is None else values.get("input", []))
            return kind.validate_json(given, strict=True)
        except ValidationError as error:
            raise _no_config(path) from error

    @property
    def optimized(self) -> Path:
        """The simplified float model, with the Q/DQ that it may have brought along."""
        return self._file(MODEL, "the float model")

    @property
    def program(self) -> str:
        """Stem of the integer program's files."""
        found = [name for name in self.files if name.endswith(_PROGRAM) and "/" not in name]
        if not found:
            raise _lacking(self.folder, "an integer program")
        return self._file(found[0], "an integer program").name.removesuffix(_PROGRAM)

    @property
    def compared_program(self) -> str:
        """Stem of the program that the model's own inputs fit: without processors."""
        folder = f"{MODEL_PROGRAM}/"
        files = [name for name in self.files if name.startswith(folder)]
        found = [name for name in files if name.endswith(_PROGRAM)]
        return found[0].removesuffix(_PROGRAM) if found else self.program

    def processors(self, manager: PluginManager) -> Processors:
        """What the compiled model does itself with its inputs and outputs.

        Raises:
            ConfigError: The config is missing or damaged, or the target is not installed.
        """
        if self.compared_program == self.program:
            return Processors()
        return processors_of(self.optimized, self.inputs, self.options(manager).compile)

    @property
    def program_digest(self) -> str | None:
        """SHA-256 of the integer program's file, which holds that of its constants, too."""
        if not any(name.endswith(_PROGRAM) for name in self.files):
            return None
        return file_digest(self.folder / f"{self.program}{_PROGRAM}")

    @property
    def compiled(self) -> Path:
        """The compiled model of a machine."""
        found = [name for name in self.files if name.endswith(SUFFIX)]
        if not found:
            raise _lacking(self.folder, "a compiled model of a machine")
        return self._file(found[0], "a compiled model of a machine")

    @property
    def qdq(self) -> Path:
        """The QDQ model: of several, the one that is called like the program."""
        models = [name for name in self.files if name.endswith(".onnx") and name != MODEL]
        stem = self.program
        for name in sorted(models, key=lambda name: (not name.startswith(stem), name)):
            path = self._file(name, "the QDQ model")
            nodes = read_proto(path).graph.node
            if any(node.op_type == "DequantizeLinear" for node in nodes):
                return path
        raise _lacking(self.folder, "a QDQ model")

    def options(self, manager: PluginManager) -> BuildOptions:
        """The options that the build was made with, from its own resolved config.

        Raises:
            ConfigError: The config is missing or damaged, or the target is not installed.
        """
        path = self.folder / CONFIG
        values = _json(path, "values")
        if values is None:
            raise _no_config(path)
        target = {self.target: values.get("target", {}).get(self.target, {})}
        raw = RawConfig(
            path=path, format=Format.JSON, values={**values, "target": target}, origins={}
        )
        manager.require_targets([self.target])
        return resolve(raw, (), manager.targets(), [self.target]).builds[0]

    def _file(self, name: str, what: str) -> Path:
        path = self.folder / name
        if name not in self.files or not path.is_file():
            raise _lacking(self.folder, what)
        return path


def find_published(folder: Path) -> tuple[Published, ...]:
    """The target's folder `folder`, or all targets' folders in it, in order of their names.

    Raises:
        ConfigError: No build has published anything there.
        CompileError: Files are missing or are not those that the build wrote; all of them.
    """
    own = _published(folder)
    if own is not None:
        found: tuple[Published, ...] = (own,)
    else:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        found = tuple(one for path in inside if (one := _published(path)) is not None)
    if not found:
        raise ConfigError(
            Code.BAD_VALUE,
            "No build has published anything in this folder",
            where=str(folder),
            got=None if folder.exists() else "there is no such folder",
            allowed=f"an output folder of `tc build`, or a target's folder with {MANIFEST}",
        )
    return found


def open_published(folder: Path) -> Published:
    """The target's folder `folder`.

    Raises:
        ConfigError: No build has published it.
        CompileError: Files are missing or are not those that the build wrote; all of them.
    """
    own = _published(folder)
    if own is None:
        within = sorted(str(path.parent) for path in folder.glob(f"*/{MANIFEST}"))
        raise ConfigError(
            Code.BAD_USAGE,
            "No build published this folder",
            where=str(folder),
            got="a folder without a manifest" if folder.is_dir() else "no folder",
            allowed=", ".join(within) or "the folder of a target, as in build/NAME/TARGET",
        )
    return own


def published_targets(output: Path) -> tuple[str, ...]:
    """Targets that builds published in an output folder, failed ones left out, sorted."""
    if not output.is_dir():
        return ()
    names = (path.name for path in Workspace(output).published())
    return tuple(name for name in names if not name.endswith(FAILED))


def _published(folder: Path) -> Published | None:
    manifest = folder / MANIFEST
    record = _json(manifest)
    if record is None and manifest.is_file():
        raise CompileError(
            Code.PACKAGE_INVALID,
            "The manifest of the published folder cannot be read",
            where=str(manifest),
            hint="build again; copy the folder of a target as a whole",
        )
    files = None if record is None else record.get("files")
    if record is None or "toolchain" not in record or not isinstance(files, Mapping):
        return None
    problems = [
        Problem(
            code=Code.PACKAGE_INVALID,
            message="A published file is missing or is not the one that the build wrote",
            where=str(folder / name),
            hint="build again; copy the folder of a target as a whole",
        )
        for name, entry in files.items()
        if not _is_whole(folder / name, entry)
    ]
    if problems:
        raise CompileError.of(problems)
    return Published(
        folder=folder,
        target=str(record.get("target")),
        platform=str(record.get("platform")),
        files=tuple(sorted(files)),
        failed=folder.name.endswith(FAILED),
    )


def _is_whole(path: Path, entry: object) -> bool:
    digest = entry.get("sha256") if isinstance(entry, Mapping) else None
    try:
        return file_digest(path) == digest
    except OSError:
        return False


def _json(path: Path, key: str | None = None) -> Mapping[str, Any] | None:
    """The table in a JSON file, or the one under `key` in it; None where there is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = record.get(key) if key is not None and isinstance(record, dict) else record
    return found if isinstance(found, dict) else None


def _no_config(path: Path) -> CompileError:
    return CompileError(
        Code.PACKAGE_INVALID,
        "The published folder has no usable config",
        where=str(path),
        hint="build again; copy the folder of a target as a whole",
    )


def _lacking(folder: Path, what: str) -> CompileError:
    return CompileError(
        Code.PACKAGE_INVALID,
        f"The published folder lacks {what}",
        where=str(folder),
        hint="build at least as far as `compile`",
    )
