from __future__ import annotations

from toolchain.testing import TargetConformance


class TestRiscv(TargetConformance):
    target = "riscv"
