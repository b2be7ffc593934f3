"""The page of a program on a machine as Markdown, without its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolchain.render import markdown
from toolchain.render.machine.tables import (
    engine_table,
    operation_table,
    summary_lines,
    variant_table,
)

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.summary import Summary


def machine_text(name: str, found: Summary, variants: Sequence[Summary] = ()) -> str:
    """The page; `variants` are all batches, shown where there are several."""
    lines = "\n".join(f"- {markdown.escape(line)}" for line in summary_lines(found))
    several = [variant_table(variants)] if len(variants) > 1 else []
    tables = (*several, engine_table(found), operation_table(found))
    title = f"# {markdown.escape(f'{name} on {found.machine.name}')}"
    return "\n\n".join([title, lines, *map(markdown.table, tables)]) + "\n"
