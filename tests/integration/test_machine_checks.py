"""Compiled models of machines as levels of the check, and as runners of `tc run`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolchain import analyze
from toolchain.core.check_report import LevelStatus
from toolchain.errors import Code, ConfigError, ToolchainError

GROUPS = [{"input_shapes": {"x": [1, 3, 12, 6]}}]


def levels_of(project: Any, target: str = "npu") -> list[tuple[Any, ...]]:
    (built,) = project.run(targets=(target,)).targets
    assert built.check.passed
    return [
        (level.name, level.status, level.samples, level.required) for level in built.check.levels
    ]


@pytest.mark.parametrize("target", ["npu", "kdp", "dpu"])
def test_the_machine_is_part_of_every_check(project: Any, target: str) -> None:
    assert levels_of(project, target) == [(target, LevelStatus.EQUAL, 1, True)]
    report = (project.output / target / "report.md").read_text()
    assert f"{target}: " in report
    assert "elements equal to the reference" in report


def test_every_batch_of_every_group_is_executed(project: Any) -> None:
    changed = project.changed(
        {"compile.groups": GROUPS, "compile.static_batch_sizes": [1, 2], "check.samples": 3}
    )
    assert levels_of(changed) == [
        ("npu", LevelStatus.EQUAL, 1, True),
        ("npu, batch 2", LevelStatus.EQUAL, 2, True),
        ("npu, group 1", LevelStatus.EQUAL, 1, True),
        ("npu, group 1, batch 2", LevelStatus.EQUAL, 2, True),
    ]
    assert "npu, group 1, batch 2: " in (project.output / "npu" / "report.md").read_text()


def test_a_model_without_the_batch_of_one(project: Any) -> None:
    found = levels_of(project.changed({"compile.static_batch_sizes": [3]}))
    assert found == [("npu, batch 3", LevelStatus.EQUAL, 3, True)]


def test_nothing_is_executed(project: Any) -> None:
    changed = project.changed({"check.compiled.level": "none"})
    assert levels_of(changed) == []
    with pytest.raises(ConfigError) as caught:
        changed.changed({"check.runners": ["npu"]}).run(targets=("npu",))
    assert caught.value.code is Code.CONTRADICTION
    assert levels_of(project.changed({"check.runners": []})) == []


@pytest.mark.parametrize(
    ("pattern", "code"),
    [("nothing", Code.NO_MATCH), (".", Code.NO_MATCH), ("(", Code.BAD_VALUE)],
)
def test_patterns_that_exclude_nothing_or_everything(
    project: Any, pattern: str, code: Code
) -> None:
    with pytest.raises(ConfigError) as caught:
        project.changed({"check.compiled.exclude": [pattern]}).run(targets=("npu",))
    assert caught.value.code is code
    assert (caught.value.problems[0].where or "").startswith("check.compiled.exclude")


def test_the_machine_is_analysed_from_end_to_end(project: Any) -> None:
    """What the machine computes is the reference, to the bit, so all figures are, too."""
    settings = {"analysis.enabled": True, "analysis.mode": "end_to_end", "analysis.samples": 2}
    changed = project.changed({**settings, "analysis.on": "machine", "check.enabled": False})
    (built,) = changed.run(targets=("npu",)).targets
    found = built.analysis
    assert (found.on, found.mode, found.samples) == ("machine", "end_to_end", 2)
    folder = project.output / "npu"
    assert "EndToEnd NPUBackend" in (folder / "analysis.txt").read_text(encoding="utf-8")
    assert analyze(folder) == (found,)
    (reference,) = analyze(folder, on="reference")
    assert replace(found, on="reference") == reference
    assert len(found.rows) > 4


def test_layers_of_a_machine_cannot_be_fed(project: Any) -> None:
    enabled = {"analysis.enabled": True, "analysis.on": "machine"}
    for target, codes in (
        ("npu", [Code.CONTRADICTION]),
        ("riscv", [Code.BAD_VALUE, Code.CONTRADICTION]),
    ):
        with pytest.raises(ConfigError) as caught:
            project.changed(enabled).run(targets=(target,))
        assert [problem.code for problem in caught.value.problems] == codes
    assert not project.output.exists() or not (project.output / "npu").exists()
    project.build(until="compile")
    with pytest.raises(ToolchainError) as caught:
        analyze(project.target, on="machine", mode="end_to_end")
    assert caught.value.problems[0].where == "analysis.on"
