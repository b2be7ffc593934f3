"""What the check stage found: comparisons within tolerances, and compiled forms bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolchain.core.divergence import Divergence
from toolchain.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One comparison of one tensor over all samples."""

    comparison: str
    tensor: str
    metric: str
    value: float
    limit: float
    passed: bool


class LevelStatus(StrEnum):
    """What came of executing one compiled form."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLevel:
    """One compiled form against the reference: every layer, bit for bit.

    Attributes:
        runner: What executed it.
        status: What came of it.
        required: True if the check is incomplete without it.
        samples: Samples compared.
        tensors: Tensors compared of each.
        elements: Elements compared, of all samples.
        first: The first tensor that differs, in the order of the program, explained; the reference
            is "a". None for none.
        missing: Why it was not executed.
    """

    runner: str
    status: LevelStatus
    required: bool
    samples: int = 0
    tensors: int = 0
    elements: int = 0
    first: Divergence | None = None
    missing: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Every comparison of the check stage.

    Attributes:
        rows: Comparisons of tensors within tolerances.
        samples: Samples compared there.
        passed: False if anything failed.
        levels: Compiled forms that were executed, or could not be.
    """

    rows: tuple[CheckRow, ...]
    samples: int
    passed: bool
    levels: tuple[CheckLevel, ...] = ()

    @property
    def incomplete(self) -> tuple[CheckLevel, ...]:
        """Required forms that could not be executed."""
        return tuple(
            level for level in self.levels if level.required and level.status is LevelStatus.MISSING
        )
