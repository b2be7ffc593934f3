"""Python files of the user's own, of which the config names something: `file.py:name`."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Self

_NAMED = re.compile(r"(?P<file>.+\.py):(?P<name>[^/\\:]*)", re.DOTALL)


def split_name(text: str) -> tuple[str, str] | None:
    """File and name of `file.py:name`; None for everything else."""
    match = _NAMED.fullmatch(text)
    return None if match is None else (match["file"], match["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFile:
    """A file as it was when it was read, so that what is run is what the digest stands for.

    Attributes:
        path: Where it was read.
        source: Its bytes.
    """

    path: Path
    source: bytes

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file as it is now; OSError where it cannot be read."""
        return cls(path=path, source=path.read_bytes())

    @property
    def digest(self) -> str:
        """SHA-256 of the source, for cache keys."""
        return hashlib.sha256(self.source).hexdigest()

    def run(self) -> ModuleType:
        """Run the file as a module of its own; raises what the file raises.

        It may import installed packages, but no modules beside it: a change of theirs would not be
        seen by the cache.
        """
        module = ModuleType(f"tc_file_{self.path.stem}")
        module.__file__ = str(self.path)
        # Dataclasses look their module up by its name while the file runs.
        sys.modules[module.__name__] = module
        try:
            # Not by an import: that would take bytecode of an older source for this one.
            code = compile(self.source, str(self.path), "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 - the user's own
        finally:
            del sys.modules[module.__name__]
        return module
