"""One form of a published model on samples of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np

from toolchain.analysis.tracing import Storage, Traced, trace_model, trace_program
from toolchain.calibration.prepare import SampleRequest, prepare_samples
from toolchain.calibration.sources import Selection
from toolchain.core.dtypes import Array
from toolchain.core.options import InputOptions
from toolchain.core.progress import Progress, SilentProgress
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, ConfigError, DataError, Problem
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.published import Published, Runner, open_published
from toolchain.pipeline.stages.samples import options_by_input
from toolchain.plugin.manager import PluginManager
from toolchain.program.serialize import load_program

Sample: TypeAlias = str | Path | Array
"""A file that holds one sample, or the sample itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleRun:
    """What came of one sample.

    Attributes:
        sample: Its name: the file as it was given, or its number.
        inputs: What the model was fed.
        outputs: Model outputs, in its order, as they are stored.
        layers: Every layer's tensors, as they are stored; empty unless they were asked for.
        storage: How each of all these tensors is stored.
    """

    sample: str
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    layers: Mapping[str, Array]
    storage: Mapping[str, Storage]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is run on what.

    Attributes:
        folder: Folder that a build published for a target.
        samples: For each model input, its samples; the key None stands for the only input.
        runner: Which form.
        layers: True hands out every layer's tensors.
        preprocess: False feeds arrays as they are.
        threads: Threads of the reference; 0 takes one per core.
    """

    folder: Path
    samples: Mapping[str | None, Sequence[Sample]]
    runner: Runner = Runner.REFERENCE
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
        runner: "float", "qdq" (both in onnxruntime) or "reference" (the integer program).
        layers: True hands out every layer's tensors, too.
        preprocess: False feeds arrays as they are, and not as the build fed its samples.

    Returns:
        One result per sample, in order.

    Raises:
        ToolchainError: The error that `tc run` would show.
    """
    if runner not in list(Runner):
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no runner of this name",
            where="runner",
            got=runner,
            allowed=", ".join(Runner),
        )
    by_input = samples if isinstance(samples, Mapping) else {None: samples}
    request = RunRequest(
        folder=Path(folder),
        samples=dict(by_input.items()),
        runner=Runner(runner),
        layers=layers,
        preprocess=preprocess,
    )
    return tuple(run_samples(request, PluginManager.load(), SilentProgress()))


def named_samples(published: Published, words: Sequence[str]) -> dict[str | None, list[Sample]]:
    """Samples by model input, from words like `file` and `name=file`.

    Words without a name are those of the only input, or stand under None where there are several. A
    word is taken as a file where what stands before `=` is no input and there is such a file.
    """
    inputs = [spec.name for spec in input_specs(published.float_model, ())]
    only = inputs[0] if len(inputs) == 1 else None
    found: dict[str | None, list[Sample]] = {}
    for word in words:
        name, equals, file = word.partition("=")
        named = bool(equals) and (name in inputs or not Path(word).is_file())
        found.setdefault(name if named else only, []).append(file if named else word)
    return found


def run_samples(
    request: RunRequest, manager: PluginManager, progress: Progress
) -> Iterator[SampleRun]:
    """Run one sample after the other; what came of one is handed out before the next is run.

    Raises:
        ToolchainError: The folder was not published, or samples do not fit the model.
    """
    published = open_published(request.folder)
    names, given = _by_input(request, published)
    with TemporaryDirectory(prefix="tc-run-") as scratch:
        store = _prepare(request, published, given, Path(scratch), manager)
        traced = _traced(request, published, Path(scratch))
        with progress.task("run", len(names)) as advance:
            for index, name in enumerate(names):
                feeds = store.batch(index)
                found = traced.run(feeds)
                yield SampleRun(
                    sample=name,
                    inputs=feeds,
                    outputs={output: found[output] for output in traced.outputs},
                    layers={n: a for n, a in found.items() if n not in traced.outputs},
                    storage=traced.storage,
                )
                advance(1)


