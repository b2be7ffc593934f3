"""What a program costs: the totals, its most expensive operations, and the estimate as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.render.figures import count, percent, plural, real, size
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from toolchain.core.cost import CostReport, OperationCost

MOST = 10
"""Operations that are listed."""


def summary(report: CostReport) -> tuple[str, ...]:
    """Totals, the arena where one was planned, the estimate where there is a model."""
    read, written = size(report.input_bytes), size(report.output_bytes)
    lines = [
        f"{plural(len(report.operations), 'operation')}, {count(report.macs)} MACs",
        f"weights {size(report.weight_bytes)}, activations {read} read and {written} written",
    ]
    if report.arena_bytes is not None:
        bound = "" if report.bound_bytes is None else f", at least {size(report.bound_bytes)}"
        lines.append(f"arena {size(report.arena_bytes)}{bound}")
    if report.estimates:
        times = (
            f"{_time(each.latency_us)} on {plural(each.cores, 'core')}" for each in report.estimates
        )
        lines.append(f"estimate, not measured: {', '.join(times)} ({report.model})")
    return tuple(lines)


def most_expensive(report: CostReport) -> Table:
    """By time on the fewest cores where there is an estimate, else by MACs and bytes."""
    return _with_estimate(report) if report.estimates else _counted(report)


def grounds(report: CostReport) -> Table:
    """What the estimate rests on."""
    rows = [("source", text) for text in report.sources]
    rows += [("assumption", text) for text in report.notes]
    return table(f"Grounds of the estimate ({len(rows)})", "kind:word what:text", rows)


def _counted(report: CostReport) -> Table:
    """Without a model, what computes most is most expensive, then what moves most."""
    ordered = sorted(report.operations, key=lambda each: (-each.macs, -_moved_bytes(each)))
    return table(
        _title(report),
        "operation:name kind:word MACs:number weights:number read:number written:number",
        ((each.name, each.kind, *_figures(each)) for each in ordered[:MOST]),
    )


def _with_estimate(report: CostReport) -> Table:
    """The slowest first."""
    first = report.estimates[0]
    pairs = zip(report.operations, first.operations, strict=True)
    ordered = sorted(pairs, key=lambda pair: -pair[1].latency_us)
    return table(
        _title(report),
        "operation:name kind:word MACs:number weights:number read:number written:number "
        "estimate:number share:number bound:word",
        (
            (
                cost.name,
                cost.kind,
                *_figures(cost),
                _time(estimate.latency_us),
                percent(estimate.latency_us / first.latency_us if first.latency_us else 0.0, 1),
                str(estimate.bound),
            )
            for cost, estimate in ordered[:MOST]
        ),
        f"estimated for {plural(first.cores, 'core')}, not measured",
    )


def _title(report: CostReport) -> str:
    total = len(report.operations)
    return f"Most expensive operations ({min(MOST, total)} of {total})"


def _figures(cost: OperationCost) -> tuple[str, ...]:
    sizes = (cost.weight_bytes, cost.input_bytes, cost.output_bytes)
    return (count(cost.macs), *(size(each) for each in sizes))


def _moved_bytes(cost: OperationCost) -> int:
    return cost.weight_bytes + cost.input_bytes + cost.output_bytes


def _time(latency_us: float) -> str:
    return f"{real(latency_us / 1000)} ms" if latency_us >= 1000 else f"{real(latency_us)} us"
