"""Two dumped runs of one program held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from toolchain.analysis.divergence import Held, compare, steps, storage_of
from toolchain.core.divergence import DifferenceReport, SampleDifference
from toolchain.errors import Code, ConfigError, DataError
from toolchain.pipeline.dumped import (
    DumpedRun,
    DumpedSample,
    DumpedTensor,
    as_stored,
    open_dump,
)
from toolchain.pipeline.execute import FLOAT, QDQ
from toolchain.pipeline.published import Published, open_published
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

_STORED = "/quantized"
"""What the program's name of a tensor has behind that of the float model."""


def diff(
    run_a: str | Path, run_b: str | Path, *, build: str | Path | None = None
) -> DifferenceReport:
    """Find the first operation that two runs disagree about, as `tc diff` does.

    Args:
        run_a: Folder of a dump (`tc run --dump`), or its index.json.
        run_b: The same of the other run.
        build: The target's folder that was run, where it is not where the dumps say.

    Returns:
        Per sample every tensor that differs, and the first one explained.

    Raises:
        ToolchainError: The error that `tc diff` would show.
    """
    a, b = open_dump(Path(run_a)), open_dump(Path(run_b))
    published = _published((a, b), build)
    program = load_program(published.folder, published.program)
    samples = tuple(
        _compare(program, (a, b), pair)
        for pair in zip(a.index.samples, b.index.samples, strict=True)
    )
    return DifferenceReport(target=published.target, a=_label(a), b=_label(b), samples=samples)


def check_program(run: DumpedRun, published: Published) -> None:
    """Raise DataError where a dump says that it is of another program than the published one."""
    digest = run.index.program_sha256
    if digest is not None and digest != published.program_digest:
        raise DataError(
            Code.DATA_MISMATCH,
            "The dump is of another program",
            where=str(run.folder),
            got=digest,
            allowed=f"{published.program_digest} in {published.folder}",
            hint="run again, or name the folder that was run",
        )


def _published(runs: tuple[DumpedRun, DumpedRun], build: str | Path | None) -> Published:
    a, b = (run.index for run in runs)
    if None not in (a.program_sha256, b.program_sha256) and a.program_sha256 != b.program_sha256:
        raise DataError(
            Code.DATA_MISMATCH,
            "The dumps are of different programs",
            where=f"{runs[0].folder}, {runs[1].folder}",
            got=f"{a.program_sha256}, {b.program_sha256}",
            hint="run both on the same published folder",
        )
    if len(a.samples) != len(b.samples):
        raise DataError(
            Code.DATA_MISMATCH,
            "The dumps have different numbers of samples",
            where=f"{runs[0].folder}, {runs[1].folder}",
            got=f"{len(a.samples)}, {len(b.samples)}",
        )
    folder = build or a.published or b.published
    if folder is None or not Path(folder).is_dir():
        raise ConfigError(
            Code.BAD_USAGE,
            "The build that was run is not to be found",
            where=str(runs[0].folder),
            got=None if folder is None else str(folder),
            hint="name the target's folder with --build",
        )
    published = open_published(Path(folder))
    for run in runs:
        check_program(run, published)
    return published


def _compare(
    program: Program, runs: tuple[DumpedRun, DumpedRun], pair: tuple[DumpedSample, DumpedSample]
) -> SampleDifference:
    a, b = (_tensors(program, run, sample) for run, sample in zip(runs, pair, strict=True))
    found = compare(program, a, b, sample=pair[0].name)
    names = [Path(sample.name).name for sample in pair]
    if found.first is not None and found.first.kind == "input" and names[0] != names[1]:
        raise DataError(
            Code.DATA_MISMATCH,
            "The dumps are of different samples",
            where=f"{runs[0].folder}, {runs[1].folder}",
            got=f"{pair[0].name}, {pair[1].name}",
        )
    if not found.compared:
        raise DataError(
            Code.DATA_MISMATCH,
            "The dumps have no tensor of the program in common",
            where=f"{runs[0].folder}, {runs[1].folder}",
            hint="`tc run --dump` writes every layer",
        )
    return replace(found, notes=tuple(filter(None, map(_note, runs))))


def _note(run: DumpedRun) -> str:
    if not _in_onnxruntime(run):
        return ""
    return (
        f"{run.index.runner} ran in onnxruntime: where it has no integers, more than half a step "
        "of the program's counts as a difference"
    )


def _in_onnxruntime(run: DumpedRun) -> bool:
    return run.index.runner in (FLOAT, QDQ)


def _tensors(program: Program, run: DumpedRun, sample: DumpedSample) -> Mapping[str, Held]:
    """What a run has of the program's tensors, by their names in the program."""
    given = {tensor.name: tensor for tensor in reversed(sample.tensors)}
    found = {}
    for step in steps(program):
        name = step.tensor
        if not _in_onnxruntime(run):
            tensor = given.get(name)
            if tensor is not None:
                as_stored(program, name, tensor, run.folder)
                held = run.held(tensor)
                found[name] = replace(held, storage=storage_of(program, name))
            continue
        tensor = given.get(name) or given.get(name.removesuffix(_STORED))
        if tensor is not None and _comparable(program, name, tensor):
            found[name] = run.held(tensor)
    return found


def _comparable(program: Program, name: str, tensor: DumpedTensor) -> bool:
    """True for a tensor of an ONNX model that is the program's, as integers or in real values."""
    own = program.tensors[name]
    return tensor.shape == own.shape and (tensor.dtype == own.dtype or tensor.dtype.is_float)


def _label(run: DumpedRun) -> str:
    return f"{run.index.runner} in {run.folder}"
