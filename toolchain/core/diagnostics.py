"""What the stages have to say to the user without stopping."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.errors import Problem


class Severity(StrEnum):
    """How much a diagnostic matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding of a stage; it accumulates in the build's state and in the manifest.

    Attributes:
        severity: How much it matters.
        stage: Stage that found it.
        problem: Code, text, place and hint.
    """

    severity: Severity
    stage: str
    problem: Problem
