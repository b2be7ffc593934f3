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
    TOLERATED = "tolerated"
    DIFFERENT = "different"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLevel:
    """One compiled form against the reference, in one batch of one group of input shapes.

    Attributes:
        runner: What executed it.
        status: What came of it: equal to the bit, different as far as `check.compiled` tolerates
            it, or different.
        required: True if the check is incomplete without it.
        demand: What `check.compiled` asks of it.
        group: Number of the input shapes.
        batch: Samples executed at once.
        samples: Samples compared.
        tensors: Tensors compared of each run.
        elements: Elements compared, of all samples.
        different: Those that differ, up to the first that is not tolerated.
        first: The first tensor that is not tolerated, in the order of the program, explained; the
            reference is "a". None for none.
        failed: What was measured of it.
        missing: Why it was not executed.
    """

    runner: str
    status: LevelStatus
    required: bool
    demand: str = "equal"
    group: int = 0
    batch: int = 1
    samples: int = 0
    tensors: int = 0
    elements: int = 0
    different: int = 0
    first: Divergence | None = None
    failed: CheckRow | None = None
    missing: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """The runner, with group and batch where they are not the first."""
        parts = [self.runner]
        parts += [f"group {self.group}"] if self.group else []
        parts += [f"batch {self.batch}"] if self.batch > 1 else []
        return ", ".join(parts)


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
