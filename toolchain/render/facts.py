"""The facts of a target as plain data, and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.core.quant import PerBlock, PerChannel
from toolchain.core.target import rule_of
from toolchain.render.figures import plural, real
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.core.quant import Granularity, QuantSpec
    from toolchain.core.target import OpSupport, Platform, TargetDef, TargetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OpFacts:
    """One operator that runs on integers.

    Attributes:
        op_type: ONNX operator name.
        support: "compute" or "move".
        output_range: Range of the output that is known beforehand, or None.
        rules: What a node must satisfy, as its user reads it.
    """

    op_type: str
    support: str
    output_range: tuple[float, float] | None
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """Everything `tc targets NAME` says; the fields are those of `TargetSpec`."""

    name: str
    summary: str
    platforms: tuple[Platform, ...]
    activation: str
    weight: str
    activation_dtypes: tuple[str, ...]
    weight_dtypes: tuple[str, ...]
    weight_block_sizes: tuple[int, ...]
    bias_dtypes: tuple[str, ...]
    bias_headroom_bits: int
    accumulator: str
    requantization: str
    rounding: str
    fused_activations: tuple[str, ...]
    min_scale: float
    opset: int
    ops: tuple[OpFacts, ...]
    notes: tuple[str, ...]


def facts_of(target: TargetDef) -> TargetFacts:
    """The facts of `target`; operators in alphabetical order."""
    spec = target.spec
    return TargetFacts(
        name=spec.name,
        summary=spec.summary,
        platforms=spec.platforms,
        activation=spec_text(spec.activation),
        weight=spec_text(spec.weight),
        activation_dtypes=tuple(map(str, spec.activation_dtypes)),
        weight_dtypes=tuple(map(str, spec.weight_dtypes)),
        weight_block_sizes=spec.weight_block_sizes,
        bias_dtypes=tuple(map(str, spec.bias.dtypes)),
        bias_headroom_bits=spec.bias.accumulator_headroom_bits,
        accumulator=str(spec.accumulator),
        requantization=str(spec.requantization),
        rounding=str(spec.rounding),
        fused_activations=tuple(sorted(spec.fused_activations)),
        min_scale=spec.min_scale,
        opset=spec.opset,
        ops=_ops(spec),
        notes=spec.notes,
    )


def spec_text(spec: QuantSpec) -> str:
    """A spec in words: "int8 symmetric per_channel(0), float scale, half_even, narrow_range"."""
    shape = "symmetric" if spec.symmetric else "asymmetric"
    narrow = ", narrow_range" if spec.narrow_range else ""
    return (
        f"{spec.dtype} {shape} {_granularity(spec.granularity)}, "
        f"{spec.scale_kind} scale, {spec.rounding}{narrow}"
    )


def fact_tables(facts: TargetFacts) -> tuple[Table, ...]:
    """Numbers, operators and sources of one target."""
    integer = table(
        f"Operators on integers ({len(facts.ops)})",
        "operator:word runs_as:word rules:text",
        ((op.op_type, op.support, _rules(op) or "-") for op in facts.ops),
    )
    shown = [_numbers(facts), integer]
    if facts.notes:
        shown.append(table("Sources", "source:text", ((note,) for note in facts.notes)))
    return tuple(shown)


def overview(targets: Iterable[TargetFacts]) -> Table:
    """All targets, one row each."""
    rows = tuple(targets)
    return table(
        f"Targets ({len(rows)})",
        "target:word platforms:text activations:word weights:word operators:number summary:text",
        (
            (
                facts.name,
                ", ".join(platform.name for platform in facts.platforms),
                facts.activation.split()[0],
                facts.weight.split()[0],
                str(len(facts.ops)),
                facts.summary,
            )
            for facts in rows
        ),
    )


def _numbers(facts: TargetFacts) -> Table:
    platforms = (f"{p.name}: {p.summary} ({plural(p.cores, 'core')})" for p in facts.platforms)
    return table(
        facts.name,
        "fact:word value:text",
        (
            ("platforms", "; ".join(platforms)),
            ("activations", facts.activation),
            ("activation dtypes", ", ".join(facts.activation_dtypes)),
            ("weights", facts.weight),
            ("weight dtypes", ", ".join(facts.weight_dtypes)),
            ("weight block sizes", ", ".join(map(str, facts.weight_block_sizes)) or "-"),
            ("bias dtypes", ", ".join(facts.bias_dtypes)),
            ("accumulator", f"{facts.accumulator}, {facts.bias_headroom_bits} bit free of bias"),
            ("requantization", facts.requantization),
            ("rounding", facts.rounding),
            ("fused activations", ", ".join(facts.fused_activations) or "-"),
            ("smallest scale", real(facts.min_scale)),
            ("opset", str(facts.opset)),
        ),
        facts.summary,
    )


def _ops(spec: TargetSpec) -> tuple[OpFacts, ...]:
    return tuple(_op(name, support) for name, support in sorted(spec.ops.items()))


def _op(name: str, support: OpSupport) -> OpFacts:
    return OpFacts(
        op_type=name,
        support=str(support.support),
        output_range=support.output_range,
        rules=tuple(rule_of(constraint) for constraint in support.constraints),
    )


def _rules(op: OpFacts) -> str:
    rules = [rule.removesuffix(".") for rule in op.rules]
    if op.output_range is not None:
        low, high = op.output_range
        rules.append(f"output range is {real(low)} to {real(high)}")
    return "; ".join(rules)


def _granularity(granularity: Granularity) -> str:
    match granularity:
        case PerChannel(axis):
            return f"per_channel({axis})"
        case PerBlock(axis, size):
            return f"per_block({axis}, {size})"
        case _:
            return "per_tensor"
