from __future__ import annotations

from typing import Any

from toolchain.render import markdown
from toolchain.render.tables import table


def test_cells_are_shown_letter_by_letter() -> None:
    text = markdown.table(table("T", "a:name b:number", [("x|*y*", "<1>")], "note"))
    assert text.splitlines() == [
        "**T**, note",
        "",
        "| a | b |",
        "| --- | ---: |",
        "| x\\|\\*y\\* | \\<1\\> |",
    ]


def test_the_report_of_a_build(result: Any) -> None:
    page = markdown.build_page(result)
    assert page.startswith(
        "# riscv (k1)\n\n## optimize (cached)\n\n- 31 -> 18 nodes".replace(">", "\\>")
    )
    assert "## check (failed)" in page
    assert "## accuracy\n\naccuracy  top1: float 97.50 %" in page
    assert "- warning\\[TC251\\]: 1 node runs in float\n  where: /model/head/Softmax" in page
    assert "- info\\[TC109\\]: a remark" in page
    assert page.endswith("\n")
    assert page == markdown.build_page(result)
