"""The report of a build that was compiled for a machine."""

from __future__ import annotations

from typing import Any

from toolchain.render import markdown
from toolchain.render.machine.records import MachineStudy
from toolchain.render.machine.text import machine_blocks
from toolchain.render.report_page import report_page


def test_the_machine_stands_between_precision_and_build(result: Any, study: MachineStudy) -> None:
    page = report_page(result, study)
    titles = (
        "Precision", "Partition", "Schedule", "Memory map", "Roofline", "Scaling", "Operations",
        "Machine", "Build", "Diagnostics",
    )  # fmt: skip
    places = [page.index(f"<h2>{title}</h2>") for title in titles]
    assert places == sorted(places)
    assert "net &lt;b&gt;: riscv (k1)" in page
    assert "Nothing was measured on silicon" in page
    assert "<dd>268</dd>" in page
    assert page == report_page(result, study)


def test_thousands_of_instructions(result: Any, long_study: MachineStudy) -> None:
    assert len(report_page(result, long_study)) < 1_400_000


def test_the_same_in_markdown(result: Any, study: MachineStudy) -> None:
    page = markdown.build_page(result, machine_blocks(study))
    places = [page.index(f"\n## {each}\n") for each in ("accuracy", "machine", "partition")]
    assert places == sorted(places)
    assert page.index("\n## cycles\n") < page.index("\n## diagnostics\n")
    assert "Nothing was measured on silicon" in page
