"""Pictures are well-formed, and their boxes lie where the cycles say."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.cycles.summary import summarise
from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.operands import Engine, Space
from toolchain.render.machine.memory import (
    HEIGHT,
    memory_picture,
    most_at_once,
    tenures,
    used_memories,
)
from toolchain.render.machine.memory import MOST as MOST_HELD
from toolchain.render.machine.records import MachineStudy
from toolchain.render.machine.roofline import roofline_picture
from toolchain.render.machine.scaling import scaling_picture
from toolchain.render.machine.schedule import LEFT, MOST, WIDTH, schedule_picture
from toolchain.render.machine.svg import ticks
from toolchain.render.machine.usage import activity_picture, busy_shares, usage_picture

Run = tuple[Code, Timeline]


def shapes(image: str, kind: str) -> list[tuple[dict[str, str], str]]:
    """Attributes and hint of all shapes of a kind; the text is what we wrote ourselves."""
    tree = ET.fromstring(image)  # noqa: S314
    found = tree.findall(f"{{http://www.w3.org/2000/svg}}{kind}")
    return [(each.attrib, "".join(each.itertext())) for each in found]


def test_a_box_for_every_instruction(run: Run) -> None:
    """Of 268 cycles, by queue: multiply 128 to 136, fill to 140, load from 0, store to 268.

    Above them the operations by their ends: the product to 136, the rest to 268.
    """
    done, last, *boxes = shapes(schedule_picture([run[1]]), "rect")
    scale = WIDTH / 268
    assert [(float(b["x"]), float(b["width"])) for b, _ in boxes] == [
        pytest.approx((LEFT + 128 * scale, 8 * scale), abs=0.06),
        pytest.approx((LEFT + 136 * scale, 4 * scale), abs=0.06),
        pytest.approx((LEFT, 128 * scale), abs=0.06),
        pytest.approx((LEFT + 140 * scale, 128 * scale), abs=0.06),
    ]
    hint = "<mul>\nMultiply, cycles 128 to 136\nwaited 128 for core 0 transfer 0"
    assert boxes[0][1] == hint
    assert boxes[2][1] == "<mul>\nCopy, cycles 0 to 128\n256 bytes"
    assert boxes[0][0]["class"] == boxes[2][0]["class"] != boxes[1][0]["class"]
    assert done[1] == "<mul>\nputs off the end by 136 cycles, to 136"
    assert last[1] == "fill\nputs off the end by 132 cycles, to 268"
    assert float(last[0]["x"]) == pytest.approx(LEFT + 136 * scale, abs=0.06)


def test_what_nobody_could_see_is_drawn_together(run: Run) -> None:
    """A thousand steps of one cycle in a run of a million."""
    step = run[1].steps[0]
    steps = tuple(
        replace(step, index=i, free=0, begin=i, end=i + 1, completed=i + 1) for i in range(1000)
    )
    _, (_, hint) = shapes(schedule_picture([replace(run[1], steps=steps, cycles=10**6)]), "rect")
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


def test_memory_that_is_never_used_is_cut_short(run: Run) -> None:
    """Of 1024 bytes 256 above 0 and 256 above 512, so that two bands of 256 are cut to 18 pixels.

    At the most, the load and the product, 512 bytes are held.
    """
    image = memory_picture([run], Space.MEMORY, 0, 1024)
    *cut, load, product, _ = shapes(image, "rect")
    assert [(box["class"], box["height"]) for box, _ in cut] == [("idle", "18.0")] * 2
    quarter = (HEIGHT - 2 * 18) / 2
    assert float(load[0]["height"]) == pytest.approx(quarter)
    assert float(product[0]["y"]) - float(load[0]["y"]) == pytest.approx(-quarter - 18)
    assert "0.25 KiB are never used" in image
    assert most_at_once([run], Space.MEMORY, 0) == 512


def test_use_of_engines_over_the_run(run: Run) -> None:
    """Of 268 cycles in four parts of 67: the multiplier works in 8 of the second, from 128."""
    shares = busy_shares([run[1]], Engine.CONVOLUTION, 4)
    assert shares == pytest.approx([0, 6 / 67, 2 / 67, 0])
    assert busy_shares([run[1]], Engine.TRANSFER, 4) == pytest.approx([1, 61 / 67, 61 / 67, 1])
    bars = shapes(usage_picture(summarise([run[1]], batch=1)), "rect")[3:]
    convolution = [float(box["width"]) for box, _ in bars[:3]]
    # 8 of 268 cycles busy, 128 waiting for the load, and nothing to do for the rest.
    assert convolution == pytest.approx([WIDTH * n / 268 for n in (8, 128, 132)], abs=0.06)
    (strips,) = {len(image) for image in [shapes(activity_picture([run[1]]), "polyline")]}
    assert strips == 3


def test_bars_of_samples_per_second(study: MachineStudy) -> None:
    """Batch 4 has the best bound, 4 in 402 cycles; it takes 536, batch 1 268."""
    image = scaling_picture(study.scaling)
    one, four = (float(box["width"]) for box, _ in shapes(image, "rect"))
    assert four / one == pytest.approx(2, abs=0.01)
    marks = [float(mark["x1"]) for mark, _ in shapes(image, "line")]
    assert (marks[2] - LEFT) / four == pytest.approx(536 / 402, abs=0.01)
    assert "does not fit" in image
    assert scaling_picture(study.scaling[:1]) == ""


def test_a_picture_has_no_more_boxes_than_can_be_told_apart(long_study: MachineStudy) -> None:
    """Every other instruction of a queue is another operation, so that nothing joins by name."""
    image = schedule_picture([found for _, found in long_study.segments])
    assert 200 < len(shapes(image, "rect")) < 4000 + MOST
    held = memory_picture(long_study.segments, Space.MEMORY, 0, 1024)
    assert len(shapes(held, "rect")) < MOST_HELD + 20
    assert "smaller ones of 3,000 are left out" in held


def test_labels_of_the_roofline_do_not_cover_each_other(run: Run) -> None:
    """Ten operations of one place: one of them, and the program, are named."""
    one = summarise([run[1]], batch=1)
    product = one.operations[0]
    many = replace(one, operations=tuple(replace(product, number=n) for n in range(10)))
    names = [words for label, words in shapes(roofline_picture(many), "text")
             if label.get("class") == "name"]  # fmt: skip
    assert 2 <= len(names) < 8
    assert names[0] == "whole program"


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
