"""What the cycle model found, as sentences and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.container.records import HostSegment
from toolchain.accelerator.cycles.summary import operation_roofline
from toolchain.render.figures import count, percent, plural, real, size
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.accelerator.cycles.records import OperationTime
    from toolchain.accelerator.cycles.summary import EngineUse, Summary
    from toolchain.render.machine.records import MachineStudy


def summary_lines(found: Summary) -> tuple[str, ...]:
    """The whole program: time, MACs, bytes, and what no schedule can beat."""
    machine, roof = found.machine, found.roofline
    time = f"{duration(found.latency_us)} at {machine.clock_mhz} MHz"
    used = f"{percent(found.macs_utilisation, 1)} of what all arrays can do"
    reached = f"{percent(roof.reached, 1)} of the roof reached"
    balance = f"balance at {roof.ridge:.1f} if all arrays were full"
    lines = [
        f"{machine.name}: {found.note}",
        f"batch {found.batch}: {found.cycles:,} cycles, {time}",
        f"{found.frames_per_second:,.1f} frames per second, one batch after the other",
        f"{count(roof.macs)} MACs, {used}",
        f"DDR {size(found.traffic_read)} read and {size(found.traffic_written)} written",
        f"{_intensity(roof.intensity)}, {balance}: {roof.bound}, {reached}",
    ]
    if found.gap is not None:
        bounds = f"computing {found.compute_bound:,} cycles, transfers {found.transfer_bound:,}"
        lines.append(f"{found.gap:.2f} times the larger lower bound: {bounds}")
    return tuple(lines)


def batch_lines(study: MachineStudy, limit: int = 0) -> tuple[str, ...]:
    """A line for every batch of the shown group: what its model of a machine says of it.

    With dynamic batches up to a `limit`, also which one ended the search.
    """
    lines = [
        f"{found.machine.name}, batch {found.batch}: {found.cycles:,} cycles, "
        f"{duration(found.latency_us)}, {found.frames_per_second:,.0f} frames per second "
        "on a model of the machine"
        for found in study.variants
    ]
    following = 2 * max((found.batch for found in study.variants), default=limit)
    if 0 < following <= limit:
        lines.append(f"batch {following} takes no fewer cycles per sample, and is left out")
    return tuple(lines)


def summary_data(found: Summary) -> dict[str, object]:
    """The same for programs, engines and operations included; times in cycles."""
    roof = found.roofline
    return {
        "machine": found.machine.name,
        "note": found.note,
        "batch": found.batch,
        "cycles": found.cycles,
        "clock_mhz": found.machine.clock_mhz,
        "latency_us": found.latency_us,
        "frames_per_second": found.frames_per_second,
        "ddr_read_bytes": found.traffic_read,
        "ddr_written_bytes": found.traffic_written,
        "macs": roof.macs,
        "macs_utilisation": found.macs_utilisation,
        "macs_per_byte": roof.intensity,
        "balance_macs_per_byte": roof.ridge,
        "limited_by": roof.bound,
        "roof_reached": roof.reached,
        "compute_bound_cycles": found.compute_bound,
        "transfer_bound_cycles": found.transfer_bound,
        "gap": found.gap,
        "engines": [_engine_data(each) for each in found.engines],
        "operations": [_operation_data(each) for each in found.operations],
    }


def study_data(study: MachineStudy) -> dict[str, object]:
    """A compiled model for programs: its parts, all batches, and how they scale."""
    return {
        "machine": study.machine.name,
        "parts": [
            {"executor": "cpu", "reasons": dict(part.reasons)}
            if isinstance(part, HostSegment)
            else {"executor": study.machine.name, "operations": list(part.code.operations)}
            for part in study.variant.segments
        ],
        "batches": [summary_data(each) for each in study.variants],
        "scaling": [
            {
                "machine": each.machine.name,
                "cores": each.machine.cores,
                "batch": each.batch,
                "cycles": each.cycles,
                "bound_cycles": each.bound,
            }
            for each in study.scaling
        ],
    }


def _engine_data(use: EngineUse) -> dict[str, object]:
    return {
        "engine": use.engine.name.lower(),
        "count": use.count,
        "busy": use.busy,
        "shared": use.shared,
        "stalled": {engine.name.lower(): cycles for engine, cycles in use.stalled.items()},
        "idle": use.idle,
        "utilisation": use.utilisation,
    }


def _operation_data(each: OperationTime) -> dict[str, object]:
    return {
        "name": each.name,
        "begin": each.begin,
        "end": each.end,
        "cycles": each.cycles,
        "busy": {engine.name.lower(): cycles for engine, cycles in each.busy.items()},
        "macs": each.macs,
        "ddr_read_bytes": each.traffic.read,
        "ddr_written_bytes": each.traffic.written,
    }


def variant_table(found: Sequence[Summary]) -> Table:
    """The batches of a program beside each other."""
    return table(
        f"Batches ({len(found)})",
        "batch:number cycles:number latency:number frames_per_second:number read:number "
        "written:number MACs_used:number over_the_bound:number",
        (
            (
                str(each.batch),
                f"{each.cycles:,}",
                duration(each.latency_us),
                f"{each.frames_per_second:,.1f}",
                size(each.traffic_read),
                size(each.traffic_written),
                percent(each.macs_utilisation, 1),
                "" if each.gap is None else f"{each.gap:.2f} x",
            )
            for each in found
        ),
    )


def engine_table(found: Summary) -> Table:
    """What every kind of engine did with its cycles."""
    return table(
        "Engines",
        "engine:word number:number busy:number stalled:number idle:number waits_for:text",
        (
            (
                each.engine.name.lower(),
                str(each.count),
                percent(each.utilisation, 1),
                _share(sum(each.stalled.values()), each),
                _share(each.idle, each),
                ", ".join(
                    f"{engine.name.lower()} {_share(cycles, each)}"
                    for engine, cycles in each.stalled.items()
                ),
            )
            for each in found.engines
        ),
        "of the cycles of all engines of the kind",
    )


def operation_table(found: Summary) -> Table:
    """Every operation: its part of the total, what worked on it, and what it moved."""
    engines = [use.engine for use in found.engines]
    names = " ".join(f"{engine.name.lower()}:number" for engine in engines)
    return table(
        f"Operations ({plural(len(found.operations), 'operation')})",
        f"operation:name cycles:number share:number begin:number end:number MACs:number {names} "
        "read:number written:number MACs/byte:number limited_by:word",
        (
            (
                each.name,
                f"{each.cycles:,}",
                percent(each.cycles / found.cycles if found.cycles else 0.0, 1),
                f"{each.begin:,}",
                f"{each.end:,}",
                count(each.macs),
                *(f"{each.busy[engine]:,}" for engine in engines),
                size(each.traffic.read),
                size(each.traffic.written),
                _per_byte(roof.intensity),
                str(roof.bound) if roof.macs else "",
            )
            for each in found.operations
            for roof in (operation_roofline(each, found),)
        ),
        "cycles: by how much it puts off the end; columns of engines: cycles of all of a kind",
    )


def duration(microseconds: float) -> str:
    """A time: "812.3 us", "4.501 ms"."""
    return f"{microseconds / 1000:.4g} ms" if microseconds >= 1000 else f"{microseconds:.4g} us"


def _share(cycles: int, use: EngineUse) -> str:
    return percent(cycles / use.available if use.available else 0.0, 1)


def _per_byte(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if value >= 100 else real(value)


def _intensity(value: float | None) -> str:
    return "no bytes" if value is None else f"{value:.1f} MACs per byte"
