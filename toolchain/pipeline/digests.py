"""Cache keys: digests of all that goes into a stage."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import toolchain
from toolchain.plugin.manager import PluginManager

LIBRARIES = ("numpy", "onnx", "onnx-ir", "onnxruntime", "pillow")
"""Libraries whose version can change a result."""


def key(*parts: object) -> str:
    """SHA-256 of the canonical JSON of `parts`, in hexadecimal; the first 32 digits."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()[:32]


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; records by their fields."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=True)


def library_versions() -> Mapping[str, str]:
    """Versions of Python and of the libraries that take part in results."""
    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def source_digest(manager: PluginManager, plugins: Iterable[str]) -> str:
    """Digest of the toolchain's source, of the source of `plugins`, and of library versions."""
    modules = [toolchain, *(manager.module(name) for name in plugins)]
    return key([_digest_of(module) for module in modules], library_versions())


def _digest_of(module: object) -> str:
    """Digest of all files of a plugin's package, or of its one file."""
    name = module.__name__ if isinstance(module, ModuleType) else type(module).__module__
    root = _root(name)
    if root is None:
        return name
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if _is_source(p))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _root(name: str) -> Path | None:
    """Outermost regular package on the way to module `name`, or its file; None if it has none."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:length]))
        file = getattr(module, "__file__", None)
        if file is not None:
            return Path(file).parent if hasattr(module, "__path__") else Path(file)
    return None


def _is_source(path: Path) -> bool:
    return path.is_file() and path.parent.name != "__pycache__"


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
