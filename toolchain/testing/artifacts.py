"""What is wrong with what a target built, in words for its author."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.quant import ScaleKind
from toolchain.graph.view import read_view
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.plans import beyond_facts, misplaced
from toolchain.plugin.requests import LowerRequest, PlanRequest
from toolchain.program.interpreter import Interpreter
from toolchain.program.serialize import save_program

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.core.target import TargetSpec
    from toolchain.program.records import Program
    from toolchain.testing.builds import Bench, KitBuild

_PLACE = "config.json"
"""The published file that holds paths."""


def plan_problems(bench: Bench, built: KitBuild) -> Iterator[str]:
    """Where the target's plan leaves the graph or the target's own facts."""
    spec = bench.spec
    graph = read_view(built.folder / "optimized.onnx")
    request = PlanRequest(
        target=spec, graph=graph, bias_dtype=spec.bias.dtypes[0], fixed={}, asked={}
    )
    plan = TargetHooks(bench.manager, bench.target).plan(request)
    found = list(misplaced(plan, graph)) or list(beyond_facts(plan, graph, spec))
    yield from (f"plan.{where}: {got}, allowed: {allowed}" for where, got, allowed in found)


def program_problems(bench: Bench, built: KitBuild) -> Iterator[str]:
    """Tensors of the program whose type or scale the target's facts do not have."""
    spec = bench.spec
    for tensor in built.program().tensors.values():
        if tensor.scale is None:
            continue
        if tensor.dtype not in spec.activation_dtypes:
            allowed = ", ".join(spec.activation_dtypes)
            yield f"tensor {tensor.name}: {tensor.dtype}, allowed: {allowed}"
        yield from _scale_problems(tensor.name, tensor.scale, spec)


def _scale_problems(name: str, scale: float, spec: TargetSpec) -> Iterator[str]:
    if scale < spec.min_scale:
        yield f"tensor {name}: scale {scale:g} is below min_scale {spec.min_scale:g}"
    power_only = spec.activation.scale_kind is ScaleKind.POWER_OF_TWO
    if power_only and np.frexp(np.float32(scale))[0] != 0.5:
        yield f"tensor {name}: scale {scale:g} is no power of two"


def check_problems(built: KitBuild) -> Iterator[str]:
    """What the check of the build found: the forms of the model that differ."""
    check = built.result.check
    if check is None:
        yield "the build was not checked"
        return
    for row in check.rows:
        if not row.passed:
            yield (
                f"{row.comparison}, {row.tensor}: {row.metric} {row.value:.6g}, "
                f"limit {row.limit:.6g}"
            )


def runner_problems(built: KitBuild) -> Iterator[str]:
    """Compiled forms that compute something else than the reference."""
    check = built.result.check
    for level in () if check is None else check.levels:
        if level.first is not None:
            yield (
                f"{level.name}: differs from the reference first in {level.first.tensor}, in "
                f"{level.first.different} of {level.first.elements} elements"
            )


def saved_problems(bench: Bench, built: KitBuild) -> Iterator[str]:
    """Where the program on disk is not the one that the QDQ model is lowered to."""
    request = LowerRequest(target=bench.spec, graph=read_view(built.qdq), name=built.stem)
    lowered = TargetHooks(bench.manager, bench.target).lower(request)
    with TemporaryDirectory(prefix="tc-kit-") as folder:
        for name in save_program(lowered, Path(folder), built.stem):
            if (Path(folder) / name).read_bytes() != (built.folder / name).read_bytes():
                yield f"{name}: other bytes than those of the program as it is lowered"
    saved = built.program()
    if set(saved.tensors) != set(lowered.tensors):
        yield "the saved program has other tensors than the lowered one"
        return
    for number, sample in enumerate(np.load(built.samples)):
        expected, found = _tensors(lowered, sample), _tensors(saved, sample)
        for name, array in expected.items():
            if not np.array_equal(array, found[name], equal_nan=True):
                yield f"sample {number}: {name} of the saved program differs"


def _tensors(program: Program, sample: Array) -> dict[str, Array]:
    """Every tensor of a program on one sample."""
    return Interpreter(program, threads=1).run({"x": sample[None]}, list(program.tensors))


def unequal_files(first: KitBuild, second: KitBuild) -> Iterator[str]:
    """Published files that two builds of the same input do not have in common."""
    digests, others = _digests(first.folder), _digests(second.folder)
    for name in sorted(digests.keys() ^ others.keys()):
        yield f"{name}: written by one of two equal builds only"
    for name in sorted(digests.keys() & others.keys()):
        if digests[name] != others[name]:
            yield f"{name}: two equal builds wrote different bytes"


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _PLACE
    }
