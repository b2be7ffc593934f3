"""Pictures are well-formed, and their boxes lie where the cycles say."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.cycles.summary import summarise
from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.operands import Space
from toolchain.render.machine.memory import HEIGHT, memory_picture, tenures, used_memories
from toolchain.render.machine.roofline import roofline_picture
from toolchain.render.machine.schedule import LEFT, WIDTH, schedule_picture
from toolchain.render.machine.svg import ticks

Run = tuple[Code, Timeline]


def shapes(image: str, kind: str) -> list[tuple[dict[str, str], str]]:
    """Attributes and hint of all shapes of a kind; the text is what we wrote ourselves."""
    tree = ET.fromstring(image)  # noqa: S314
    found = tree.findall(f"{{http://www.w3.org/2000/svg}}{kind}")
    return [(each.attrib, "".join(each.itertext())) for each in found]


def test_a_box_for_every_instruction(run: Run) -> None:
    """Of 268 cycles, by queue: multiply 128 to 136, fill to 140, load from 0, store to 268."""
    boxes = shapes(schedule_picture([run[1]]), "rect")
    scale = WIDTH / 268
    assert [(float(b["x"]), float(b["width"])) for b, _ in boxes] == [
        pytest.approx((LEFT + 128 * scale, 8 * scale), abs=0.01),
        pytest.approx((LEFT + 136 * scale, 4 * scale), abs=0.01),
        pytest.approx((LEFT, 128 * scale), abs=0.01),
        pytest.approx((LEFT + 140 * scale, 128 * scale), abs=0.01),
    ]
    hint = "<mul>\nMultiply, cycles 128 to 136\nwaited 128 for core 0 transfer 0"
    assert boxes[0][1] == hint
    assert boxes[2][1] == "<mul>\nCopy, cycles 0 to 128\n256 bytes"
    assert boxes[0][0]["fill"] == boxes[2][0]["fill"] != boxes[1][0]["fill"]


def test_what_nobody_could_see_is_drawn_together(run: Run) -> None:
    """A thousand steps of one cycle in a run of a million."""
    step = run[1].steps[0]
    steps = tuple(
        replace(step, index=i, free=0, begin=i, end=i + 1, completed=i + 1) for i in range(1000)
    )
    ((_, hint),) = shapes(schedule_picture([replace(run[1], steps=steps, cycles=10**6)]), "rect")
    assert "1000 instructions, cycles 0 to 1,000" in hint


def test_memory_is_held_from_writing_to_the_last_reading(run: Run) -> None:
    code, found = run
    held = [
        (each.first, each.behind, each.begin, each.end)
        for each in tenures(code, found, Space.MEMORY, 0)
    ]
    # What was loaded is read by the product to 136, and what that wrote by the store to 268.
    assert held == [(0, 256, 0, 136), (512, 768, 128, 268), (0, 16, 136, 140)]
    assert used_memories([run]) == [(Space.MEMORY, 0)]
    boxes = shapes(memory_picture([run], Space.MEMORY, 0, 1024), "rect")
    assert float(boxes[0][0]["height"]) == pytest.approx(HEIGHT / 4, abs=0.01)
    assert float(boxes[1][0]["y"]) - float(boxes[0][0]["y"]) == pytest.approx(-HEIGHT / 2)


def test_dots_of_the_roofline(run: Run) -> None:
    """The product has 16 MACs per byte, the program 8; the fill has neither."""
    dots = shapes(roofline_picture(summarise([run[1]], batch=1)), "circle")
    assert [hint.splitlines()[:2] for _, hint in dots] == [
        ["<mul>", "16 MACs per byte"],
        ["the whole program", "8 MACs per byte"],
    ]
    assert float(dots[1][0]["cx"]) < float(dots[0][0]["cx"])


def test_without_products_there_is_no_roofline(run: Run) -> None:
    fills = tuple(step for step in run[1].steps if not step.macs)
    assert roofline_picture(summarise([replace(run[1], steps=fills)], batch=1)) == ""


@pytest.mark.parametrize(
    ("last", "step"), [(1, 1), (8, 1), (9, 2), (40, 5), (41, 10), (474_078, 100_000)]
)
def test_ticks_are_round(last: int, step: int) -> None:
    assert ticks(last) == list(range(0, last + 1, step))
