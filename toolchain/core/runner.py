"""Ways to execute a compiled artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from toolchain.core.dtypes import Array


class Runner(Protocol):
    """An artifact that is ready to execute."""

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs of one sample, and its layers where they were asked for, by tensor name.

        Args:
            feeds: Every program input, with the shape and type of its tensor.
        """
        ...
