from __future__ import annotations

from toolchain.testing import TargetConformance


class TestDPU(TargetConformance):
    target = "dpu"
