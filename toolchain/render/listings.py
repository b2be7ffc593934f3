"""What `tc inspect` and `tc plugins` list, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.render.figures import count, percent, size
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.reports import InspectReport, TargetSupport
    from toolchain.plugin.manager import PluginRow


def model_tables(report: InspectReport) -> tuple[Table, ...]:
    """The model at a glance, its operators, and what each target makes of it."""
    shown = [_glance(report), _ports(report), _operators(report)]
    if report.support:
        shown.append(_support(report.support))
        shown += [_violations(one) for one in report.support if one.violations]
    return tuple(shown)


def plugins(rows: Sequence[PluginRow]) -> Table:
    """Installed plugins with what they provide, or why they could not be loaded."""
    return table(
        f"Plugins ({len(rows)})",
        "plugin:word distribution:word version:word provides:text",
        (
            (
                row.name,
                row.distribution,
                row.version,
                ", ".join(row.provides) if row.error is None else f"not loaded: {row.error}",
            )
            for row in rows
        ),
    )


def _glance(report: InspectReport) -> Table:
    return table(
        "Model",
        "fact:word value:text",
        (
            ("file", str(report.path)),
            ("opset", str(report.opset)),
            ("nodes", str(report.nodes)),
            ("MACs", count(report.macs)),
            ("parameters", f"{count(report.parameters)} ({size(report.weight_bytes)})"),
        ),
    )


def _ports(report: InspectReport) -> Table:
    pairs = [("input", report.inputs), ("output", report.outputs)]
    return table(
        "Inputs and outputs",
        "port:word name:name dtype:word shape:text",
        ((kind, row.name, row.dtype, row.shape) for kind, rows in pairs for row in rows),
    )


def _operators(report: InspectReport) -> Table:
    return table(
        f"Operators ({len(report.op_counts)})",
        "operator:word nodes:number",
        ((op_type, str(number)) for op_type, number in report.op_counts),
    )


def _support(rows: Sequence[TargetSupport]) -> Table:
    return table(
        "Support by target",
        "target:word platforms:text on_integers:number in_float:number unsupported:number "
        "MACs_on_integers:number",
        (
            (
                row.target,
                ", ".join(row.platforms),
                str(row.integer_nodes),
                str(row.float_nodes),
                str(row.unsupported_nodes),
                percent(row.integer_mac_share),
            )
            for row in rows
        ),
    )


def _violations(support: TargetSupport) -> Table:
    return table(
        f"Not on integers on {support.target}, {', '.join(support.platforms)} "
        f"({len(support.violations)})",
        "node:name operator:word rule:text measured:text",
        ((one.node, one.op_type, one.rule, one.measured) for one in support.violations),
    )
