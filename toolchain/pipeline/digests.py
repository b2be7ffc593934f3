"""Cache keys: digests of all that goes into a stage."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import toolchain
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.manager import PluginManager

LIBRARIES = ("numpy", "onnx", "onnx-ir", "onnxruntime", "pillow")
"""Libraries whose version can change a result."""


def key(*parts: object) -> str:
    """SHA-256 of the canonical JSON of `parts`, in hexadecimal; the first 32 digits."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()[:32]


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; records by their fields."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=True)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def library_versions() -> Mapping[str, str]:
    """Versions of Python and of the libraries that take part in results."""
    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def source_digest(manager: PluginManager, hooks: TargetHooks) -> str:
    """Digest of the toolchain's source, of the plugins that can answer, and of library versions."""
    packages = [toolchain, *(manager.module(name) for name in hooks.plugins)]
    folders = [_package_folder(module) for module in packages]
    return key(
        [_folder_digest(folder) for folder in folders if folder is not None], library_versions()
    )


def _package_folder(module: object) -> Path | None:
    """Folder of the top-level package a module belongs to; None for objects without a file."""
    name = module.__name__ if isinstance(module, ModuleType) else type(module).__module__
    top = sys.modules.get(name.split(".")[0])
    file = getattr(top, "__file__", None)
    return None if file is None else Path(file).parent


@lru_cache(maxsize=32)
def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(item) for item in value)
    return str(value) if isinstance(value, Path) else value
