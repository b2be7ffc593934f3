"""Plugins that are not installed, in whole builds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tc_plugin_defaults.stages import default_compile, default_plan
from tc_target_riscv.facts import SPEC
from toolchain.api import (
    AlgorithmDef,
    Bound,
    CompiledArtifact,
    CostModelDef,
    MetricDef,
    OperationEstimate,
    PassDef,
    QuantPlan,
    RangeMethodDef,
    TargetDef,
    TensorRange,
    hookimpl,
)
from toolchain.core.registry import DataReaderDef
from toolchain.errors import Code, PluginError
from toolchain.plugin.manager import PluginManager, PluginRow
from toolchain.plugin.requests import CompileRequest, PlanRequest


class Board:
    """A target like riscv whose compile step is the default's, and one more file."""

    files: dict[str, str] = {"board.txt": "name of the board"}  # noqa: RUF012 - edited by tests
    called: list[str] = []  # noqa: RUF012

    @hookimpl
    def tc_targets(self) -> list[TargetDef]:
        return [TargetDef(spec=replace(SPEC, name="board"))]

    @hookimpl
    def tc_compile(self, request: CompileRequest) -> CompiledArtifact:
        assert request.target.name == "board"
        artifact = default_compile(request)
        (request.folder / "board.txt").write_text(request.platform)
        return replace(artifact, files={**artifact.files, **self.files})


def plugin(**hooks: Any) -> ModuleType:
    """A plugin of functions by hook name."""
    module = ModuleType("plugin")
    vars(module).update({name: hookimpl(function) for name, function in hooks.items()})
    return module


def folder_of(project: Any) -> Path:
    return Path(project.output / "board")


def test_a_target_of_somebody_else(project: Any, plugins: Any) -> None:
    result = project.run(manager=plugins(board=Board()), targets=("board", "riscv"))
    board, riscv = result.targets
    assert board.check.passed
    names = {path.name for path in folder_of(project).iterdir()}
    assert {"board.txt", "tiny.program.json", "manifest.json"} <= names
    assert "tiny.q.onnx" not in names
    assert "board.txt" not in {path.name for path in project.target.iterdir()}
    manifest = json.loads((folder_of(project) / "manifest.json").read_text())
    assert manifest["plugins"]["board"] == "1.2"
    assert "riscv" not in manifest["plugins"]
    assert riscv.check.passed


def test_targets_share_samples_float_model_and_sweep(project: Any, plugins: Any) -> None:
    project.run(manager=plugins(board=Board()), targets=("board", "riscv"))
    entries = project.entries()
    assert (len(entries["samples"]), len(entries["calibrate"])) == (1, 1)
    assert (len(entries["optimize"]), len(entries["quantize"])) == (1, 2)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "missing.txt", "report.json"])
def test_files_that_a_target_may_not_name(project: Any, plugins: Any, name: str) -> None:
    board = Board()
    board.files = {name: "what"}
    with pytest.raises(PluginError) as caught:
        project.build(manager=plugins(board=board), targets=("board",))
    assert (caught.value.code, caught.value.problems[0].got) == (Code.PLUGIN_BAD_RETURN, name)
    assert not folder_of(project).exists()


def test_a_plugin_without_a_target_wraps_a_default(project: Any, plugins: Any) -> None:
    def plan(request: PlanRequest) -> QuantPlan:
        return default_plan(request).with_changes(specs={"logits": None})

    before = project.build()
    result = project.build(manager=plugins(free=plugin(tc_plan_quantization=plan)))
    assert "logits" in {row.value for row in before.quantize.rows}
    assert "logits" not in {row.value for row in result.quantize.rows}
    assert result.check.passed


def test_records_of_plugins_take_part(evaluated: Any, plugins: Any) -> None:
    def half(stats: Any, *_: Any) -> TensorRange:
        return TensorRange(minimum=stats.minimum / 2, maximum=stats.maximum / 2, method="half")

    def first(outputs: Any, labels: Any) -> Any:
        del outputs
        return (labels == 0).astype(np.float64)

    seen = []

    def look(model: Any) -> bool:
        seen.append(model)
        return False

    more = plugin(
        tc_range_methods=lambda: [RangeMethodDef(name="half", summary="h", function=half)],
        tc_metrics=lambda: [MetricDef(name="zero", summary="z", function=first)],
        tc_passes=lambda: [PassDef(name="look", summary="l", function=look)],
    )
    project = evaluated.changed(quantize__method="half", evaluation__metric="zero")
    project = project.changed(check__float_reference__min_cosine=0.1)
    result = project.build(manager=plugins(more=more))
    assert "half" in {row.method for row in result.quantize.rows}
    labels = np.load(project.folder / "evaluation.npz")["y"]
    assert result.accuracy.reference_score == np.mean(labels == 0)
    assert seen
    assert "look" in {row.name for row in result.optimize.passes}


