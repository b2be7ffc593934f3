"""Ways to execute a compiled artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from toolchain.core.dtypes import Array


class Runner(Protocol):
    """An artifact that is ready to execute."""

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs of one sample, and its layers where they were asked for, by tensor name.

        Args:
            feeds: Every program input, with the shape and type of its tensor.
        """
        ...


@runtime_checkable
class BatchRunner(Runner, Protocol):
    """One that also runs several samples at once, one after the other along the first axes."""

    @property
    def batches(self) -> tuple[int, ...]:
        """Numbers of samples that it runs at once, rising."""
        ...
