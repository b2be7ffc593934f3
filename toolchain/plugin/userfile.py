"""Objects in a Python file of the user's own, run like a plugin's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolchain.core.python_file import PythonFile
from toolchain.errors import Code, ConfigError
from toolchain.plugin.guard import Guard


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


def load_user_object(path: Path, name: str, where: str) -> UserObject:
    """Run the file anew, as the config asks for, and take the object of that name.

    Raises:
        ConfigError: BAD_VALUE at `where` if the file cannot be read or holds no such name.
        PluginError: PLUGIN_RAISED if the file raises.
    """
    try:
        file = PythonFile.read(path)
    except OSError as error:
        raise ConfigError(
            Code.BAD_VALUE,
            "The Python file cannot be read",
            where=where,
            got=f"{path}: {error.strerror}",
            hint="relative paths start at the folder of the config file",
        ) from error
    guard = Guard(provider=str(path), own=False)
    module = guard.call("while it is imported", file.run)
    if name not in vars(module):
        raise ConfigError(
            Code.BAD_VALUE,
            "The Python file holds no such name",
            where=where,
            got=f"{path.name}:{name}",
            allowed=", ".join(sorted(n for n in vars(module) if not n.startswith("_"))) or "a name",
        )
    return UserObject(value=vars(module)[name], guard=guard, digest=file.digest)