def broken(*_: Any) -> Any:
    raise LookupError("nothing here")


@pytest.mark.parametrize(
    ("record", "changes", "place"),
    [
        ({"tc_range_methods": RangeMethodDef(name="bad", summary="", function=broken)},
         {"quantize.method": "bad"}, "function of `bad`"),
        ({"tc_metrics": MetricDef(name="bad", summary="", function=broken)},
         {"evaluation.metric": "bad"}, "function of `bad`"),
        ({"tc_passes": PassDef(name="bad", summary="", function=broken)}, {}, "function of `bad`"),
        ({"tc_data_readers": DataReaderDef(name="bad", summary="", accepts=broken, open=broken)},
         {"calibration.data": "data.own"}, "accepts of `bad`"),
    ],
)  # fmt: skip
def test_functions_of_plugins_that_raise(
    evaluated: Any, plugins: Any, record: dict[str, Any], changes: dict[str, Any], place: str
) -> None:
    (evaluated.folder / "data.own").write_bytes(b"data")
    ((hook, found),) = record.items()
    manager = plugins(bad=plugin(**{hook: lambda: [found]}))
    with pytest.raises(PluginError) as caught:
        evaluated.changed(changes).build(manager=manager)
    (problem,) = caught.value.problems
    assert problem.code == Code.PLUGIN_RAISED
    assert problem.where == f"bad (bad-dist 1.2), {place}"


@pytest.mark.parametrize(
    ("hook", "found", "wanted"),
    [
        ("tc_range_methods", RangeMethodDef(name="bad", summary="", function=lambda *_: (0, 1)),
         "TensorRange"),
        ("tc_passes", PassDef(name="bad", summary="", function=lambda _: None), "bool"),
        ("tc_metrics", MetricDef(name="bad", summary="", function=lambda *_: 1.0), "ndarray"),
        ("tc_algorithms", AlgorithmDef(name="bad", summary="", function=lambda _: {}),
         "AlgorithmOutput"),
    ],
)  # fmt: skip
def test_functions_of_plugins_that_return_something_else(
    evaluated: Any, plugins: Any, hook: str, found: Any, wanted: str
) -> None:
    changes = {"quantize.method": "bad"} if hook == "tc_range_methods" else {}
    changes |= {"evaluation.metric": "bad"} if hook == "tc_metrics" else {}
    changes |= {"quantize.algorithms": ["bad"]} if hook == "tc_algorithms" else {}
    manager = plugins(bad=plugin(**{hook: lambda: [found]}))
    with pytest.raises(PluginError) as caught:
        evaluated.changed(changes).build(manager=manager)
    (problem,) = caught.value.problems
    assert (problem.code, problem.allowed) == (Code.PLUGIN_BAD_RETURN, wanted)
    assert problem.where == "bad (bad-dist 1.2), function of `bad`"


@pytest.fixture
def with_broken(monkeypatch: pytest.MonkeyPatch, plugins: Any) -> None:
    """The installed plugins, and one that cannot be imported."""
    found = plugins()
    rows = [(row, found.module(row.name)) for row in found.describe()]
    row = PluginRow(name="broken", distribution="d", version="3", error="ImportError: no such lib")
    manager = PluginManager([*rows, (row, None)])
    monkeypatch.setattr("toolchain.plugin.manager.PluginManager.load", lambda: manager)