def _traced(request: RunRequest, published: Published, scratch: Path) -> Traced:
    match request.runner:
        case Runner.FLOAT:
            return trace_model(published.float_model, scratch, layers=request.layers)
        case Runner.QDQ:
            return trace_model(published.qdq_model, scratch, layers=request.layers)
        case Runner.REFERENCE:
            program = load_program(published.folder, published.program)
            return trace_program(program, layers=request.layers, threads=request.threads)


def _by_input(
    request: RunRequest, published: Published
) -> tuple[list[str], dict[str, Sequence[Sample]]]:
    """Names of the samples, and the samples of every model input."""
    inputs = [spec.name for spec in input_specs(published.float_model, ())]
    given: dict[str, Sequence[Sample]] = {}
    for name, samples in request.samples.items():
        given[inputs[0] if name is None and len(inputs) == 1 else name or ""] = samples
    wrong = [name for name in given if name not in inputs]
    missing = [name for name in inputs if not len(given.get(name, ()))]
    if wrong or missing:
        raise ConfigError.of(
            [
                Problem(
                    code=Code.UNKNOWN_NAME if name else Code.BAD_USAGE,
                    message="The model has no such input"
                    if name
                    else "The model has several inputs; say which one is meant, as in name=file",
                    where="--input",
                    got=name or None,
                    allowed=", ".join(inputs),
                )
                for name in wrong
            ]
            or [
                Problem(code=Code.BAD_USAGE, message="An input has no sample", where=name)
                for name in missing
            ]
        )
    counts = {name: len(samples) for name, samples in given.items()}
    if len(set(counts.values())) > 1:
        raise DataError(
            Code.DATA_MISMATCH,
            "The inputs have different numbers of samples",
            where="--input",
            got=", ".join(f"{count} for {name}" for name, count in counts.items()),
            allowed="as many for every input; they are paired by order",
        )
    first = given[inputs[0]]
    names = [str(i) if isinstance(one, np.ndarray) else str(one) for i, one in enumerate(first)]
    return names, {name: given[name] for name in inputs}


def _prepare(
    request: RunRequest,
    published: Published,
    given: Mapping[str, Sequence[Sample]],
    scratch: Path,
    manager: PluginManager,
) -> SampleStore:
    """The samples as model inputs, preprocessed as the build's samples were."""
    specs = input_specs(published.float_model, ())
    options = options_by_input(specs, published.inputs)
    if not request.preprocess:
        options = tuple(InputOptions(preprocess="array") for _ in specs)
    sources = {}
    for number, (name, samples) in enumerate(given.items()):
        folder = scratch / f"samples_{number}"
        folder.mkdir()
        sources[name] = str(_list_file(folder, samples))
    with _told_of_input(scratch):
        return prepare_samples(
            SampleRequest(
                sources=sources,
                inputs=specs,
                options=options,
                selection=Selection(samples=0),
            ),
            scratch / "prepared",
            tuple(manager.data_readers().values()),
            tuple(manager.preprocessors().values()),
            SilentProgress(),
        )


def _list_file(folder: Path, samples: Sequence[Sample]) -> Path:
    """A list of the samples' files; arrays become files of their own."""
    lines, missing = [], []
    for number, sample in enumerate(samples):
        if isinstance(sample, np.ndarray):
            path = folder / f"{number}.npy"
            np.save(path, sample, allow_pickle=False)
        else:
            path = Path(sample).expanduser().absolute()
            missing += [] if path.is_file() else [str(sample)]
        lines.append(str(path))
    if missing:
        raise DataError.of(
            Problem(
                code=Code.DATA_NOT_FOUND,
                message="The sample does not exist",
                where="--input",
                got=name,
                allowed="an image, or a .npy array of one sample",
            )
            for name in missing
        )
    listed = folder / "samples.txt"
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return listed


@contextmanager
def _told_of_input(scratch: Path) -> Iterator[None]:
    """Say `--input` instead of the name of a temporary list."""
    try:
        yield
    except DataError as error:
        raise DataError.of(
            replace(problem, where="--input", hint=None)
            if problem.where is not None and problem.where.startswith(str(scratch))
            else problem
            for problem in error.problems
        ) from error
