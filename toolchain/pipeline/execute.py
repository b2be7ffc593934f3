"""One form of a published model on samples of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
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
from toolchain.pipeline.machines import machine_of, request_of
from toolchain.pipeline.published import Published, open_published
from toolchain.pipeline.stages.groups import Lowering, group_program
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.manager import PluginManager
from toolchain.plugin.runners import CompiledForm, RunnerDef
from toolchain.program.processors import Processors
from toolchain.program.records import Program
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
        runner: Which form: one of `FORMS`, or a runner that a plugin has for the target; None as
            `default_runner` says.
        group: Number of the input shapes; 0 for those of the model itself.
        batch: Samples that are executed at once; None: as many as the form allows.
        layers: True hands out every layer's tensors.
        preprocess: False feeds arrays as they are.
        threads: Threads of the reference; 0 takes one per core.
    """

    folder: Path
    samples: Mapping[str | None, Sequence[Sample]]
    runner: str | None = None
    group: int = 0
    batch: int | None = None
    layers: bool = False
    preprocess: bool = True
    threads: int = 0


def run(
    folder: str | Path,
    samples: Sequence[Sample] | Mapping[str, Sequence[Sample]],
    *,
    runner: str | None = None,
    group: int = 0,
    batch: int | None = None,
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
            Left out: the target's machine where the build compiled for one, else the reference.
        group: Number of the input shapes, of those in `compile.groups`; 0 for the model's own.
        batch: Samples that a machine executes at once; left out: as many as it was compiled for.
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
        group=group,
        batch=batch,
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
        name = request.runner or default_runner(published, manager)
        processors = Processors()
        if name not in (FLOAT, QDQ):
            processors = published.processors(manager)
        traced, shapes = _opened(
            request, name, processors, published, Path(scratch), manager, stack
        )
        store = prepare(
            given,
            published,
            Path(scratch),
            manager,
            preprocess=request.preprocess,
            shapes=shapes,
        )
        samples = (processors.feeds(store.batch(index)) for index in range(len(names)))
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


def _opened(
    request: RunRequest,
    name: str,
    processors: Processors,
    published: Published,
    scratch: Path,
    manager: PluginManager,
    stack: ExitStack,
) -> tuple[Traced, Mapping[str, tuple[int, ...]]]:
    """The form `name`, ready to run, and shapes of inputs that are not the model's own."""
    runner = _compiled(name, published, manager)
    if name in (FLOAT, QDQ):
        traced = _traced_model(request, name, published, scratch)
        return _in_batches_of(traced, request.batch), {}
    program = _program(request, published, scratch, manager, runner)
    shapes = {each: program.tensors[each].shape for each in program.inputs}
    if request.group:
        program = processors.apply(program)
    traced = _traced_program(request, program, published, scratch, manager, runner, stack)
    return _in_batches_of(traced, request.batch), shapes if request.group else {}


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


def default_runner(published: Published, manager: PluginManager) -> str:
    """What runs where nothing else is asked for: the machine where there is a compiled model."""
    machine = machine_of(manager, published.target)
    return REFERENCE if machine is None or machine.missing(published.files) else machine.name


def _in_batches_of(traced: Traced, batch: int | None) -> Traced:
    """The form with the only batch that is asked for."""
    if batch is None:
        return traced
    if batch not in traced.batches:
        raise _no_such("batch", batch, map(str, traced.batches))
    return replace(traced, batches=(batch,))


def _compiled(name: str, published: Published, manager: PluginManager) -> RunnerDef | None:
    """The runner of a compiled form, None for the forms that every target has."""
    if name in FORMS:
        return None
    compiled = manager.runners_of(published.target)
    if name not in compiled:
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no runner of this name",
            where="runner",
            got=name,
            allowed=", ".join((*FORMS, *compiled)),
        )
    return compiled[name]


def _program(
    request: RunRequest,
    published: Published,
    scratch: Path,
    manager: PluginManager,
    runner: RunnerDef | None,
) -> Program:
    """The integer program in the shapes of the group that is asked for.

    That of group 0 has its processors already.
    """
    if request.group == 0:
        return load_program(published.folder, published.program)
    if runner is not None and runner.form is not CompiledForm.MACHINE:
        raise _no_such("group", request.group, ("0, with this runner",))
    options = published.options(manager)
    groups = options.compile.groups
    if not 0 <= request.group <= len(groups):
        raise _no_such("group", request.group, map(str, range(len(groups) + 1)))
    target = manager.targets()[published.target]
    lowering = Lowering(
        hooks=TargetHooks(manager, published.target),
        target=target.facts(published.platform, options.target_options),
        name=published.program,
    )
    index = request.group - 1
    return group_program(lowering, published.qdq, groups[index], scratch, index)


def _no_such(what: str, got: int, allowed: Iterable[str]) -> ConfigError:
    listed = ", ".join(allowed)
    return ConfigError(
        Code.BAD_VALUE, f"There is no such {what}", where=what, got=got, allowed=listed
    )


def _traced_model(request: RunRequest, runner: str, published: Published, scratch: Path) -> Traced:
    """A form in onnxruntime, in the model's own shapes."""
    if request.group:
        raise _no_such("group", request.group, ("0, with this runner",))
    model = published.optimized if runner == FLOAT else published.qdq
    return trace_model(model, scratch, layers=request.layers)


def _traced_program(
    request: RunRequest,
    program: Program,
    published: Published,
    scratch: Path,
    manager: PluginManager,
    runner: RunnerDef | None,
    stack: ExitStack,
) -> Traced:
    """The reference or a compiled form, ready to run; `stack` closes it."""
    if runner is None:
        return trace_program(program, layers=request.layers, threads=request.threads)
    missing = runner.missing(published.files)
    if missing:
        raise SystemFailure.of(missing)
    opened = runner.open(
        request_of(
            folder=published.folder,
            files=dict.fromkeys(published.files, ""),
            program=program,
            name=published.program,
            target=manager.targets()[published.target].spec,
            platform=published.platform,
            layers=request.layers,
            scratch=scratch,
            group=request.group,
        )
    )
    return trace_runner(program, stack.enter_context(opened), layers=request.layers)
