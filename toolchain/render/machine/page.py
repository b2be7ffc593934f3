"""A compiled model as parts of a page, and as a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import Space
from toolchain.render import html
from toolchain.render.figures import percent, size
from toolchain.render.machine.memory import memory_picture, used_memories
from toolchain.render.machine.parts import (
    ground_table,
    memories,
    part_line,
    part_table,
    reason_table,
    region_table,
)
from toolchain.render.machine.roofline import roofline_picture
from toolchain.render.machine.scaling import scaling_picture, scaling_table
from toolchain.render.machine.schedule import schedule_picture
from toolchain.render.machine.tables import (
    duration,
    engine_table,
    operation_table,
    summary_lines,
    variant_table,
)
from toolchain.render.machine.usage import activity_picture, usage_picture

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.summary import Summary
    from toolchain.render.machine.records import MachineStudy

MODEL = (
    "Cycles, times and rates are those of a model of the machine ({name}). Nothing was measured on "
    "silicon, and what a CPU computes beside the machine is in none of them."
)
"""What stands wherever figures of a machine are shown."""


def machine_page(study: MachineStudy) -> str:
    """The page of a compiled model by itself."""
    title = f"{study.name} on {study.machine.name}"
    body = [
        html.heading_one(title),
        html.paragraph(study.machine.summary),
        html.note(model_note(study)),
    ]
    if study.shown is not None:
        body += [
            html.cards(machine_cards(study.shown)),
            html.bullets(summary_lines(study.shown)[1:]),
        ]
    return html.document(title, (*body, *html.sections(machine_sections(study))))


def model_note(study: MachineStudy) -> str:
    """That figures are a model's."""
    return MODEL.format(name=study.machine.name)


def machine_cards(found: Summary) -> dict[str, str]:
    """Figures to see first, by label."""
    cards = {
        "cycles of the model": f"{found.cycles:,}",
        "latency": duration(found.latency_us),
        "frames per second": f"{found.frames_per_second:,.1f}",
        "batch": str(found.batch),
        "MACs used": percent(found.macs_utilisation, 1),
        "DDR traffic": size(found.traffic_read + found.traffic_written),
    }
    if found.gap is not None:
        cards["over the lower bound"] = f"{found.gap:.2f} x"
    return cards


def machine_sections(study: MachineStudy) -> dict[str, tuple[str, ...]]:
    """Blocks of every section by its title; where a CPU computes everything, two sections."""
    partition = (
        html.paragraph(part_line(study)),
        html.table(part_table(study)),
        html.table(reason_table(study)),
    )
    machine = (
        html.note(
            "A description of a machine, not the machine: what vendors publish is named below, and "
            "so is what we assume where they publish nothing."
        ),
        html.folded("Where every figure comes from", html.table(ground_table(study.machine))),
    )
    timed = {} if study.shown is None else _timed(study, study.shown)
    return {"Partition": partition, **timed, "Machine": machine}


def _timed(study: MachineStudy, shown: Summary) -> dict[str, tuple[str, ...]]:
    batches = variant_table(study.variants)
    return {
        "Schedule": _schedule(study, shown),
        "Memory map": (html.table(region_table(study), titled=False), *_memories(study)),
        "Roofline": (html.figure(roofline_picture(shown), _ROOF, small=True),),
        "Scaling": (
            html.figure(scaling_picture(study.scaling), _SCALING, small=True),
            html.table(scaling_table(study.scaling)),
            html.table(batches) if len(batches.rows) > 1 else "",
        ),
        "Operations": (html.table(operation_table(shown), titled=False),),
    }


def _schedule(study: MachineStudy, shown: Summary) -> tuple[str, ...]:
    timelines = [found for _, found in study.segments]
    batch = f"batch {shown.batch}; cycles of the model from left to right"
    return (
        html.figure(
            schedule_picture(timelines),
            f"{batch}. A colour per operation; the first lane has the operations in the order in "
            "which they are done, each as wide as it puts off the end.",
        ),
        html.heading("Use of the engines"),
        html.figure(usage_picture(shown), "cycles of all engines of a kind"),
        html.figure(activity_picture(timelines), f"part of the engines that works; {batch}"),
        html.folded("Engines as a table", html.table(engine_table(shown), titled=False)),
    )


_ROOF = (
    "A dot per operation that multiplies and transfers, in the cycles that it would take if no "
    "engine ever waited; the large one is the whole program as it was scheduled. Operations whose "
    "bytes stay on the chip lie far to the right."
)
_SCALING = "cores of the platform's machines and batches; the longest bar is the fastest"


def _memories(study: MachineStudy) -> Iterator[str]:
    """The first core in full, the others for those who ask: they are much alike."""
    sizes = memories(study.machine)
    folded: list[str] = []
    for space, core in used_memories(study.segments):
        if space not in sizes:
            continue
        image = memory_picture(study.segments, space, core, sizes[space].bytes)
        whose = f"{_NAMES[space]} of core {core}" if space.per_core else _NAMES[space]
        shown = html.heading(f"On the chip: {whose}") + html.figure(image, _MEMORY)
        if core:
            folded.append(shown)
        else:
            yield shown
    yield html.folded("The other cores", *folded)


_NAMES = {
    Space.MEMORY: "memory",
    Space.WEIGHTS: "weight buffer",
    Space.SHARED: "shared memory",
}
_MEMORY = (
    "addresses over cycles: from the instruction that writes bytes to the last that reads them, in "
    "the colour of the operation that writes"
)
