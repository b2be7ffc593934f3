"""The page is whole HTML that needs nothing from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.cycles.summary import summarise
from toolchain.accelerator.isa.code import Code
from toolchain.render.machine.page import machine_page
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

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        assert attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_a_page(run: Run) -> None:
    found = summarise([run[1]], batch=1)
    page = machine_page("net <b>", [run], found)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.links == []
    assert reader.headings == [
        "net <b> on small-1", "Engines", "Schedule", "Roofline",
        "On the chip: memory of core 0", "Operations",
    ]  # fmt: skip
    assert "not measurements of a chip" in page
    assert "<mul>" not in page
    assert page == machine_page("net <b>", [run], found)


def test_batches_are_compared_where_there_are_several(run: Run) -> None:
    one = summarise([run[1]], batch=1)
    page = machine_page("net", [run], one, [one, replace(one, batch=4)])
    assert "<h2>Batches</h2>" in page


def test_the_summary_in_words(run: Run) -> None:
    """268 cycles at 100 MHz; 4096 of 512 * 268 MACs; 512 bytes at 2 of 4 bytes per cycle."""
    found = replace(summarise([run[1]], batch=2), compute_bound=134, transfer_bound=99)
    assert summary_lines(found) == (
        "small-1: times of a model of the machine, not measurements of a chip",
        "batch 2: 268 cycles, 2.68 us at 100 MHz",
        "746,268.7 frames per second, one batch after the other",
        "4.1 k MACs, 3.0 % of what all arrays can do",
        "DDR 256 B read and 256 B written",
        "8.0 MACs per byte, balance at 128.0: memory, 47.8 % of the roof reached",
        "2.00 times the larger lower bound: computing 134 cycles, transfers 99",
    )


def test_the_same_as_markdown(run: Run) -> None:
    found = summarise([run[1]], batch=1)
    page = machine_text("net", found)
    assert page.startswith("# net on small-1\n\n- small-1: times of a model")
    assert "| \\<mul\\> | 136 |" in page
    assert "Batches" not in page
    assert "**Batches (2)**" in machine_text("net", found, [found, replace(found, batch=4)])


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
        ("1", "268", "2.68 us", "373,134.3", "256 B", "256 B", "3.0 %"),
    )
    assert duration(4501.2) == "4.501 ms"
