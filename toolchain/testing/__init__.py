"""The conformance kit: what every target must do, as a pytest class to subclass.

from toolchain.testing import TargetConformance


class TestAcme(TargetConformance):
    target = "acme"
"""

from toolchain.testing.builds import Bench
from toolchain.testing.conformance import TargetConformance

__all__ = ["Bench", "TargetConformance"]
