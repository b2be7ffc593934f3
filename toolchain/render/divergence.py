"""What two runs disagree about, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.divergence import NEITHER, A
from toolchain.errors import Code, Problem
from toolchain.render.figures import plural, real
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.core.divergence import (
        DifferenceReport,
        Divergence,
        Recomputation,
        SampleDifference,
    )


def difference_lines(report: DifferenceReport) -> tuple[str, ...]:
    """Who is compared, and per sample how much was, what could not be, and the first difference."""
    lines = [f"A is {report.a}", f"B is {report.b}"]
    for sample in report.samples:
        lines += ["", f"{sample.sample}: {_extent(sample)}"]
        lines += [f"  note: {note}" for note in sample.notes]
        if sample.missing:
            names = ", ".join(sample.missing[:8]) + (", ..." if len(sample.missing) > 8 else "")
            lines.append(f"  not compared ({len(sample.missing)}): {names}")
        if sample.first is not None:
            lines += [f"  {line}" for line in divergence_lines(sample.first)]
    return tuple(lines)


def difference_tables(report: DifferenceReport) -> tuple[Table, ...]:
    """Per sample, all tensors that differ."""
    return tuple(_differing(sample) for sample in report.samples if sample.rows)


def _differing(sample: SampleDifference) -> Table:
    tried = any(row.own is not None for row in sample.rows)
    return table(
        f"Tensors that differ ({len(sample.rows)})",
        "tensor:name operation:name kind:word differ:number of:number largest:number"
        + (" on_its_own:number" if tried else ""),
        (
            (
                row.tensor,
                row.operation or "-",
                row.kind,
                str(row.different),
                str(row.elements),
                real(row.largest),
                *([str(row.own)] if tried else []),
            )
            for row in sample.rows
        ),
        f"{sample.sample}; on its own: on the inputs that B has" if tried else sample.sample,
    )


def difference_line(report: DifferenceReport) -> str:
    """The result in one line."""
    differing = [sample for sample in report.samples if sample.first is not None]
    if not differing:
        compared = sum(sample.compared for sample in report.samples)
        samples = plural(len(report.samples), "sample")
        return f"{report.target}: equal, {plural(compared, 'tensor')} of {samples}"
    first = differing[0].first
    where = "" if first is None else f", first at {_operation(first)}"
    samples = plural(len(report.samples), "sample")
    return f"{report.target}: {len(differing)} of {samples} differ{where}"


def difference_problems(report: DifferenceReport) -> Iterator[Problem]:
    """One problem per sample that differs."""
    for sample in report.samples:
        first = sample.first
        if first is not None:
            yield Problem(
                code=Code.RUNS_DIFFER,
                message=f"The runs differ from {_operation(first)} on",
                where=f"{sample.sample}: {first.tensor}{_index(first.index)}",
                got=f"A {first.stored_a:g}, B {first.stored_b:g}",
                allowed=None if first.recomputed is None else f"{first.recomputed.value:g}",
                hint="; ".join(first.causes) or None,
            )


def _extent(sample: SampleDifference) -> str:
    compared = plural(sample.compared, "tensor")
    return f"{compared} compared, {len(sample.rows)} differ" if sample.rows else f"{compared} equal"


def divergence_lines(first: Divergence) -> Iterator[str]:
    """The first difference in sentences."""
    yield f"first difference: {_operation(first)}"
    yield (
        f"{first.tensor}{_index(first.index)}: A {first.stored_a:g} ({real(first.real_a)}), "
        f"B {first.stored_b:g} ({real(first.real_b)})"
    )
    yield f"{first.different} of {first.elements} elements differ, by at most {real(first.largest)}"
    if first.kind == "input":
        yield "the runs were fed different inputs"
        return
    for one in first.inputs:
        yield f"it reads {one.tensor}: {one.state}"
    if not first.inputs_agree:
        yield "not all that it reads is known to agree: the fault may lie before it"
    elif first.right is not None:
        yield "all that it reads agrees: the fault is in this operation"
    else:
        yield "all that it reads agrees, but the runs do not store the result in the same way"
    if first.recomputed is None:
        yield "no run has all that it reads as stored, so that nothing can be computed again"
        return
    yield from _recomputed(first.recomputed)
    if first.right is not None:
        yield {NEITHER: "neither run follows the rule", A: "A follows the rule, B does not"}.get(
            first.right, "B follows the rule, A does not"
        )
    for cause in first.causes:
        yield f"likely cause, as it explains every element that was tried: {cause}"


def _recomputed(found: Recomputation) -> Iterator[str]:
    yield f"rule: {found.rule} (docs/numerics.md, {found.section})"
    for operand in found.operands:
        yield f"from {operand.tensor}{_index(operand.index)} = {operand.value:g}"
    parts = []
    if found.accumulator is not None:
        parts.append(f"acc {found.accumulator}")
    if found.terms is not None:
        bias = "" if found.bias is None else f" and the bias {found.bias}"
        parts.append(f"of {found.terms} terms{bias}")
    if found.factor is not None:
        parts.append(f"factor {found.factor:.9g}")
    if found.unrounded is not None:
        parts.append(f"unrounded {found.unrounded:.9g}")
    if found.rounding is not None:
        parts.append(f"rounding {found.rounding}, zero point {found.zero_point}")
    if found.low is not None and found.high is not None:
        parts.append(f"kept within [{found.low:g}, {found.high:g}]")
    steps = ", ".join(parts)
    whose = found.source.upper()
    yield f"from the inputs of {whose}: {steps}" if steps else f"from the inputs of {whose}"
    yield f"by the rule: {found.value:.9g}"


def _operation(first: Divergence) -> str:
    return f"input {first.tensor}" if first.kind == "input" else f"{first.operation} ({first.kind})"


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"
