"""How long-running work tells how far it is, without knowing a terminal."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Advance(Protocol):
    """Called with the number of steps done since the last call."""

    def __call__(self, steps: int = 1, /) -> None:
        """Move on."""
        ...


class Progress(Protocol):
    """Opens one bar per task."""

    def task(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """A bar of `total` steps, closed when the context ends."""
        ...


class SilentProgress:
    """Shows nothing."""

    def task(self, label: str, total: int) -> AbstractContextManager[Advance]:  # noqa: ARG002 - protocol
        """A bar that nobody sees."""
        return nullcontext(_ignore)


def _ignore(steps: int = 1, /) -> None:
    del steps
