"""From a user's model to the simplified float model, with the proof that both compute the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.core.reports import OptimizeReport, PassRow, SurgeryRow
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, ModelError, Problem
from toolchain.graph.half import count_halves
from toolchain.graph.inputs import describe, shape_overrides
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.opset import OPSET
from toolchain.graph.proof import Proof, compare, run_model
from toolchain.graph.read import is_compressed, read_bytes
from toolchain.graph.save import save_model
from toolchain.graph.shapes import infer_shapes, observe_shapes
from toolchain.graph.truncate import Halves, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_ir as ir

    from toolchain.core.artifacts import ModelArtifact
    from toolchain.core.dtypes import Array
    from toolchain.core.options import InputOptions, OptimizeOptions
    from toolchain.core.registry import PassDef
    from toolchain.core.samples import SampleStore

MAX_ROUNDS = 8
"""Passes are repeated until none changes anything, at most so often."""


def optimize(
    source: Path,
    destination: Path,
    inputs: Sequence[InputOptions],
    options: OptimizeOptions,
    passes: Sequence[PassDef],
    samples: SampleStore | None,
    truncate: Sequence[str] = (),
) -> tuple[ModelArtifact, OptimizeReport]:
    """Normalize and simplify the model of `source`, write it to `destination` and prove it equal.

    Shapes that cannot be inferred are observed on `samples`. The proof runs the file as given and
    the result on `options.proof_samples` samples; without samples, or with `options.prove` off,
    there is none and the report says 0 samples. What stands behind the tensors `truncate` is left
    as it is, but for constants that are folded and nodes that nobody reads.

    Raises ConfigError (UNKNOWN_NAME) for a pass in `options.skip` that does not exist, ModelError
    (PASS_CHANGED_RESULT) that names the pass which changed an output beyond the tolerance, and
    whatever `load_model`, `normalize` and `cut` raise.
    """
    chosen = _chosen(passes, options)
    prepared = _prepared(source, inputs, truncate)
    rows = tuple(apply_passes(prepared.model, chosen))
    model, opset, tail = prepared.whole(), prepared.opset, prepared.tail
    halves = prepared.narrow
    del prepared
    feeds = [] if samples is None else list(samples.batches(1, options.proof_samples))
    observe_shapes(model, *feeds)
    artifact = save_model(model, destination)
    del model
    proof = Proof(rows=(), failures=())
    if options.prove and feeds:
        expected = _run_original(source, inputs, feeds, as_given=not halves)
        proof = compare(expected, run_model(destination, feeds), options)
        if proof.failures:
            destination.unlink()
            again = _prepared(source, inputs, truncate)
            raise _blame(again, chosen, options, (feeds, expected, proof))
    return artifact, OptimizeReport(
        passes=rows,
        proof=proof.rows,
        samples=len(feeds) if proof.rows else 0,
        opset_before=opset,
        opset_after=OPSET,
        surgery=_cut_rows(truncate, tail),
        tail=tail,
        halves=halves,
    )


def apply_passes(model: ir.Model, passes: Sequence[PassDef]) -> Iterator[PassRow]:
    """Run `passes` in order until nothing changes, yielding a row after each.

    Behind the first round only passes that changed something yield. Shapes are inferred again
    after every round.
    """
    for number in range(MAX_ROUNDS):
        changed_any = False
        for definition in passes:
            before = len(model.graph)
            changed = definition.function(model)
            changed_any |= changed
            if changed or number == 0:
                yield PassRow(
                    name=definition.name,
                    nodes_before=before,
                    nodes_after=len(model.graph),
                    changed=changed,
                )
        if not changed_any:
            return
        infer_shapes(model)


def _chosen(passes: Sequence[PassDef], options: OptimizeOptions) -> list[PassDef]:
    if not options.enabled:
        return []
    skip = options.skip
    names = [definition.name for definition in passes]
    problems = [
        Problem(
            code=Code.UNKNOWN_NAME,
            message="There is no such pass",
            where="optimize.skip",
            got=name,
            allowed=", ".join(names),
            hint=did_you_mean(name, names),
        )
        for name in skip
        if name not in names
    ]
    if problems:
        raise ConfigError.of(problems)
    ordered = sorted(passes, key=lambda definition: definition.phase)
    return [definition for definition in ordered if definition.name not in skip]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Prepared:
    """A normalized model on its way through the passes.

    Attributes:
        model: What the passes change: all of it, or what stands in front of the cut.
        opset: The opset it came in.
        narrow: Values that were declared as 16-bit floats.
        halves: Both sides of the cut, where there is one.
    """

    model: ir.Model
    opset: int
    narrow: int
    halves: Halves | None

    @property
    def tail(self) -> tuple[str, ...]:
        """Names of the nodes behind the cut."""
        return () if self.halves is None else tuple(n.name or "" for n in self.halves.tail.graph)

    def whole(self) -> ir.Model:
        """The model with its tail."""
        return self.model if self.halves is None else self.halves.joined()


def _prepared(source: Path, inputs: Sequence[InputOptions], truncate: Sequence[str]) -> _Prepared:
    model, opset, narrow = _normalized(source, inputs)
    halves = cut(model, truncate) if truncate else None
    head = model if halves is None else halves.head
    return _Prepared(model=head, opset=opset, narrow=narrow, halves=halves)


def _cut_rows(truncate: Sequence[str], tail: Sequence[str]) -> tuple[SurgeryRow, ...]:
    if not truncate:
        return ()
    new = f"{len(tail)} nodes behind it run in float, {tail[0]} first"
    return (SurgeryRow(change="truncate", where=", ".join(truncate), old="one graph", new=new),)


def _normalized(source: Path, inputs: Sequence[InputOptions]) -> tuple[ir.Model, int, int]:
    """The normalized model, the opset it came in, and how many 16-bit floats it held."""
    model = load_model(source)
    halves = count_halves(model)
    opset = model.graph.opset_imports[""]
    found = describe([v for v in model.graph.inputs if not v.is_initializer()])
    return normalize(model, shape_overrides(found, inputs)), opset, halves


def _run_original(
    source: Path,
    inputs: Sequence[InputOptions],
    feeds: Sequence[Mapping[str, Array]],
    *,
    as_given: bool,
) -> list[dict[str, Array]]:
    """Outputs of the file as given, or normalized where onnxruntime is too old for it.

    A model in 16-bit floats is never run as given: it rounds more coarsely than the proof allows.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "original.onnx"
        try:
            if as_given and not is_compressed(source):
                return run_model(source, feeds)
            if as_given:
                path.write_bytes(read_bytes(source))
                return run_model(path, feeds)
        except ModelError:
            pass  # onnxruntime says what is wrong, if it is, of the normalized model, too
        save_model(_normalized(source, inputs)[0], path)
        return run_model(path, feeds)


def _blame(
    prepared: _Prepared,
    passes: Sequence[PassDef],
    options: OptimizeOptions,
    found: tuple[Sequence[Mapping[str, Array]], Sequence[Mapping[str, Array]], Proof],
) -> ModelError:
    """Do everything again step by step; the error names the first step that changed results."""
    feeds, expected, proof = found
    step = "normalize"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.onnx"

        def differs() -> bool:
            nonlocal proof
            save_model(prepared.whole(), path)
            latest = compare(expected, run_model(path, feeds), options)
            proof = latest if latest.failures else proof
            return bool(latest.failures)

        if not differs():
            steps = (row.name for row in apply_passes(prepared.model, passes) if row.changed)
            step = next((name for name in steps if differs()), "optimize")
    return ModelError(
        Code.PASS_CHANGED_RESULT,
        f"The step {step!r} changed what the model computes",
        where=step,
        got="; ".join(proof.failures),
        allowed=f"atol {options.atol:g} + rtol {options.rtol:g} * largest magnitude",
        hint=f'set optimize.skip = ["{step}"], or a larger optimize.rtol if this is harmless',
    )
