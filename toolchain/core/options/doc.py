"""What every option record is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STRICT: dict[str, Any] = {"extra": "forbid"}
"""Read by the config floor: a key that no record has is an error."""


@dataclass(frozen=True, slots=True)
class Doc:
    """The text of an option in the reference, the schema and `tc config init`."""

    text: str
