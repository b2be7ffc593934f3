"""A compiled form and the reference on the same samples: every layer, or the outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.analysis.divergence import Held, Step, explain, steps, storage_of
from toolchain.analysis.excluded import matched
from toolchain.core.divergence import Divergence
from toolchain.core.dtypes import Array
from toolchain.core.options import CompiledCheckOptions, CompiledLevel, Scope
from toolchain.core.runner import Runner
from toolchain.numerics.metrics import cosine, max_excess
from toolchain.program.batched import batched
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program

EXCLUDE = "check.compiled.exclude"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A tensor that differs more than is tolerated.

    Attributes:
        metric: Name of the measure.
        value: What it says of the tensor.
        limit: What it may say.
        divergence: The first element that differs, explained; the reference is "a".
    """

    metric: str
    value: float
    limit: float
    divergence: Divergence


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockstep:
    """What a comparison found.

    Attributes:
        samples: Samples compared.
        tensors: Tensors compared of each run.
        elements: Elements compared, of all samples.
        different: Those whose bits differ.
        failure: The first tensor that is not tolerated, in the order of the program, of the first
            run in which there is one.
    """

    samples: int
    tensors: int
    elements: int
    different: int
    failure: Failure | None = None


def compare_in_lockstep(
    program: Program,
    runner: Runner,
    runs: Iterable[Sequence[Mapping[str, Array]]],
    options: CompiledCheckOptions,
) -> Lockstep:
    """Execute samples on both, and stop at the first run in which too much differs.

    Args:
        program: The reference, for one sample.
        runner: The compiled form; it hands out layers where the scope asks for them.
        runs: Samples that are executed at once, as many in every run.
        options: What is compared, and what is tolerated.

    Layers of several samples are those of `batched(program, ...)`. Outputs are those of the program
    itself, sample by sample, so that no sample can depend on its neighbours unseen. NaN in float
    islands counts as equal to NaN: its bits are not specified.
    """
    single = Interpreter(program)
    samples = tensors = elements = different = 0
    for run in runs:
        several = batched(program, len(run))
        compared = _compared(several, options)
        names = [step.tensor for step in compared]
        feeds = joined(run)
        expected = {**feeds, **Interpreter(several).run(feeds, names)}
        if len(run) > 1:
            expected |= joined([single.run(feed) for feed in run])
        found = {**feeds, **runner.run(feeds)}
        samples, tensors = samples + len(run), len(names)
        elements += sum(expected[name].size for name in names)
        for step in compared:
            mask = _different(expected[step.tensor], found[step.tensor])
            different += int(mask.sum())
            failure = _failure(several, step, expected, found, mask, options)
            if failure is not None:
                return Lockstep(
                    samples=samples,
                    tensors=tensors,
                    elements=elements,
                    different=different,
                    failure=failure,
                )
    return Lockstep(samples=samples, tensors=tensors, elements=elements, different=different)


def comparable(program: Program, options: CompiledCheckOptions) -> tuple[str, ...]:
    """The tensors of a program that the scope compares, in its order."""
    if options.scope is Scope.OUTPUTS:
        return program.outputs
    return tuple(step.tensor for step in steps(program) if step.op is not None)


def joined(samples: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Samples one after the other along the first axes; what has no axis gets one."""
    if len(samples) == 1:
        return dict(samples[0])
    return {
        name: np.concatenate([np.atleast_1d(sample[name]) for sample in samples])
        for name in samples[0]
    }


def _compared(program: Program, options: CompiledCheckOptions) -> list[Step]:
    names = set(comparable(program, options))
    names -= matched(names, options.exclude, EXCLUDE)
    return [step for step in steps(program) if step.tensor in names]


def _failure(
    program: Program,
    step: Step,
    expected: Mapping[str, Array],
    found: Mapping[str, Array],
    mask: NDArray[np.bool_],
    options: CompiledCheckOptions,
) -> Failure | None:
    """The measure of a tensor where it is beyond its limit."""
    if not mask.any():
        return None
    runs = (_held(program, expected), _held(program, found))
    name, limit = step.tensor, 0.0
    match options.level:
        case CompiledLevel.CLOSE:
            metric, limit = "allclose", 1.0
            value = max_excess(runs[0][name].real, runs[1][name].real, options.rtol, options.atol)
            passed = value <= limit
        case CompiledLevel.COSINE:
            metric, limit = "cosine", options.min_cosine
            value = cosine(runs[0][name].real, runs[1][name].real)
            passed = value >= limit
        case _:
            metric, value, passed = "exact", float(np.count_nonzero(mask)), False
    if passed:
        return None
    divergence = explain(program, step, *runs, mask)
    return Failure(metric=metric, value=value, limit=limit, divergence=divergence)


def _different(one: Array, other: Array) -> NDArray[np.bool_]:
    """Elements whose bits differ."""
    if one.dtype.kind == "f":
        same = (one == other) & (np.signbit(one) == np.signbit(other))
        return np.asarray(~(same | (np.isnan(one) & np.isnan(other))), np.bool_)
    return np.asarray(one != other, np.bool_)


def _held(program: Program, run: Mapping[str, Array]) -> dict[str, Held]:
    return {
        name: Held(array=array, storage=storage_of(program, name))
        for name, array in run.items()
        if name in program.tensors
    }
