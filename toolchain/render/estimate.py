"""What a model takes on machines, as tables: programs, machines, what CPUs do, cost models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.render.figures import count, percent, plural, real, size
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolchain.accelerator.estimate import (
        EstimateReport,
        HostPart,
        MachineEstimate,
        ProgramEstimate,
    )
    from toolchain.errors import Problem


def headline(report: EstimateReport) -> str:
    """One line: how much was estimated, and what it is worth."""
    machines = sum(len(each.machines) for each in report.programs)
    targets = len({each.target for each in report.programs})
    refused = sum(len(each.platforms) for each in report.refusals)
    without = f", {plural(refused, 'chip')} without an estimate" if refused else ""
    return (
        f"{report.model}: {plural(machines, 'machine')} of {plural(targets, 'target')}{without}; "
        "estimated on models, not measured"
    )


def estimate_tables(report: EstimateReport) -> tuple[Table, ...]:
    """Programs of all chips, then the machines of every target; operators where they were kept."""
    shown = [_programs(report)]
    for target in dict.fromkeys(each.target for each in report.programs):
        programs = [each for each in report.programs if each.target == target]
        if any(each.machines for each in programs):
            shown.append(_machines(target, programs))
        shown += _hosts(programs)
        if any(each.models or not each.machines for each in programs):
            shown.append(_chips(target, programs))
        shown += [found for each in programs for found in _operators(each)]
    if report.refusals:
        shown.append(_refusals(report))
    return tuple(shown)


def _programs(report: EstimateReport) -> Table:
    shapes = ", ".join(f"{one.name} {'x'.join(map(str, one.shape))}" for one in report.inputs)
    return table(
        f"Programs ({len(report.programs)})",
        "target:word chips:text operations:number in_float:number MACs:number parameters:number "
        "activations:number",
        (
            (
                each.target,
                ", ".join(each.platforms),
                str(each.operations),
                str(each.float_operations),
                count(each.macs),
                size(each.weight_bytes),
                size(each.activation_bytes),
            )
            for each in report.programs
        ),
        f"input {shapes}; activations are what operations read and write",
    )


def _refusals(report: EstimateReport) -> Table:
    """What is wrong, with all chips of a target that it is wrong on."""
    found: dict[tuple[str, Problem], list[str]] = {}
    for each in report.refusals:
        for problem in each.problems:
            found.setdefault((each.target, problem), []).extend(each.platforms)
    return table(
        "Chips without an estimate",
        "target:word chips:text problem:text where:name found:text",
        (
            (target, ", ".join(chips), one.message, one.where or "", one.got or "")
            for (target, one), chips in found.items()
        ),
    )


def _machines(target: str, programs: Sequence[ProgramEstimate]) -> Table:
    """Machines with their figures, those together that have the same."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for program in programs:
        for each in program.machines:
            alike.setdefault(_figures(program, each), []).append(each.machine)
    found = (each.method for program in programs for each in program.machines)
    methods = ", ".join(dict.fromkeys(found))
    return table(
        f"Machines of {target}",
        "machine:text runs:number CPU:number of_MACs:number DDR:number compute:number "
        "transfer:number estimate:number rate:number",
        ((", ".join(names), *cells) for cells, names in alike.items()),
        "models, not measurements; runs and CPU: operations; compute and transfer: cycles that no "
        f"schedule beats; estimate: cycles, {methods}; rate: frames per second by it",
    )


def _figures(program: ProgramEstimate, each: MachineEstimate) -> tuple[str, ...]:
    return (
        str(each.operations),
        str(sum(part.operations for part in each.host)),
        percent(each.macs / program.macs, 1) if program.macs else "-",
        size(each.transfer_bytes),
        str(each.compute_cycles),
        str(each.transfer_cycles),
        str(each.cycles),
        f"{each.frames_per_second:.{0 if each.frames_per_second >= 100 else 2}f}",
    )


def _hosts(programs: Sequence[ProgramEstimate]) -> Iterator[Table]:
    """What machines leave to a CPU, those together that leave the same."""
    found: dict[tuple[HostPart, ...], list[str]] = {}
    for program in programs:
        for each in program.machines:
            found.setdefault(each.host, []).append(each.platform)
    for parts, chips in found.items():
        if parts:
            yield table(
                f"On the CPU of {', '.join(dict.fromkeys(chips))}",
                "kind:word operations:number MACs:number reason:text",
                ((p.kind, str(p.operations), count(p.macs), p.reason) for p in parts),
            )


def _chips(target: str, programs: Sequence[ProgramEstimate]) -> Table:
    return table(
        f"Chips of {target} by cost model",
        "chip:word cores:number latency:number rate:number model:text",
        (row for program in programs for row in _chip_rows(program)),
        "estimated, not measured",
    )


def _chip_rows(program: ProgramEstimate) -> Iterator[tuple[str, ...]]:
    """What cost models say, and the chips of which there is neither such a model nor a machine."""
    described = {each.platform for each in program.machines}
    for chip in program.platforms:
        report = program.models.get(chip)
        if report is None and chip not in described:
            yield chip, "-", "-", "-", "nobody described a machine or a cost model of it"
        for each in () if report is None else report.estimates:
            rate = f"{real(1e6 / each.latency_us)}/s" if each.latency_us else "-"
            model = "" if report is None else report.model or ""
            yield chip, str(each.cores), _time(each.latency_us), rate, model


def _operators(program: ProgramEstimate) -> Iterator[Table]:
    """Counts of a program's operations, and what they take on each machine."""
    if program.operators:
        yield table(
            f"Operations of {program.target}, {', '.join(program.platforms)}",
            "operation:name kind:word MACs:number weights:number read:number written:number",
            (
                (
                    each.name,
                    each.kind,
                    count(each.macs),
                    size(each.weight_bytes),
                    size(each.input_bytes),
                    size(each.output_bytes),
                )
                for each in program.operators
            ),
        )
    for machine in program.machines:
        if machine.operators:
            yield table(
                f"Operations on {machine.machine}",
                "operation:name kind:word engine:word computing:number DDR:number estimate:number",
                (
                    (
                        each.name,
                        each.kind,
                        str(each.engine),
                        str(each.compute_cycles),
                        size(each.transfer_bytes),
                        str(each.cycles),
                    )
                    for each in machine.operators
                ),
                "cycles of a model, not measured",
            )


def _time(latency_us: float) -> str:
    return f"{real(latency_us / 1000)} ms" if latency_us >= 1000 else f"{real(latency_us)} us"
