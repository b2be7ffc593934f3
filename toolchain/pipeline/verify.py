"""The reference held against tensors that a real board wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from toolchain.analysis.divergence import Held, compare, differing, steps, storage_of
from toolchain.core.divergence import DifferenceReport, SampleDifference
from toolchain.core.dtypes import Array
from toolchain.core.progress import Progress, SilentProgress
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, DataError
from toolchain.pipeline.diff import check_program
from toolchain.pipeline.dump import INDEX, unique_name
from toolchain.pipeline.dumped import ENDINGS, as_stored, open_dump, read_tensor
from toolchain.pipeline.execute import FLOAT, QDQ
from toolchain.pipeline.feeding import Sample, prepare, samples_by_input
from toolchain.pipeline.published import Published, open_published
from toolchain.plugin.manager import PluginManager
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

Feeds = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What is held against what.

    Attributes:
        folder: Folder that a build published for a target.
        dump: Folder of the board's tensors.
        samples: What the board was fed, by model input (None for the only one); empty where the
            dump has the inputs.
        preprocess: False feeds arrays as they are.
    """

    folder: Path
    dump: Path
    samples: Mapping[str | None, Sequence[Sample]]
    preprocess: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Board:
    """What a board wrote of one sample.

    Attributes:
        sample: Its name.
        tensors: The program's tensors that it has.
        notes: Files that are no tensor of the program.
    """

    sample: str
    tensors: Mapping[str, Held]
    notes: tuple[str, ...]


def verify(
    folder: str | Path,
    dump: str | Path,
    samples: Sequence[Sample] | Mapping[str, Sequence[Sample]] = (),
    *,
    preprocess: bool = True,
) -> DifferenceReport:
    """Hold a published program against per-layer tensors of a board, as `tc verify` does.

    Args:
        folder: Folder of a target, as in build/NAME/riscv.
        dump: Folder with an index.json, or with .npy or raw files named after tensors.
        samples: What the board was fed, as for `run`; not needed where the dump has the inputs.
        preprocess: False feeds arrays as they are, and not as the build fed its samples.

    Returns:
        Per sample every tensor that differs, the first one explained: run A is the reference, run B
        the board.

    Raises:
        ToolchainError: The error that `tc verify` would show.
    """
    named = samples if isinstance(samples, Mapping) else {None: samples} if len(samples) else {}
    request = VerifyRequest(
        folder=Path(folder), dump=Path(dump), samples=dict(named.items()), preprocess=preprocess
    )
    return verify_dump(request, PluginManager.load(), SilentProgress())


def verify_dump(
    request: VerifyRequest, manager: PluginManager, progress: Progress
) -> DifferenceReport:
    """Do what `request` asks for, sample by sample; see `verify`."""
    published = open_published(request.folder)
    program = load_program(published.folder, published.program)
    boards = list(_boards(request.dump, published, program))
    feeds = list(_feeds(request, published, manager)) or [{} for _ in boards]
    if len(feeds) != len(boards):
        raise DataError(
            Code.DATA_MISMATCH,
            "The dump has another number of samples",
            where=str(request.dump),
            got=f"{len(boards)} in the dump, {len(feeds)} given",
        )
    interpreter = Interpreter(program)
    samples = []
    with progress.task("verify", len(boards)) as advance:
        for board, given in zip(boards, feeds, strict=True):
            samples.append(_compare(program, interpreter, board, _inputs(program, board, given)))
            advance(1)
    return DifferenceReport(
        target=published.target,
        a="reference",
        b=str(request.dump),
        samples=tuple(samples),
    )


def _compare(
    program: Program, interpreter: Interpreter, board: _Board, feeds: Feeds
) -> SampleDifference:
    """End to end from the inputs, and once more with every layer fed what the board has there."""
    names = [step.tensor for step in steps(program) if step.op is not None]
    written = [name for name in names if name in board.tensors]
    if not written:
        raise DataError(
            Code.DATA_MISMATCH,
            "The dump has no tensor that the program writes",
            where=board.sample,
            got="; ".join(board.notes) or None,
            allowed=", ".join(names[:8]) + (", ..." if len(names) > 8 else ""),
        )
    reference = {**feeds, **interpreter.run(feeds, names)}
    forced, notes = {}, list(board.notes)
    for name in written:
        array = board.tensors[name].array
        nan = int(np.count_nonzero(np.isnan(array)))
        if nan:
            notes.append(f"{name}: {nan} elements are NaN; what follows is not fed with it")
        else:
            forced[name] = array
    own = interpreter.run(feeds, names, forced)
    held = {**_held(program, feeds), **board.tensors}
    found = compare(program, _held(program, reference), held, board.sample)
    alone = _held(program, own)
    masks = {row.tensor: differing(alone[row.tensor], held[row.tensor]) for row in found.rows}
    rows = tuple(replace(row, own=int(np.count_nonzero(masks[row.tensor]))) for row in found.rows)
    return replace(found, rows=rows, notes=tuple(notes))


