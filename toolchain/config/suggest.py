"""Did you mean: the closest of the allowed names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(got: str, allowed: Iterable[str]) -> str | None:
    """A hint with the allowed name closest to `got`, None where none is close."""
    names = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(got.lower(), names, n=1, cutoff=0.6)
    return f"did you mean `{names[close[0]]}`?" if close else None


def listing(names: Iterable[str]) -> str:
    """Allowed names as an error shows them."""
    return ", ".join(names) or "none"
