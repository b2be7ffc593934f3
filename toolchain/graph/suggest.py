"""Names of the model that a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str | None]) -> str | None:
    """A hint with up to three names like `name`, or None where nothing is."""
    close = get_close_matches(name, [item for item in known if item], n=3)
    return f"did you mean {', '.join(f'`{item}`' for item in close)}?" if close else None
