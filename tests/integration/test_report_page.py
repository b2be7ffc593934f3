"""Builds leave a page, and `tc trace` shows the batches and groups of what they compiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolchain.cli.main import run
from toolchain.render.machine.tables import duration

ASKED = {
    "compile.static_batch_sizes": [1, 2],
    "compile.groups": [{"input_shapes": {"x": [1, 3, 12, 6]}}],
}


@pytest.fixture
def folder(project: Any) -> Path:
    """A model compiled for AX650 in two batches and two groups."""
    one = project.changed(ASKED)
    one.build(targets=("npu",))
    published: Path = one.output / "npu"
    return published


def test_the_page_says_what_the_trace_says(folder: Path, capsys: Any) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    text = (folder / "report.md").read_text(encoding="utf-8").replace("\\", "")
    data = json.loads((folder / "report.json").read_text())["machine"]
    assert [each["executor"] for each in data["parts"]] == ["cpu", "ax650-npu1", "cpu"]
    machines = [(each["machine"], each["batch"]) for each in data["scaling"]]
    assert machines == [
        (f"ax650-npu{cores}", batch) for cores in (1, 2, 3) for batch in (1, 2)
    ]  # fmt: skip
    capsys.readouterr()
    for batch in (1, 2):
        asked = ["trace", str(folder), "--batch", str(batch), "--format", "json"]
        assert run(asked) == 0
        traced = json.loads(capsys.readouterr().out)
        said = data["batches"][batch - 1]
        assert (traced["cycles"], traced["gap"]) == (said["cycles"], said["gap"])
        assert said["gap"] >= 1
        written = json.loads((folder.with_name("npu.trace") / "trace.json").read_text())
        assert written["otherData"]["cycles"] == said["cycles"]
        cycles = f"{said['cycles']:,}"
        assert f">{cycles}</td>" in page
        assert f"batch 1: {data['batches'][0]['cycles']:,} cycles" in text
    assert duration(data["batches"][0]["latency_us"]) in page
    assert "Nothing was measured on silicon" in page


def test_other_shapes_have_times_without_bounds(folder: Path, capsys: Any) -> None:
    capsys.readouterr()
    assert run(["trace", str(folder), "--group", "1", "--format", "json"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["cycles"] > 0
    assert other["gap"] is None
    assert run(["trace", str(folder), "--group", "2"]) == 2


def test_targets_without_a_machine_have_a_page_too(evaluated: Any) -> None:
    evaluated.build()
    page = (evaluated.target / "report.html").read_text(encoding="utf-8")
    assert "<h2>Precision</h2>" in page
    assert "<h2>Partition</h2>" not in page
    assert "machine" not in json.loads((evaluated.target / "report.json").read_text())
