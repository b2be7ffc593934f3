"""The page of a build: every section that applies, and the figures of the records."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from toolchain.render import html
from toolchain.render.report_page import NO_MACHINE, report_page
from toolchain.render.tables import table


class Reader(HTMLParser):
    """Checks the nesting; keeps headings, words and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[str] = []
        self.words: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        if tag != "meta":
            self.open.append(tag)
        self.loaded += [v or "" for n, v in attrs if n in ("src", "href") and v and v[0] != "#"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.sections.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert reader.loaded == []
    assert "url(" not in page
    assert "@import" not in page
    return reader


def test_a_target_without_a_machine(result: Any) -> None:
    page = report_page(result)
    found = read(page)
    assert found.sections == ["Precision", "Build", "Diagnostics"]
    assert NO_MACHINE in found.words
    assert "riscv (k1)" in found.words
    assert page == report_page(result)


def test_figures_are_those_of_the_records(result: Any) -> None:
    words = read(report_page(result)).words
    accuracy = result.accuracy
    assert f"{accuracy.sqnr_db:.1f} dB" in words
    assert f"Accuracy: {accuracy.metric} on {accuracy.samples} samples" in words
    assert "FAILED" in words
    assert not result.check.passed
    for row in result.check.rows:
        assert {row.tensor, f"{row.value:.6g}", f"{row.limit:.6g}"} <= set(words)
    assert any("1 node runs in float" in each for each in words)


def test_what_was_not_made_is_not_shown(result: Any) -> None:
    bare = replace(result, accuracy=None, check=None, cost=None, quantize=None, diagnostics=())
    found = read(report_page(bare))
    assert found.sections == ["Precision", "Build"]
    assert not any("Accuracy" in each for each in found.words)


def test_names_are_text_wherever_they_stand(result: Any) -> None:
    page = report_page(replace(result, target="<script>", platform='"&'))
    assert "<script>" not in page
    assert "&lt;script&gt; (&quot;&amp;)" in page


def test_a_long_table_ends_and_says_so() -> None:
    rows = [(f"row {number}",) for number in range(html.MOST_ROWS + 3)]
    page = html.table(table("T", "name:name", rows))
    assert page.count("<tr>") == 1 + html.MOST_ROWS
    assert "3 more rows are not on this page" in page
    assert html.table(table("T", "name:name", [])) == ""


def test_sections_without_content_and_links_to_them_are_left_out() -> None:
    page = "".join(html.sections({"One two": ("", "<p>x</p>"), "None": ("", "")}))
    assert page == (
        '<nav><a href="#one-two">One two</a></nav>'
        '<section id="one-two"><h2>One two</h2>\n<p>x</p></section>'
    )
