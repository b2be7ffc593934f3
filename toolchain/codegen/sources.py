"""The kernels' C files and the templates of projects, as they are installed beside this module."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

INCLUDE = re.compile(r'^#include "(\w+)\.h"', re.MULTILINE)
"""Names of headers that a C file includes, without their endings."""


@cache
def kernel_source(name: str) -> str | None:
    """Text of a kernel file; None where there is no such file."""
    path = files("toolchain.codegen") / "kernels" / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def template(name: str) -> str:
    """Text of a template of a project's files."""
    return (files("toolchain.codegen") / "templates" / name).read_text(encoding="utf-8")


def kernel_files(headers: Iterable[str]) -> dict[str, str]:
    """Texts, by file name, of some kernels' headers and sources and of all that they include."""
    found: dict[str, str] = {}
    open_stems = sorted(set(headers))
    while open_stems:
        stem = open_stems.pop()
        for name in (f"{stem}.h", f"{stem}.c"):
            text = kernel_source(name)
            if text is not None and name not in found:
                found[name] = text
                open_stems.extend(INCLUDE.findall(text))
    return dict(sorted(found.items()))
