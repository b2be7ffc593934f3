"""One streaming sweep over the samples, observing every value that quantization asks for.

Samples, not operators, are spread over the threads: each worker runs whole forward passes on one
onnxruntime thread, into a buffer of its own, and observes what it computed. That keeps every core
busy without synchronization inside the model, and the result of a sample cannot depend on how many
threads there are. Everything but the channel sums merges in any order; these are handed back per
run and added in sample order.
"""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.forward import Forward, ForwardModel, Shape
from toolchain.calibration.ordered import core_count, ordered_map
from toolchain.calibration.statistics import Tables, arrange, fastest_kernel
from toolchain.errors import CalibrationError, Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from toolchain.core.progress import Progress
    from toolchain.core.samples import SampleStore
    from toolchain.core.stats import TensorStats

_BUFFER_BYTES = 1 << 30
"""All workers' buffers together; a huge model gets fewer workers, not more memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """How a sweep runs.

    Attributes:
        batch_size: Samples per forward run; more than 1 needs a model whose batch is free.
        threads: Workers; 0 takes one per core. No influence on the result.
        part: Numbers (start, stop) of the samples of a partial sweep, to be merged with the
            others' by `statistics.merge`; None takes all.
    """

    batch_size: int = 1
    threads: int = 0
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCost:
    """What a sweep took: `forwards` counts every run of the model, trials included."""

    samples: int
    values: int
    forwards: int


def sweep(
    model: Path,
    values: Sequence[str],
    samples: SampleStore,
    options: SweepOptions,
    progress: Progress,
) -> tuple[Mapping[str, TensorStats], SweepCost]:
    """Statistics of `values` over all samples, in memory that does not grow with their number.

    Args:
        model: ONNX file; every value is one of its float32 inputs or outputs.
        values: What to observe, in the order of the result.
        samples: The preprocessed samples.
        options: Batch size, threads and part.
        progress: Shows one step per sample.

    Returns:
        Statistics by value, and what the sweep cost.

    Raises:
        CalibrationError: A value is not to be had, is not float32, or became NaN or infinite, or
            onnxruntime failed.
        ConfigError: The model's batch does not allow `options.batch_size`.
    """
    start, stop = options.part or (0, len(samples))
    runs = range(start, stop, options.batch_size)
    forward = ForwardModel(model, values, samples)
    forward.check_batch(start, min(options.batch_size, stop - start))
    sizes = {min(options.batch_size, stop - run) for run in (runs[0], runs[-1])}
    shapes = {size: forward.shapes(start, size) for size in sorted(sizes, reverse=True)}
    workers = _workers(forward, shapes, min(options.threads or core_count(), len(runs)))
    idle: SimpleQueue[_Worker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def observe(first: int) -> NDArray[np.float64]:
        worker = idle.get()
        try:
            return worker.observe(first, min(options.batch_size, stop - first))
        finally:
            idle.put(worker)

    tables = workers[0].tables
    sums = np.zeros(tables.abs_max.size)
    with progress.task("calibration", stop - start) as advance:
        for first, part in zip(runs, ordered_map(observe, runs, len(workers)), strict=True):
            sums += part
            advance(min(options.batch_size, stop - first))
    for worker in workers[1:]:
        tables.add(worker.tables)
    stats = {
        value: tables.result(number, sums, stop - start) for number, value in enumerate(values)
    }
    forwards = len(runs) * forward.computes + forward.trial_runs
    return stats, SweepCost(samples=stop - start, values=len(stats), forwards=forwards)


class _Worker:
    """One buffer, the runs bound to it and what they have shown so far."""

    def __init__(self, model: ForwardModel, shapes: Mapping[int, Mapping[str, Shape]]) -> None:
        self.samples = model.samples
        self.values = model.values
        self.kernel = fastest_kernel()
        largest = max(shapes)
        slots, length = arrange([shapes[largest][value] for value in model.values], largest)
        # Whole pages from the system, aligned to cache lines, as onnxruntime likes them.
        arena = _aligned(length)
        self.tables = Tables.empty(slots)
        self.runs = {size: Forward(model, found, size, arena) for size, found in shapes.items()}
        self.views = {
            size: self.tables.laid_out(forward.slots) for size, forward in self.runs.items()
        }

    def observe(self, first: int, size: int) -> NDArray[np.float64]:
        """Run and observe `size` samples from number `first` on; returns their channel sums."""
        forward = self.runs[size]
        forward.run(first)
        sums = np.zeros(self.tables.abs_max.size)
        broken = self.kernel(forward.arena, first, self.views[size], sums)
        if broken >= 0:
            names = self.samples.names[first : first + size]
            raise CalibrationError(
                Code.CALIBRATION_FAILED,
                "The float model computes NaN or infinity",
                where=self.values[broken],
                got=f"not finite for sample {', '.join(names)}",
                hint="check the preprocessing and the weights; such a value has no range",
            )
        return sums


def _workers(
    model: ForwardModel, shapes: Mapping[int, Mapping[str, Shape]], threads: int
) -> list[_Worker]:
    """As many workers as threads, as long as their buffers fit."""
    largest = max(shapes)
    _, length = arrange([shapes[largest][value] for value in model.values], largest)
    fitting = _BUFFER_BYTES // max(4 * length, 1)
    return [_Worker(model, shapes) for _ in range(max(1, min(threads, fitting)))]


def _aligned(length: int) -> NDArray[np.float32]:
    memory = np.empty(length + 16, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    return memory[skip : skip + length]
