"""One page for a program on a machine: HTML that needs nothing else, no network, no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import Space
from toolchain.render.figures import percent, size
from toolchain.render.machine.memory import memory_picture, used_memories
from toolchain.render.machine.roofline import roofline_picture
from toolchain.render.machine.schedule import schedule_picture
from toolchain.render.machine.tables import (
    duration,
    engine_table,
    operation_table,
    summary_lines,
    variant_table,
)

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.cycles.summary import Summary
    from toolchain.accelerator.isa.code import Code
    from toolchain.core.machine import Machine
    from toolchain.render.tables import Table

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1d2733; margin: 0 auto; max-width: 1240px;
  padding: 24px; background: #fff; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; }
p.note { background: #fff5dd; border-left: 4px solid #edc948; padding: 8px 12px; }
dl { display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0; }
dl div { border: 1px solid #d8dee6; border-radius: 6px; padding: 8px 14px; }
dt { color: #5b6b7c; font-size: 12px; } dd { margin: 0; font-size: 19px; }
section.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 3px 10px; border-bottom: 1px solid #e4e9ef; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { overflow-wrap: anywhere; min-width: 160px; }
svg { width: 100%; height: auto; display: block; } svg.small { max-width: 680px; }
svg text { font: 11px system-ui, sans-serif; fill: #5b6b7c; }
svg .grid { stroke: #e4e9ef; stroke-width: 1; } svg rect:hover { opacity: 0.7; }
svg .roof { stroke: #e15759; stroke-width: 2; fill: none; } figure { margin: 0; }
figure.small { max-width: 680px; }
"""


def machine_page(
    name: str,
    segments: Sequence[tuple[Code, Timeline]],
    found: Summary,
    variants: Sequence[Summary] = (),
) -> str:
    """The page.

    Args:
        name: Of the program.
        segments: Code of the machine and when it ran, in their order; at least one.
        found: What that comes to.
        variants: All batches, this one among them; shown where there are several.
    """
    title = f"{name} on {found.machine.name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(found.machine.summary)}</p>",
        f'<p class="note">These are {escape(found.note)}.</p>',
        _cards(found),
        "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in summary_lines(found)[1:]) + "</ul>",
    ]
    if len(variants) > 1:
        body.append(_section("Batches", _table(variant_table(variants))))
    timelines = [timeline for _, timeline in segments]
    body += [
        _section("Engines", _table(engine_table(found))),
        _section("Schedule", _figure(schedule_picture(timelines), _SCHEDULE)),
        _section("Roofline", _figure(roofline_picture(found), _ROOF, "small")),
        *_memories(segments, found.machine),
        _section("Operations", _table(operation_table(found))),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


_SCHEDULE = "cycles from left to right; a colour per operation"
_ROOF = "a dot per operation with MACs and transfers of its own; the large one is the program"


def _cards(found: Summary) -> str:
    cards = {
        "cycles": f"{found.cycles:,}",
        "latency": duration(found.latency_us),
        "frames per second": f"{found.frames_per_second:,.1f}",
        "batch": str(found.batch),
        "MACs used": percent(found.macs_utilisation, 1),
        "DDR": size(found.traffic_read + found.traffic_written),
    }
    if found.gap is not None:
        cards["over the lower bound"] = f"{found.gap:.2f} x"
    inside = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in cards.items()
    )
    return f"<dl>{inside}</dl>"


def _memories(segments: Sequence[tuple[Code, Timeline]], machine: Machine) -> Iterator[str]:
    sizes = {
        Space.MEMORY: machine.memory,
        Space.WEIGHTS: machine.weight_buffer,
        Space.SHARED: machine.shared_memory,
    }
    for space, core in used_memories(segments):
        memory = sizes[space]
        if memory is not None:
            image = memory_picture(segments, space, core, memory.bytes)
            whose = f"{space.name.lower()} of core {core}" if space.per_core else "shared memory"
            yield _section(f"On the chip: {whose}", _figure(image, "addresses over cycles"))


def _section(title: str, inside: str) -> str:
    return f'<section class="wide"><h2>{escape(title)}</h2>{inside}</section>' if inside else ""


def _figure(image: str, caption: str, kind: str = "") -> str:
    if not image:
        return ""
    css = f' class="{kind}"' if kind else ""
    return f"<figure{css}>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(shown: Table) -> str:
    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="{column.kind}">{escape(cell)}</{tag}>'
            for column, cell in zip(shown.columns, texts, strict=True)
        )

    head = cells("th", [column.name for column in shown.columns])
    rows = "".join(f"<tr>{cells('td', row)}</tr>" for row in shown.rows)
    note = f"<p>{escape(shown.note)}</p>" if shown.note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
