"""The markers of hook specifications and implementations."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "toolchain"
ENTRY_POINTS: Final = "toolchain.plugins"

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""