def _held(program: Program, arrays: Feeds) -> dict[str, Held]:
    return {n: Held(array=array, storage=storage_of(program, n)) for n, array in arrays.items()}


def _inputs(program: Program, board: _Board, given: Feeds) -> Feeds:
    """What the reference is fed: what was given, which the dump must not contradict, or the dump's.

    Raises:
        DataError: An input is in neither, or not the same in both.
    """
    feeds = {}
    for name in program.inputs:
        dumped = board.tensors.get(name)
        if name not in given and dumped is None:
            raise DataError(
                Code.DATA_MISMATCH,
                "The dump lacks an input of the program",
                where=f"{board.sample}: {name}",
                hint="name what the board was fed with --input",
            )
        feeds[name] = given[name] if dumped is None else dumped.array
        if dumped is not None and name in given and not np.array_equal(given[name], dumped.array):
            raise DataError(
                Code.DATA_MISMATCH,
                "The input in the dump is not the one that is given",
                where=f"{board.sample}: {name}",
                got=f"{np.count_nonzero(given[name] != dumped.array)} elements differ",
                hint="leave out --input to start from what the board was fed",
            )
    return feeds


def _feeds(request: VerifyRequest, published: Published, manager: PluginManager) -> Iterator[Feeds]:
    """The samples that were given, prepared as the build's were."""
    if not request.samples:
        return
    with TemporaryDirectory(prefix="tc-verify-") as scratch:
        given = samples_by_input(request.samples, published)
        store = prepare(given, published, Path(scratch), manager, preprocess=request.preprocess)
        processors = published.processors(manager)
        for index in range(len(next(iter(given.values())))):
            feeds = processors.feeds(store.batch(index))
            yield {name: np.array(array) for name, array in feeds.items()}


def _boards(folder: Path, published: Published, program: Program) -> Iterator[_Board]:
    """The samples of a dump with an index, or the only one of a folder of tensors."""
    names = _file_names(program)
    if not (folder / INDEX).is_file() and not folder.is_file():
        yield _loose(folder, program, names)
        return
    run = open_dump(folder)
    check_program(run, published)
    if run.index.runner in (FLOAT, QDQ):
        raise ConfigError(
            Code.BAD_USAGE,
            "Only what executes the integer program can be held against it layer by layer",
            where=str(folder),
            got=f"a dump of {run.index.runner}",
            hint="`tc diff` compares it with a dump of the reference",
        )
    for sample in run.index.samples:
        tensors, strange = {}, []
        for tensor in sample.tensors:
            name = names.get(tensor.name)
            if name is None:
                strange.append(_strange(tensor.name, names))
                continue
            as_stored(program, name, tensor, run.folder)
            tensors[name] = replace(run.held(tensor), storage=storage_of(program, name))
        yield _Board(sample=sample.name, tensors=tensors, notes=tuple(strange))


def _loose(folder: Path, program: Program, names: Mapping[str, str]) -> _Board:
    """Files that are named after tensors."""
    if not folder.is_dir():
        raise ConfigError(Code.BAD_USAGE, "There is no such folder", where=str(folder))
    tensors: dict[str, Held] = {}
    strange = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in ENDINGS and p.is_file()):
        given = path.relative_to(folder).as_posix().removesuffix(path.suffix)
        name = names.get(given)
        if name is None:
            strange.append(_strange(path.relative_to(folder).as_posix(), names))
            continue
        if name in tensors:
            raise DataError(
                Code.DATA_MISMATCH, "Two files hold the same tensor", where=str(path), got=name
            )
        tensor = program.tensors[name]
        array = read_tensor(path, tensor.dtype, tensor.shape)
        tensors[name] = Held(array=array, storage=storage_of(program, name))
    return _Board(sample=str(folder), tensors=tensors, notes=tuple(strange))


def _file_names(program: Program) -> dict[str, str]:
    """What a file may be called, to the tensor: its name, or the one that `tc run --dump` gives."""
    order = [step.tensor for step in steps(program)]
    dumped = [name for name in order if name not in program.outputs]
    taken: set[str] = set()
    files = {unique_name(name, taken): name for name in (*dumped, *program.outputs)}
    return {**files, **{name: name for name in order}}


def _strange(given: str, names: Mapping[str, str]) -> str:
    hint = did_you_mean(given, names)
    return f"{given} is no tensor of the program" + ("" if hint is None else f"; {hint}")
