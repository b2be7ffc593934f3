"""Plugins that break their contract, by mistake or on purpose, in whole builds."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tc_plugin_defaults.stages import (
    default_check,
    default_compile,
    default_lower,
    default_optimize,
    default_plan,
    default_quantize,
)
from tc_target_riscv.facts import SPEC
from toolchain.api import (
    AlgorithmDef,
    AlgorithmOutput,
    DType,
    MetricDef,
    PassDef,
    QuantPlan,
    RangeMethodDef,
    TargetDef,
    TensorRange,
    hookimpl,
)
from toolchain.core.registry import DataReaderDef
from toolchain.errors import Code, PluginError
from toolchain.plugin.requests import CheckResult

STAGES = {
    "optimize": default_optimize,
    "plan_quantization": default_plan,
    "quantize": default_quantize,
    "lower": default_lower,
    "compile": default_compile,
    "check": default_check,
}


class Unheard(BaseException):
    """No `Exception`, so that careless handlers miss it."""


class MuteError(Exception):
    def __str__(self) -> str:
        raise Unheard


class Faceless:
    def __repr__(self) -> str:
        raise Unheard


def board(**hooks: Any) -> ModuleType:
    """A plugin that brings the target `board`, and hooks."""
    hooks.setdefault("tc_targets", lambda: [TargetDef(spec=replace(SPEC, name="board"))])
    module = ModuleType("plugin")
    vars(module).update({name: hookimpl(function) for name, function in hooks.items()})
    return module


@pytest.fixture
def refused(evaluated: Any, plugins: Any) -> Callable[..., Any]:
    """Why a build with the plugin `board` is refused; what an earlier build left is kept."""
    evaluated.build()
    kept = evaluated.files()

    def call(changes: dict[str, Any] | None = None, **hooks: Any) -> Any:
        project = evaluated.changed(changes or {})
        with pytest.raises(PluginError) as caught:
            project.run(manager=plugins(board=board(**hooks)), targets=("board",))
        assert caught.value.exit_code == 6
        assert evaluated.files() == kept
        assert not (evaluated.output / "board").exists()
        assert evaluated.build().cached == ("optimize", "quantize", "compile", "check")
        return caught.value.problems[0]

    return call


def raising(error: BaseException) -> Any:
    def hook(request: object) -> None:  # noqa: ARG001 - the hook's argument
        raise error

    return hook


@pytest.mark.parametrize("stage", STAGES)
def test_a_hook_that_raises_what_nobody_expects(refused: Any, stage: str) -> None:
    problem = refused(**{f"tc_{stage}": raising(Unheard("boo"))})
    assert problem.code == Code.PLUGIN_RAISED
    assert problem.message == "The plugin raised Unheard: boo"
    assert problem.where == f"board (board-dist 1.2), hook tc_{stage}"


def test_an_exception_that_cannot_be_shown(refused: Any) -> None:
    problem = refused(tc_lower=raising(MuteError()))
    assert problem.message == "The plugin raised MuteError, whose message raised Unheard"


def test_an_answer_that_cannot_be_shown(refused: Any) -> None:
    problem = refused(tc_lower=lambda request: Faceless())  # noqa: ARG005
    assert problem.code == Code.PLUGIN_BAD_RETURN
    assert problem.got == "Faceless: cannot be shown, Unheard"


def test_targets_without_end(refused: Any) -> None:
    one = TargetDef(spec=replace(SPEC, name="board"))
    assert refused(tc_targets=lambda: repeat(one)).allowed == "at most 1000 records"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": "../up"}, "target ../up, name"),
        ({"name": "all"}, "target all, name"),
        ({"name": 3}, "spec.name"),
        ({"platforms": ()}, "target board, platforms"),
        ({"activation_dtypes": ("int8",)}, "spec.activation_dtypes[0]"),
        ({"weight_dtypes": (DType.UINT8,)}, "target board, weight.dtype"),
        ({"min_scale": float("nan")}, "target board, min_scale"),
    ],
)
def test_facts_that_nothing_can_be_built_with(
    refused: Any, changes: dict[str, Any], place: str
) -> None:
    facts: dict[str, Any] = {"name": "board", **changes}
    problem = refused(tc_targets=lambda: [TargetDef(spec=replace(SPEC, **facts))])
    assert problem.code == Code.PLUGIN_BAD_RETURN
    assert problem.where == f"board (board-dist 1.2), hook tc_targets, {place}"


def test_the_name_of_somebody_elses_target(evaluated: Any, plugins: Any) -> None:
    with pytest.raises(PluginError) as caught:
        evaluated.run(manager=plugins(board=board(tc_targets=lambda: [TargetDef(spec=SPEC)])))
    (problem,) = caught.value.problems
    assert problem.code == Code.PLUGIN_CONFLICT
    assert problem.got.endswith(" and board (board-dist 1.2)")


def unknown_value(request: Any) -> Any:
    return default_plan(request).with_changes(specs={"nope": SPEC.activation})


def unknown_type(request: Any) -> Any:
    spec = replace(SPEC.activation, dtype=DType.INT32)
    return default_plan(request).with_changes(specs={"logits": spec})


def untyped_plan(request: Any) -> Any:
    return QuantPlan(specs=dict.fromkeys(default_plan(request).specs, "int8"))  # type: ignore[dict-item]


def nothing_optimized(request: Any) -> Any:
    result = default_optimize(request)
    request.destination.unlink()
    return result


def nothing_quantized(request: Any) -> Any:
    result = default_quantize(request)
    request.destination.write_bytes(b"junk")
    return result


def half_a_program(request: Any) -> Any:
    program = default_lower(request)
    return replace(program, operations=program.operations[:-1])


def other_outputs(request: Any) -> Any:
    program = default_lower(request)
    return replace(program, outputs=program.operations[0].outputs)


def untyped_files(request: Any) -> Any:
    return replace(default_compile(request), files={1: 2})


def link_outside(request: Any) -> Any:
    artifact = default_compile(request)
    (request.folder / "link.txt").symlink_to("/etc/hostname")
    return replace(artifact, files={**artifact.files, "link.txt": "what"})


def cut_program(request: Any) -> Any:
    artifact = default_compile(request)
    (request.folder / f"{request.name}.program.bin").write_bytes(b"")
    return artifact


def contradicting_check(request: Any) -> Any:
    report = default_check(request).report
    return CheckResult(report=replace(report, rows=(replace(report.rows[0], passed=False),)))


@pytest.mark.parametrize(
    ("hook", "found"),
    [
        (unknown_value, "nope"),
        (unknown_type, "int32"),
        (untyped_plan, "str: int8"),
        (nothing_optimized, "no file written"),
        (nothing_quantized, "The file is truncated, damaged or not an ONNX model"),
        (half_a_program, "Nothing writes an output of the program"),
        (other_outputs, "logits"),
        (untyped_files, "int: 1"),
        (link_outside, "link.txt"),
        (cut_program, "The program's file is malformed"),
        (contradicting_check, "True"),
    ],
)
def test_answers_of_the_right_type_that_hold_nonsense(
    refused: Any, hook: Callable[[Any], Any], found: str
) -> None:
    names = {"untyped_files": "compile", "link_outside": "compile", "cut_program": "compile",
             "half_a_program": "lower", "other_outputs": "lower", "nothing_optimized": "optimize",
             "nothing_quantized": "quantize", "contradicting_check": "check"}  # fmt: skip
    stage = names.get(hook.__name__, "plan_quantization")
    problem = refused(**{f"tc_{stage}": hook})
    assert problem.code == Code.PLUGIN_BAD_RETURN
    assert f"hook tc_{stage}" in problem.where
    assert problem.got.startswith(found)


def range_of(low: float, high: float) -> Any:
    found = TensorRange(minimum=low, maximum=high, method="bad")
    return {"tc_range_methods": RangeMethodDef(name="bad", summary="s", function=lambda *_: found)}


def scores_of(function: Any) -> Any:
    return {"tc_metrics": MetricDef(name="bad", summary="s", function=function)}


def constants_of(**constants: Any) -> Any:
    found = AlgorithmOutput(constants=constants, changed_values=frozenset(), summary="s")
    return {"tc_algorithms": AlgorithmDef(name="bad", summary="s", function=lambda _: found)}


def writing(outputs: Any, labels: Any) -> Any:
    labels.sort()
    return outputs[:, 0]


def tearing(model: Any) -> bool:
    model.graph.remove(model.graph[0])
    return True


@pytest.mark.parametrize(
    ("record", "setting", "got"),
    [
        (range_of(float("nan"), 1), {"quantize.method": "bad"}, "nan to 1"),
        (range_of(2, 1), {"quantize.method": "bad"}, "2 to 1"),
        (scores_of(lambda *_: np.array(["a"])), {"evaluation.metric": "bad"}, "<U1 (1,)"),
        (scores_of(lambda *_: np.array([np.nan])), {"evaluation.metric": "bad"}, "float64 (1,)"),
        (scores_of(writing), {"evaluation.metric": "bad"}, None),
        (constants_of(nope=np.zeros(1)), {"quantize.algorithms": ["bad"]}, "nope"),
        (constants_of(b1=np.zeros(9)), {"quantize.algorithms": ["bad"]}, "float64 (9,)"),
        ({"tc_passes": PassDef(name="bad", summary="s", function=tearing)}, {}, "RuntimeError"),
    ],
)
def test_functions_that_break_their_contract(
    refused: Any, record: dict[str, Any], setting: dict[str, Any], got: str | None
) -> None:
    ((hook, found),) = record.items()
    problem = refused(setting, **{hook: lambda: [found]})
    assert problem.where.startswith("board (board-dist 1.2), function of `bad`")
    if got is None:
        assert "read-only" in problem.message
    else:
        assert problem.got.startswith(got)


def test_records_whose_fields_hold_something_else(refused: Any) -> None:
    record = PassDef(name="bad", summary="s", function="no function")  # type: ignore[arg-type]
    problem = refused(tc_passes=lambda: [record])
    assert (problem.got, problem.allowed) == ("str: no function", "a function")


class Reader:
    images = False

    def __init__(self, names: Any, sample: Any) -> None:
        self._names, self._sample = names, sample

    def names(self) -> Any:
        return self._names

    def read(self, index: int) -> Any:  # noqa: ARG002 - of the protocol
        return self._sample


@pytest.mark.parametrize(
    ("opened", "got"),
    [
        (None, "NoneType: None"),
        (Reader([1, 2], np.zeros((3, 8, 8), np.float32)), "int: 1"),
        (Reader(["a", "b"], "text"), "str: text"),
    ],
)
def test_readers_that_are_none(refused: Any, evaluated: Any, opened: Any, got: str) -> None:
    (evaluated.folder / "data.strange").write_text("data")
    record = DataReaderDef(
        name="bad",
        summary="s",
        accepts=lambda path: path.suffix == ".strange",
        open=lambda *_: opened,
    )
    setting = {"calibration.data": "data.strange"}
    assert refused(setting, tc_data_readers=lambda: [record]).got == got


def test_targets_built_before_the_broken_one_are_kept(evaluated: Any, plugins: Any) -> None:
    manager = plugins(board=board(tc_compile=raising(Unheard("boo"))))
    with pytest.raises(PluginError):
        evaluated.run(manager=manager, targets=("riscv", "board"))
    assert (evaluated.target / "manifest.json").is_file()
    assert "calibrate" in evaluated.entries()


def test_a_hook_that_writes_into_the_cache(evaluated: Any, plugins: Any) -> None:
    def damage(request: Any) -> Any:
        artifact = default_compile(request)
        request.model.path.write_bytes(b"junk")
        return artifact

    evaluated.build()
    kept = evaluated.files()
    with pytest.raises(PluginError) as caught:
        evaluated.run(manager=plugins(board=board(tc_compile=damage)), targets=("board",))
    (problem,) = caught.value.problems
    assert problem.message == "A plugin changed files that it was only given to read"
    assert problem.where == "board (board-dist 1.2), stage compile"
    assert problem.got.endswith("quantized.onnx")
    assert evaluated.files() == kept
    # Neither the damaged model nor what was made beside it is left.
    (result,) = evaluated.run(manager=plugins(board=board()), targets=("board",)).targets
    assert result.check.passed
    assert "quantize" not in result.cached


def test_a_hook_that_removes_its_own_folder(refused: Any) -> None:
    def remove(request: Any) -> Any:
        artifact = default_compile(request)
        shutil.rmtree(request.folder)
        return artifact

    assert refused(tc_compile=remove).got == "tiny.qdq.onnx"


def test_what_plugins_print_is_no_part_of_the_answer(
    command: Any, evaluated: Any, plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chatty(request: Any) -> Any:
        print("compiling")  # noqa: T201 - that is the point
        sys.stdout.write("still compiling\n")
        return default_compile(request)

    manager = plugins(board=board(tc_compile=chatty))
    monkeypatch.setattr("toolchain.plugin.manager.PluginManager.load", lambda: manager)
    answer = command("build", "-c", evaluated.write(), "-t", "board", "--format", "json")
    assert answer.code == 0
    assert json.loads(answer.out)["targets"][0]["target"] == "board"
    assert "still compiling" in answer.err


def test_what_plugins_print_while_they_are_imported_or_run_programs(
    make_environment: Any, tmp_path: Any
) -> None:
    (tmp_path / "chatty").mkdir()
    (tmp_path / "chatty" / "chatty.py").write_text(
        "import os\nprint('importing')\nos.system('echo from a program')\n"
    )
    (tmp_path / "chatty" / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "chatty"\nversion = "1"\n'
        '[project.entry-points."toolchain.plugins"]\nchatty = "chatty"\n'
    )
    environment = make_environment(tmp_path / "environment")
    environment.run("pip", "install", "-q", "./chatty", cwd=tmp_path)
    out = environment.run("bash", "-c", "tc plugins --format json 2>errors", cwd=tmp_path)
    assert "chatty" in {row["name"] for row in json.loads(out)["plugins"]}
    errors = (tmp_path / "errors").read_text()
    assert "importing" in errors
    assert "from a program" in errors