@pytest.mark.usefixtures("with_broken")
class TestBrokenPlugin:
    def test_its_target_is_asked_for(self, command: Any, project: Any) -> None:
        answer = command("build", "-c", project.write(), "-t", "broken")
        assert answer.code == 6
        assert (
            answer.err
            == (
                "warning[TC701]: Plugin `broken` cannot be imported\n"
                "  where: broken (d 3)\n"
                "  got: ImportError: no such lib\n\n"
                "hint: install what it needs, or uninstall it\n"
            )
            + answer.err[answer.err.index("error[") :]
        )
        assert "error[TC701]: Plugin `broken` cannot be imported" in answer.err
        assert "got: ImportError: no such lib" in answer.err

    @pytest.mark.parametrize(
        "changes", [{"targets": ["broken"]}, {"targets": ["riscv"], "target.broken.platform": "x"}]
    )
    def test_the_config_names_its_target(
        self, command: Any, project: Any, changes: dict[str, Any]
    ) -> None:
        answer = command("build", "-q", "-c", project.changed(changes).write())
        assert answer.code == 6
        assert answer.err.startswith("error[TC701]: Plugin `broken` cannot be imported\n")

    def test_other_commands(self, command: Any, project: Any) -> None:
        model = project.folder / "tiny.onnx"
        for words in (
            ("targets", "broken"),
            ("inspect", model, "-t", "broken"),
            ("config", "init", model, "-t", "broken"),
            ("config", "check", project.write(), "-t", "broken"),
        ):
            answer = command(*words)
            assert (answer.code, answer.out) == (6, ""), words
            assert answer.err.startswith("error[TC701]")

    def test_another_target_is_built_with_a_warning(self, command: Any, project: Any) -> None:
        answer = command("build", "-c", project.write(), "-t", "riscv")
        assert answer.code == 0
        assert answer.err.startswith("warning[TC701]: Plugin `broken` cannot be imported\n")
        manifest = json.loads((project.target / "manifest.json").read_text())
        assert manifest["diagnostics"] == []
        assert command("build", "-q", "-c", project.write(), "-t", "riscv").err == ""

    def test_the_list_shows_why(self, command: Any) -> None:
        answer = command("plugins")
        assert answer.code == 0
        assert "not loaded: ImportError: no such lib" in answer.err
        assert answer.out.endswith(", 1 not loaded\n")

    def test_a_target_that_nobody_has_is_still_a_config_error(
        self, command: Any, project: Any
    ) -> None:
        answer = command("build", "-q", "-c", project.write(), "-t", "lunch")
        assert answer.code == 2
        assert answer.err.startswith("error[TC110]: Target `lunch` is not installed")


def priced(operations: Any, cores: int) -> tuple[OperationEstimate, ...]:
    """Ten microseconds an operation, whatever it is, shared by the cores."""
    return tuple(
        OperationEstimate(name=each.name, latency_us=10 / cores, bound=Bound.COMPUTE)
        for each in operations
    )


def test_the_cost_of_a_program_is_reported(project: Any, plugins: Any) -> None:
    model = CostModelDef(
        name="guess",
        summary="a guess",
        target="board",
        platforms=("k1",),
        function=priced,
        sources=("nowhere",),
    )
    added = {"board": Board(), "guess": plugin(tc_cost_models=lambda: [model])}
    for _ in range(2):  # the second time from the cache
        result = project.build(manager=plugins(**added), targets=("board",))
        count = len(result.cost.operations)
        assert result.cost.model == "guess: a guess"
        assert [each.cores for each in result.cost.estimates] == [1, 4]
        assert result.cost.estimates[0].latency_us == pytest.approx(10 * count)
    report = json.loads((folder_of(project) / "report.json").read_text())
    assert report["cost"]["macs"] == result.cost.macs > 0
    assert "estimate, not measured" in (folder_of(project) / "report.md").read_text()


def test_a_chip_without_a_model_is_counted_only(project: Any, plugins: Any) -> None:
    result = project.build(manager=plugins(board=Board()), targets=("board",))
    assert result.cost.macs == result.quantize.total_macs
    assert result.cost.estimates == ()
    assert "estimate" not in (folder_of(project) / "report.md").read_text()


def test_a_cost_model_that_answers_nonsense(project: Any, plugins: Any) -> None:
    model = CostModelDef(
        name="short",
        summary="s",
        target="riscv",
        platforms=("k3",),
        function=lambda *_: (),
        sources=(),
    )
    found = plugins(short=plugin(tc_cost_models=lambda: [model]))
    with pytest.raises(PluginError) as caught:
        project.changed(target={"riscv": {"platform": "k3"}}).build(manager=found)
    (problem,) = caught.value.problems
    assert (problem.code, problem.got) == (Code.PLUGIN_BAD_RETURN, "0 estimates")
