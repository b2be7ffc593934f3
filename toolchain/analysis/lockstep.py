"""A compiled form and the reference on the same samples: every layer, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.progress import Progress
from toolchain.core.runner import Runner
from toolchain.core.samples import SampleStore
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockstep:
    """What a comparison found.

    Attributes:
        samples: Samples compared.
        tensors: Tensors compared of each.
        elements: Elements compared, of all samples.
        sample: The sample in which a difference was found first; None for none.
        first: The first tensor of it that differs, in the order of the program.
        different: Its elements that differ.
    """

    samples: int
    tensors: int
    elements: int
    sample: int | None = None
    first: str | None = None
    different: int = 0


def compare_in_lockstep(
    program: Program, runner: Runner, samples: SampleStore, count: int, progress: Progress
) -> Lockstep:
    """Run `count` samples on both, and stop at the first that differs.

    NaN in float islands counts as equal to NaN: its bits are not specified.
    """
    written = [name for op in program.operations for name in op.outputs if name]
    names = tuple(dict.fromkeys((*written, *program.outputs)))
    reference = Interpreter(program)
    elements = 0
    with progress.task("check", count) as advance:
        for index in range(count):
            feeds = samples.batch(index)
            expected = reference.run(feeds, names)
            found = runner.run(feeds)
            elements += sum(expected[name].size for name in names)
            first = next((name for name in names if _different(name, expected, found)), None)
            if first is not None:
                return Lockstep(
                    samples=index + 1,
                    tensors=len(names),
                    elements=elements,
                    sample=index,
                    first=first,
                    different=_different(first, expected, found),
                )
            advance(1)
    return Lockstep(samples=count, tensors=len(names), elements=elements)


def _different(name: str, expected: Mapping[str, Array], found: Mapping[str, Array]) -> int:
    """Elements of one tensor that differ."""
    one, other = expected[name], found[name]
    if one.dtype.kind == "f":
        same = (one == other) & (np.signbit(one) == np.signbit(other))
        return int(np.count_nonzero(~(same | (np.isnan(one) & np.isnan(other)))))
    return int(np.count_nonzero(one != other))
