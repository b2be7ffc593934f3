from __future__ import annotations

from toolchain.testing import TargetConformance


class TestNPU(TargetConformance):
    target = "npu"
