"""A compiled model as Markdown: everything but the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.render import markdown
from toolchain.render.machine.page import model_note
from toolchain.render.machine.parts import part_line, part_table, reason_table, region_table
from toolchain.render.machine.scaling import scaling_table
from toolchain.render.machine.tables import (
    engine_table,
    operation_table,
    summary_lines,
    variant_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.render.machine.records import MachineStudy


def machine_text(study: MachineStudy) -> str:
    """The page of a compiled model by itself."""
    title = f"# {markdown.escape(f'{study.name} on {study.machine.name}')}"
    return "\n\n".join([title, *machine_blocks(study)]) + "\n"


def machine_blocks(study: MachineStudy) -> list[str]:
    """Its parts, under headings of the second level."""
    shown = study.shown
    blocks = ["## machine", markdown.escape(model_note(study))]
    if shown is not None:
        blocks.append(_bullets(summary_lines(shown)))
        if len(study.variants) > 1:
            blocks.append(markdown.table(variant_table(study.variants)))
    blocks += ["## partition", markdown.escape(part_line(study))]
    tables = [part_table(study), reason_table(study)]
    blocks += [markdown.table(each) for each in tables if each.rows]
    if shown is not None:
        tables = [engine_table(shown), region_table(study), scaling_table(study.scaling)]
        tables.append(operation_table(shown))
        blocks.append("## cycles")
        blocks += [markdown.table(each) for each in tables if each.rows]
    return blocks


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {markdown.escape(line)}" for line in lines)
