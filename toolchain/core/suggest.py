"""Did you mean: the closest of the names there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(got: str, known: Iterable[str | None], most: int = 1) -> str | None:
    """A hint with the names closest to `got` in any letter case; None where none is close.

    Args:
        got: What the user wrote.
        known: All names; None stands for what has no name.
        most: How many names to offer: one of options, more of tensors and nodes.
    """
    names = {name.lower(): name for name in known if name}
    close = [f"`{names[name]}`" for name in get_close_matches(got.lower(), names, n=most)]
    return f"did you mean {', '.join(close)}?" if close else None


def listing(names: Iterable[str]) -> str:
    """Allowed names as an error shows them."""
    return ", ".join(names) or "none"
