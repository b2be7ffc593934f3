"""A compiled form and the reference on the same samples: every layer, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.analysis.divergence import Held, explain, steps, storage_of
from toolchain.core.divergence import Divergence
from toolchain.core.dtypes import Array
from toolchain.core.progress import Progress
from toolchain.core.runner import Runner
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockstep:
    """What a comparison found.

    Attributes:
        samples: Samples compared.
        tensors: Tensors compared of each.
        elements: Elements compared, of all samples.
        first: The first tensor that differs, in the order of the program, of the first sample in
            which one does; the reference is "a".
    """

    samples: int
    tensors: int
    elements: int
    first: Divergence | None = None


def compare_in_lockstep(
    program: Program,
    runner: Runner,
    samples: Iterable[Mapping[str, Array]],
    count: int,
    progress: Progress,
) -> Lockstep:
    """Run `count` samples, feeds of the program, on both, and stop at the first that differs.

    NaN in float islands counts as equal to NaN: its bits are not specified.
    """
    tensors = [step for step in steps(program) if step.op is not None]
    names = [step.tensor for step in tensors]
    reference = Interpreter(program)
    elements = 0
    with progress.task("check", count) as advance:
        for index, feeds in enumerate(samples):
            expected = {**feeds, **reference.run(feeds, names)}
            found = {**feeds, **runner.run(feeds)}
            elements += sum(expected[name].size for name in names)
            for step in tensors:
                mask = _different(expected[step.tensor], found[step.tensor])
                if mask.any():
                    runs = (_held(program, expected), _held(program, found))
                    first = explain(program, step, *runs, mask)
                    return Lockstep(
                        samples=index + 1, tensors=len(names), elements=elements, first=first
                    )
            advance(1)
    return Lockstep(samples=count, tensors=len(names), elements=elements)


def _different(one: Array, other: Array) -> NDArray[np.bool_]:
    """Elements whose bits differ."""
    if one.dtype.kind == "f":
        same = (one == other) & (np.signbit(one) == np.signbit(other))
        return np.asarray(~(same | (np.isnan(one) & np.isnan(other))), np.bool_)
    return np.asarray(one != other, np.bool_)


def _held(program: Program, run: Mapping[str, Array]) -> dict[str, Held]:
    return {
        name: Held(array=array, storage=storage_of(program, name)) for name, array in run.items()
    }
