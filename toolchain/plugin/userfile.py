"""Objects in a Python file of the user's own: `file.py:name`."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from toolchain.errors import Code, ConfigError
from toolchain.plugin.guard import Guard

_SPEC = re.compile(r"(?P<path>.*\.py):(?P<name>[^:/\\]*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserObject:
    """What a name in a Python file stands for.

    Attributes:
        value: The object.
        guard: Runs its code, so that what it raises is said to be the file's.
        digest: SHA-256 of the file, for cache keys.
    """

    value: object
    guard: Guard
    digest: str


def is_user_object(spec: str) -> bool:
    """True for `file.py:name`."""
    return _SPEC.fullmatch(spec) is not None


def load_user_object(spec: str, where: str) -> UserObject:
    """Run the file of `file.py:name`, as the config asks for, and take the object of that name.

    The file is run anew each time, as one module of its own; it may import installed packages.

    Raises:
        ConfigError: BAD_VALUE at `where` if the file cannot be read or holds no such name.
        PluginError: PLUGIN_RAISED if the file raises.
    """
    match = _SPEC.fullmatch(spec)
    path, name = (Path(match["path"]), match["name"]) if match else (Path(spec), "")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            Code.BAD_VALUE,
            "The Python file cannot be read",
            where=where,
            got=f"{path}: {error.strerror}",
            hint="relative paths start at the folder of the config file",
        ) from error
    digest = hashlib.sha256(source).hexdigest()
    guard = Guard(provider=str(path), own=False)
    module = guard.call("while it is imported", lambda: _run(path, source, digest))
    if name not in vars(module):
        raise ConfigError(
            Code.BAD_VALUE,
            "The Python file holds no such name",
            where=where,
            got=f"{path.name}:{name}",
            allowed=", ".join(sorted(n for n in vars(module) if not n.startswith("_"))) or "a name",
        )
    return UserObject(value=vars(module)[name], guard=guard, digest=digest)


def _run(path: Path, source: bytes, digest: str) -> ModuleType:
    module = ModuleType(f"tc_user_{digest[:16]}")
    module.__file__ = str(path)
    # Dataclasses look their module up by its name.
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102 - the user asked for it
    return module
