"""Standard output belongs to the command's answer; plugins speak on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from toolchain.plugin.speaking import in_plugin


class _Answers:
    """Standard output for the toolchain, standard error for plugins."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if in_plugin() else self._stream, name)


@contextmanager
def kept_for_answers() -> Iterator[None]:
    """What plugins print inside goes to standard error, so that JSON stays one document."""
    stream = sys.stdout
    sys.stdout = cast("TextIO", _Answers(stream))
    try:
        yield
    finally:
        sys.stdout = stream


def keep_from_children() -> None:
    """Move standard output away from where programs that this process starts write to.

    They write to standard error from now on, as the compilers of vendors do whatever they are
    asked; `sys.stdout` still writes to where it did.
    """
    stream, errors = sys.stdout, sys.stderr
    if stream is None or errors is None:
        return
    stream.flush()
    kept = os.dup(stream.fileno())
    os.dup2(errors.fileno(), stream.fileno())
    buffering = 1 if stream.isatty() else -1
    sys.stdout = os.fdopen(kept, "w", buffering, encoding=stream.encoding, errors=stream.errors)
