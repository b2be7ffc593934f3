"""Work on many items in several threads, with results in order and a bounded number under way."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Results of `function` in the order of `items`, computed by `threads` threads.

    At most twice as many items as threads are under way or waiting to be consumed, so memory does
    not grow with the number of items. The first error in the order of the items is raised, and the
    items behind it that have not begun are dropped.
    """
    if threads == 1:  # a second thread would only hand over
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(threads)
    window: deque[Future[Result]] = deque()
    try:
        for item in items:
            window.append(pool.submit(function, item))
            if len(window) >= 2 * threads:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
