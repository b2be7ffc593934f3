"""Whose code is running, so that what a plugin prints is no part of a command's answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PLUGIN: ContextVar[bool] = ContextVar("plugin", default=False)


def in_plugin() -> bool:
    """True while code of a plugin runs in this thread."""
    return _PLUGIN.get()


@contextmanager
def plugin_code() -> Iterator[None]:
    """Code of a plugin runs inside."""
    token = _PLUGIN.set(True)
    try:
        yield
    finally:
        _PLUGIN.reset(token)
