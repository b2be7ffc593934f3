"""One form of a published model on samples of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from toolchain.accelerator.batches import composed
from toolchain.analysis.tracing import Storage, Traced, trace_model, trace_program, trace_runner
from toolchain.core.dtypes import Array
from toolchain.core.progress import Progress, SilentProgress
from toolchain.errors import Code, ConfigError, SystemFailure
from toolchain.pipeline.feeding import Sample, names_of, prepare, samples_by_input
from toolchain.pipeline.published import Published, open_published
from toolchain.pipeline.stages.compile import SOURCES
from toolchain.plugin.manager import PluginManager
from toolchain.plugin.runners import RunnerRequest
from toolchain.program.serialize import load_program

FLOAT, QDQ, REFERENCE = "float", "qdq", "reference"
FORMS = (FLOAT, QDQ, REFERENCE)
"""Runners that every target has; those of compiled forms come from plugins."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleRun:
    """What came of one sample.

    Attributes:
        sample: Its name: the file as it was given, or its number.
        inputs: What the model was fed.
        outputs: Model outputs, in its order, as they are stored.
        layers: Every layer's tensors, as they are stored; empty unless they were asked for.
        storage: How each of all these tensors is stored.
        batch: Samples that were run at once, this one among them.
    """

    sample: str
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    layers: Mapping[str, Array]
    storage: Mapping[str, Storage]
    batch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is run on what.

    Attributes:
        folder: Folder that a build published for a target.
        samples: For each model input, its samples; the key None stands for the only input.
        runner: Which form: one of `FORMS`, or a runner that a plugin has for the target.
        layers: True hands out every layer's tensors.
        preprocess: False feeds arrays as they are.
        threads: Threads of the reference; 0 takes one per core.
    """

    folder: Path
    samples: Mapping[str | None, Sequence[Sample]]
    runner: str = REFERENCE
    layers: bool = False
    preprocess: bool = True
    threads: int = 0


def run(
    folder: str | Path,
    samples: Sequence[Sample] | Mapping[str, Sequence[Sample]],
    *,
    runner: str = "reference",
    layers: bool = False,
    preprocess: bool = True,
) -> tuple[SampleRun, ...]:
    """Run a published model on samples, as `tc run` does.

    Args:
        folder: Folder of a target, as in build/NAME/riscv.
        samples: Files (images or .npy) or arrays, one per sample; for several model inputs, a
            sequence of the same length for each by name.
        runner: "float", "qdq" (both in onnxruntime), "reference" (the integer program), or a
            compiled form: "c" (generated C on this computer), and what the target's plugin has.
        layers: True hands out every layer's tensors, too.
        preprocess: False feeds arrays as they are, and not as the build fed its samples.

    Returns:
        One result per sample, in order.

    Raises:
        ToolchainError: The error that `tc run` would show.
    """
    named = samples if isinstance(samples, Mapping) else {None: samples}
    request = RunRequest(
        folder=Path(folder),
        samples=dict(named.items()),
        runner=runner,
        layers=layers,
        preprocess=preprocess,
    )
    return tuple(run_samples(request, PluginManager.load(), SilentProgress()))


def run_samples(
    request: RunRequest, manager: PluginManager, progress: Progress
) -> Iterator[SampleRun]:
    """Run one sample after the other, or one batch where the form takes several at once.

    What came of one batch is handed out before the next is run. A form that takes batches runs the
    samples in as large ones as possible.

    Raises:
        ToolchainError: The folder was not published, or samples do not fit the model.
    """
    published = open_published(request.folder)
    with TemporaryDirectory(prefix="tc-run-") as scratch, ExitStack() as stack:
        given = samples_by_input(request.samples, published)
        names = names_of(given)
        store = prepare(given, published, Path(scratch), manager, preprocess=request.preprocess)
        traced = _traced(request, published, Path(scratch), manager, stack)
        samples = (store.batch(index) for index in range(len(names)))
        runs = run_traced(traced, samples, len(names))
        with progress.task("run", len(names)) as advance:
            for name, (batch, feeds, found) in zip(names, runs, strict=True):
                yield SampleRun(
                    sample=name,
                    inputs=feeds,
                    outputs={output: found[output] for output in traced.outputs},
                    layers={n: a for n, a in found.items() if n not in traced.outputs},
                    storage=traced.storage,
                    batch=batch,
                )
                advance(1)


def run_traced(
    traced: Traced, samples: Iterable[Mapping[str, Array]], count: int
) -> Iterator[tuple[int, Mapping[str, Array], Mapping[str, Array]]]:
    """How many of `count` samples were run at once with each, its feeds, and what comes of it.

    Raises:
        DataError: No sum of the form's batches is the number of samples.
    """
    waiting = iter(samples)
    for batch in composed(count, traced.batches):
        feeds = list(islice(waiting, batch))
        if batch == 1:
            yield 1, feeds[0], traced.run(feeds[0])
            continue
        joined = {name: np.concatenate([each[name] for each in feeds]) for name in feeds[0]}
        parts = {name: np.split(array, batch) for name, array in traced.run(joined).items()}
        for index, sample in enumerate(feeds):
            yield batch, sample, {name: part[index] for name, part in parts.items()}


def _traced(
    request: RunRequest,
    published: Published,
    scratch: Path,
    manager: PluginManager,
    stack: ExitStack,
) -> Traced:
    """The form that is asked for, ready to run; `stack` closes it."""
    if request.runner == FLOAT:
        return trace_model(published.optimized, scratch, layers=request.layers)
    if request.runner == QDQ:
        return trace_model(published.qdq, scratch, layers=request.layers)
    compiled = manager.runners_of(published.target)
    if request.runner != REFERENCE and request.runner not in compiled:
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no runner of this name",
            where="runner",
            got=request.runner,
            allowed=", ".join((*FORMS, *compiled)),
        )
    program = load_program(published.folder, published.program)
    if request.runner == REFERENCE:
        return trace_program(program, layers=request.layers, threads=request.threads)
    runner = compiled[request.runner]
    missing = runner.missing(published.files)
    if missing:
        raise SystemFailure.of(missing)
    spec = manager.targets()[published.target].spec
    opened = runner.open(
        RunnerRequest(
            folder=published.folder,
            files=dict.fromkeys(published.files, ""),
            program=program,
            name=published.program,
            platform=published.platform,
            sources=published.folder / SOURCES,
            layers=request.layers,
            scratch=scratch,
            machines=spec.on(published.platform).platforms[0].machines,
        )
    )
    return trace_runner(program, stack.enter_context(opened), layers=request.layers)
