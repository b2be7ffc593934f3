"""The page is whole HTML that needs nothing from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.cycles.summary import summarise
from toolchain.accelerator.isa.code import Code
from toolchain.render.machine.page import machine_cards, machine_page
from toolchain.render.machine.parts import part_line, part_table, reason_table, region_table
from toolchain.render.machine.records import MachineStudy
from toolchain.render.machine.scaling import scaling_table
from toolchain.render.machine.tables import (
    duration,
    engine_table,
    operation_table,
    summary_lines,
    variant_table,
)
from toolchain.render.machine.text import machine_text

Run = tuple[Code, Timeline]
VOID = {"meta", "rect", "line", "circle", "polyline"}


class Reader(HTMLParser):
    """Checks that elements are closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.anchors += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        assert attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_a_page(study: MachineStudy) -> None:
    page = machine_page(study)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.headings == [
        "net <b> on small-1", "Partition", "Schedule", "Memory map", "Roofline", "Scaling",
        "Operations", "Machine",
    ]  # fmt: skip
    assert reader.links == [f"#{each}" for each in reader.anchors]
    assert "not measurements of a chip" not in page
    assert "Nothing was measured on silicon" in page
    assert "<mul>" not in page
    assert page == machine_page(study)


def test_the_figures_of_the_page_are_those_of_the_records(study: MachineStudy) -> None:
    """268 cycles at 100 MHz, 512 bytes; the bar of batch 4 allows 4 * 268 / 536 of batch 1."""
    assert study.shown is not None
    assert machine_cards(study.shown) == {
        "cycles of the model": "268",
        "latency": "2.68 us",
        "frames per second": "373,134.3",
        "batch": "1",
        "MACs used": "3.0 %",
        "DDR traffic": "512 B",
    }
    rows = scaling_table(study.scaling).rows
    assert rows[0] == (
        "small-1", "1", "1", "268", "134", "2.00", "373,134.3", "1.00", "1.00", "100.0 %",
    )  # fmt: skip
    # 4 samples in twice the cycles, where the bound allows them in three times its own.
    assert rows[1][3:] == (
        "536", "402", "1.33", "746,268.7", "2.00", "1.33", "150.0 %",
    )  # fmt: skip
    assert rows[2][:7] == ("twice", "2", "1", "does not fit", "9", "", "")


def test_parts_and_the_reasons_of_the_cpu(study: MachineStudy) -> None:
    assert part_table(study).rows == (
        ("0", "CPU", "1", "", "0", "", "q<1>", "q<1>"),
        ("1", "small-1", "2", "4", "4.1 k", "268", "<mul>", "fill"),
    )
    assert reason_table(study).rows == (("0", "q<1>", "Quantize", "turns floats & more"),)
    assert "2 of 3 operations and 100.00 % of the MACs on small-1, in 1 part" in part_line(study)
    assert "turns floats &amp; more" in machine_page(study)


def test_what_lies_where(study: MachineStudy) -> None:
    """At the most, from 128 on, 256 bytes that were loaded and 256 of the product."""
    weights = "weights and tables, shared by all batches and cores"
    assert region_table(study).rows == (
        ("DDR", "constants", "100 B", "", "", weights),
        ("core 0", "memory", "0.5 KiB", "1.0 KiB", "50.0 %", ""),
    )  # fmt: skip


def test_a_model_that_a_cpu_computes(study: MachineStudy) -> None:
    (host, _) = study.variant.segments
    alone = replace(
        study,
        variant=replace(study.variant, segments=(host,)),
        segments=(),
        shown=None,
        variants=(),
        scaling=(),
    )
    page = machine_page(alone)
    assert "<h2>Partition</h2>" in page
    assert "<h2>Schedule</h2>" not in page
    assert 'href="#schedule"' not in page
    assert "0 of 1 operation and 0.00 % of the MACs on small-1" in page


def test_thousands_of_instructions_make_no_endless_page(long_study: MachineStudy) -> None:
    page = machine_page(long_study)
    assert len(page) < 1_300_000
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert "2,600 more rows are not on this page" in page


def test_the_summary_in_words(run: Run) -> None:
    """268 cycles at 100 MHz; 4096 of 512 * 268 MACs; 512 bytes at 2 of 4 bytes per cycle."""
    found = replace(summarise([run[1]], batch=2), compute_bound=134, transfer_bound=99)
    assert summary_lines(found) == (
        "small-1: times of a model of the machine, not measurements of a chip",
        "batch 2: 268 cycles, 2.68 us at 100 MHz",
        "746,268.7 frames per second, one batch after the other",
        "4.1 k MACs, 3.0 % of what all arrays can do",
        "DDR 256 B read and 256 B written",
        (
            "8.0 MACs per byte, balance at 128.0 if all arrays were full: memory, "
            "47.8 % of the roof reached"
        ),
        "2.00 times the larger lower bound: computing 134 cycles, transfers 99",
    )


def test_the_same_as_markdown(study: MachineStudy) -> None:
    page = machine_text(study)
    assert page.startswith("# net \\<b\\> on small-1\n\n## machine\n\nCycles, times and rates")
    assert "| \\<mul\\> | 136 |" in page
    assert "**Batches (2)**" in page
    assert "turns floats & more" in page
    one = replace(study, variants=study.variants[:1])
    assert "Batches (" not in machine_text(one)


def test_tables(run: Run) -> None:
    found = summarise([run[1]], batch=1)
    engines = engine_table(found)
    assert engines.rows == (
        ("convolution", "1", "3.0 %", "47.8 %", "49.3 %", "transfer 47.8 %"),
        ("tensor", "1", "1.5 %", "50.7 %", "47.8 %", "convolution 50.7 %"),
        ("transfer", "1", "95.5 %", "4.5 %", "0.0 %", "tensor 4.5 %"),
    )
    first, second = operation_table(found).rows
    assert first == (
        "<mul>", "136", "50.7 %", "0", "136", "4.1 k", "8", "0", "128", "256 B", "0 B", "16",
        "memory",
    )  # fmt: skip
    assert second[:2] == ("fill", "132")
    assert variant_table([found]).rows == (
        ("1", "268", "2.68 us", "373,134.3", "256 B", "256 B", "3.0 %", ""),
    )
    assert duration(4501.2) == "4.501 ms"
