"""What the pipeline hands over to be shown, as far as this floor looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.check_report import CheckReport
    from toolchain.core.cost import CostReport
    from toolchain.core.diagnostics import Diagnostic
    from toolchain.core.reports import (
        AccuracyReport,
        AnalysisReport,
        CalibrationReport,
        FileRow,
        OptimizeReport,
        QuantReport,
        RuleEffect,
    )


class TargetResult(Protocol):
    """One target's build; a report is None where its stage did not run."""

    @property
    def target(self) -> str:
        """Name of the target."""
        ...

    @property
    def platform(self) -> str:
        """Its chip."""
        ...

    @property
    def machine(self) -> tuple[str, ...]:
        """What the model of the machine says of every batch that was compiled."""
        ...

    @property
    def optimize(self) -> OptimizeReport | None:
        """What the first stage did."""
        ...

    @property
    def calibration(self) -> CalibrationReport | None:
        """What the sweep cost."""
        ...

    @property
    def quantize(self) -> QuantReport | None:
        """What was quantized how."""
        ...

    @property
    def effects(self) -> Sequence[RuleEffect]:
        """What mixed precision changed."""
        ...

    @property
    def cost(self) -> CostReport | None:
        """What the program costs."""
        ...

    @property
    def check(self) -> CheckReport | None:
        """The comparisons."""
        ...

    @property
    def accuracy(self) -> AccuracyReport | None:
        """The scores on labelled samples."""
        ...

    @property
    def analysis(self) -> AnalysisReport | None:
        """The precision of every layer."""
        ...

    @property
    def files(self) -> Sequence[FileRow]:
        """What was written."""
        ...

    @property
    def diagnostics(self) -> Sequence[Diagnostic]:
        """What the stages had to say."""
        ...

    @property
    def cached(self) -> Sequence[str]:
        """Stages whose result was taken from the cache."""
        ...
