"""The range methods that come with the toolchain."""

from __future__ import annotations

from toolchain.calibration.ranges.default import default
from toolchain.calibration.ranges.kl import kl
from toolchain.calibration.ranges.mse import mse
from toolchain.calibration.ranges.simple import minmax, percentile_range
from toolchain.core.registry import RangeMethodDef

RANGE_METHODS: tuple[RangeMethodDef, ...] = (
    RangeMethodDef(
        name="default",
        summary="Least expected squared error that reaches the model outputs",
        function=default,
        weighed=True,
    ),
    RangeMethodDef(
        name="minmax", summary="From the smallest to the largest element", function=minmax
    ),
    RangeMethodDef(
        name="percentile",
        summary="Keeps the share `percentile` of the elements",
        function=percentile_range,
    ),
    RangeMethodDef(name="mse", summary="Least expected squared error", function=mse),
    RangeMethodDef(name="kl", summary="Least loss of information (8 bits and less)", function=kl),
)
