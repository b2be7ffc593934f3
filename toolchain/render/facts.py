"""The facts of a target as plain data, and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.core.machine import covers, figures
from toolchain.core.quant import PerBlock, PerChannel
from toolchain.core.target import Requantization, rule_of
from toolchain.render.figures import plural, real
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.core.machine import Machine
    from toolchain.core.quant import Granularity, QuantSpec
    from toolchain.core.target import OpSupport, Platform, ShiftLimits, TargetDef, TargetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OpFacts:
    """One operator that runs on integers.

    Attributes:
        op_type: ONNX operator name.
        support: "compute" or "move".
        output_range: Range of the output that is known beforehand, or None.
        input_positions: Smallest and largest position of the input, or None.
        own_function: True where the target computes its table in a way of its own.
        rules: What a node must satisfy, as its user reads it.
    """

    op_type: str
    support: str
    output_range: tuple[float, float] | None
    input_positions: tuple[int, int] | None
    own_function: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """One model of a machine, in figures that are compared; docs/machines.md has all of them.

    Attributes:
        cores: Equal cores that work on one program.
        array: What one convolution engine multiplies in a cycle: pixels, inputs, outputs.
        convolution_engines: Convolution engines of a core.
        tensor_engines: Tensor engines of a core.
        memory_bytes: On-chip memory of a core, with its buffer for weights.
        ddr_megabytes_per_second: Peak bandwidth of the memory outside.
        tops: 10**12 operations of a second, two to a MAC, all arrays of all cores in use.
        assumed: Figures that nobody published, out of all `figures`.
    """

    name: str
    summary: str
    cores: int
    clock_mhz: int
    array: tuple[int, int, int]
    convolution_engines: int
    tensor_engines: int
    memory_bytes: int
    ddr_megabytes_per_second: int
    tops: float
    figures: int
    assumed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """One chip, and where it differs from its family.

    Attributes:
        without: Operators of the family that it does not run on integers.
        ops: Operators with rules of its own.
        activation_dtypes: Types of activations, empty where they are the family's.
        weight_dtypes: Types of weights, empty where they are the family's.
        machines: What programs are compiled for, the default first.
    """

    name: str
    summary: str
    cores: int
    without: tuple[str, ...]
    ops: tuple[OpFacts, ...]
    activation_dtypes: tuple[str, ...]
    weight_dtypes: tuple[str, ...]
    machines: tuple[MachineFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """Everything `tc targets NAME` says; the fields are those of `TargetSpec`."""

    name: str
    summary: str
    platforms: tuple[PlatformFacts, ...]
    activation: str
    weight: str
    activation_dtypes: tuple[str, ...]
    weight_dtypes: tuple[str, ...]
    weight_block_sizes: tuple[int, ...]
    bias_dtypes: tuple[str, ...]
    bias_headroom_bits: int
    accumulator: str
    wide_accumulator: str
    requantization: str
    shift_limits: str
    rounding: str
    fused_activations: tuple[str, ...]
    min_scale: float
    opset: int
    machine_options: tuple[str, ...]
    ops: tuple[OpFacts, ...]
    notes: tuple[str, ...]


def facts_of(target: TargetDef) -> TargetFacts:
    """The facts of `target`; operators in alphabetical order."""
    spec = target.spec
    return TargetFacts(
        name=spec.name,
        summary=spec.summary,
        platforms=tuple(_platform(chip) for chip in spec.platforms),
        activation=spec_text(spec.activation),
        weight=spec_text(spec.weight),
        activation_dtypes=tuple(map(str, spec.activation_dtypes)),
        weight_dtypes=tuple(map(str, spec.weight_dtypes)),
        weight_block_sizes=spec.weight_block_sizes,
        bias_dtypes=tuple(map(str, spec.bias.dtypes)),
        bias_headroom_bits=spec.bias.accumulator_headroom_bits,
        accumulator=str(spec.accumulator),
        wide_accumulator=str(spec.wide_accumulator),
        requantization=_requantization(spec),
        shift_limits=_limits(spec.shift_limits),
        rounding=str(spec.rounding),
        fused_activations=tuple(sorted(spec.fused_activations)),
        min_scale=spec.min_scale,
        opset=spec.opset,
        machine_options=tuple(sorted(spec.machine_options)),
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
    """Numbers and operators of one target, where its chips differ, and sources."""
    integer = table(
        f"Operators on integers ({len(facts.ops)})",
        "operator:word runs_as:word rules:text",
        ((op.op_type, op.support, _rules(op) or "-") for op in facts.ops),
    )
    shown = [_numbers(facts), *_machines(facts), integer, *_differences(facts)]
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
    platforms = (_platform_text(platform) for platform in facts.platforms)
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
            ("wider accumulator", facts.wide_accumulator),
            ("requantization", facts.requantization),
            ("shift limits", facts.shift_limits or "-"),
            ("rounding", facts.rounding),
            ("fused activations", ", ".join(facts.fused_activations) or "-"),
            ("smallest scale", real(facts.min_scale)),
            ("opset", str(facts.opset)),
            ("machine options", ", ".join(facts.machine_options) or "none"),
        ),
        facts.summary,
    )


def _platform_text(platform: PlatformFacts) -> str:
    text = f"{platform.name}: {platform.summary} ({plural(platform.cores, 'core')})"
    for what, dtypes in (
        ("activations", platform.activation_dtypes),
        ("weights", platform.weight_dtypes),
    ):
        text += f", {what} {', '.join(dtypes)}" if dtypes else ""
    return text


def _machines(facts: TargetFacts) -> tuple[Table, ...]:
    """Models of machines, by chip."""
    rows = [(chip.name, machine) for chip in facts.platforms for machine in chip.machines]
    if not rows:
        return ()
    return (
        table(
            f"Machines ({len(rows)})",
            "chip:word machine:word cores:number clock:number convolution:text tensor:number "
            "memory:number DDR:number TOPS:number assumed:number",
            (
                (
                    chip,
                    machine.name,
                    str(machine.cores),
                    f"{machine.clock_mhz} MHz",
                    f"{machine.convolution_engines} of {' x '.join(map(str, machine.array))}",
                    str(machine.tensor_engines),
                    f"{machine.memory_bytes // 1024} KiB",
                    f"{machine.ddr_megabytes_per_second / 1000:.1f} GB/s",
                    f"{machine.tops:.2f}",
                    f"{machine.assumed} of {machine.figures}",
                )
                for chip, machine in rows
            ),
            "models, not measurements: engines and memory of one core; assumed: figures that "
            "nobody published",
        ),
    )


def _differences(facts: TargetFacts) -> tuple[Table, ...]:
    """Operators that chips lack, add, or limit otherwise, chips with the same difference in one."""
    family = {op.op_type: op for op in facts.ops}
    rows: dict[tuple[str, str], list[str]] = {}
    for chip in facts.platforms:
        told = {op.op_type: _change(op, family.get(op.op_type)) for op in chip.ops}
        told |= dict.fromkeys(chip.without, "not on integers")
        for op_type, text in told.items():
            if text:
                rows.setdefault((op_type, text), []).append(chip.name)
    if not rows:
        return ()
    ordered = sorted(rows.items(), key=lambda row: row[0][0])
    return (
        table(
            f"Where chips differ ({len(rows)})",
            "operator:word chips:text difference:text",
            ((op_type, ", ".join(chips), text) for (op_type, text), chips in ordered),
        ),
    )


def _change(op: OpFacts, family: OpFacts | None) -> str:
    """Rules of a chip's `op` that the family's has not, else those it lacks; "" for neither."""
    if family is None:
        return "runs on integers"
    added = [rule.removesuffix(".") for rule in op.rules if rule not in family.rules]
    gone = [rule.removesuffix(".") for rule in family.rules if rule not in op.rules]
    return "; ".join(added) or "; ".join(f"not: {rule}" for rule in gone)


def _platform(chip: Platform) -> PlatformFacts:
    return PlatformFacts(
        name=chip.name,
        summary=chip.summary,
        cores=chip.cores,
        without=tuple(sorted(name for name, support in chip.ops.items() if support is None)),
        ops=tuple(_op(n, support) for n, support in sorted(chip.ops.items()) if support),
        activation_dtypes=tuple(map(str, chip.activation_dtypes or ())),
        weight_dtypes=tuple(map(str, chip.weight_dtypes or ())),
        machines=tuple(_machine(machine) for machine in chip.machines),
    )


def _machine(machine: Machine) -> MachineFacts:
    array, buffer = machine.convolution.array, machine.weight_buffer
    paths = [path for path, _ in figures(machine)]
    return MachineFacts(
        name=machine.name,
        summary=machine.summary,
        cores=machine.cores,
        clock_mhz=machine.clock_mhz,
        array=(array.pixels, array.inputs, array.outputs),
        convolution_engines=machine.convolution.count,
        tensor_engines=machine.tensor.count,
        memory_bytes=machine.memory.bytes + (0 if buffer is None else buffer.bytes),
        ddr_megabytes_per_second=machine.ddr.megabytes_per_second,
        tops=2 * machine.macs_per_cycle * machine.clock_mhz / 10**6,
        figures=len(paths),
        assumed=sum(any(covers(entry, path) for entry in machine.assumptions) for path in paths),
    )


def _requantization(spec: TargetSpec) -> str:
    if spec.requantization is not Requantization.MULTIPLIER_AND_SHIFT:
        return str(spec.requantization)
    return f"{spec.requantization}, {spec.multiplier_bits} bits"


def _limits(limits: ShiftLimits | None) -> str:
    if limits is None:
        return ""
    return (
        f"cut {limits.cut[0]} to {limits.cut[1]}, bias min(0, cut - {limits.bias_below_cut}) to "
        f"{limits.bias}, read 0 to {limits.read}, write {limits.write[0]} to {limits.write[1]}"
    )


def _ops(spec: TargetSpec) -> tuple[OpFacts, ...]:
    return tuple(_op(name, support) for name, support in sorted(spec.ops.items()))


def _op(name: str, support: OpSupport) -> OpFacts:
    return OpFacts(
        op_type=name,
        support=str(support.support),
        output_range=support.output_range,
        input_positions=support.input_positions,
        own_function=support.function is not None,
        rules=tuple(rule_of(constraint) for constraint in support.constraints),
    )


def _rules(op: OpFacts) -> str:
    rules = [rule.removesuffix(".") for rule in op.rules]
    if op.output_range is not None:
        low, high = op.output_range
        rules.append(f"output range is {real(low)} to {real(high)}")
    if op.input_positions is not None:
        rules.append("input position is {} to {}".format(*op.input_positions))
    if op.own_function:
        rules.append("computed as the target does")
    return "; ".join(rules)


def _granularity(granularity: Granularity) -> str:
    match granularity:
        case PerChannel(axis):
            return f"per_channel({axis})"
        case PerBlock(axis, size):
            return f"per_block({axis}, {size})"
        case _:
            return "per_tensor"
