from __future__ import annotations

from toolchain.testing import TargetConformance


class TestKDP(TargetConformance):
    target = "kdp"
