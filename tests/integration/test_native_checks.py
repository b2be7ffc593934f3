"""Compiled forms as levels of the check, and as runners of `tc run`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tc_target_riscv.native import ELF
from toolchain.codegen.native import tools
from toolchain.core.check_report import LevelStatus
from toolchain.core.dtypes import Array
from toolchain.errors import Problem
from toolchain.pipeline.execute import run
from toolchain.plugin.markers import hookimpl
from toolchain.plugin.runners import RunnerDef, RunnerRequest
from toolchain.program.interpreter import Interpreter

needs_compiler = pytest.mark.skipif(
    isinstance(tools.host_compiler(), Problem), reason="there is no C compiler"
)
needs_riscv = pytest.mark.skipif(
    isinstance(tools.riscv_compiler(), Problem) or isinstance(tools.riscv_emulator(), Problem),
    reason="there is no compiler or no emulator for RISC-V",
)


class Flipping:
    """A runner that is wrong in one element of one tensor."""

    def __init__(self, tensor: str | None = None) -> None:
        self.tensor = tensor

    @hookimpl
    def tc_runners(self) -> list[RunnerDef]:
        return [
            RunnerDef(name="board", summary="A wrong one", open=self.open, missing=self.missing)
        ]

    @contextmanager
    def open(self, request: RunnerRequest) -> Iterator[Any]:
        yield _Board(request, self.tensor)

    def missing(self, files: Collection[str]) -> tuple[Problem, ...]:
        assert "c/tiny.c" in files
        return ()


class _Board:
    def __init__(self, request: RunnerRequest, tensor: str | None) -> None:
        self.request, self.tensor = request, tensor
        self.interpreter = Interpreter(request.program)

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        found = self.interpreter.run(feeds, self.request.layer_names)
        if self.tensor is None:
            return found
        wrong = found[self.tensor].copy()
        wrong.reshape(-1)[3] ^= 1
        return {**found, self.tensor: wrong}


@pytest.fixture
def native(project: Any) -> Any:
    """The small project with C sources, without a RISC-V binary."""
    return project.changed(
        compile__sources=True, check__runners=["c"], target__riscv__options__binary=False
    )


@needs_compiler
def test_generated_c_is_a_level_of_the_check(native: Any) -> None:
    check = native.build().check
    (level,) = check.levels
    assert (level.runner, level.status, level.samples) == ("c", LevelStatus.EQUAL, 4)
    assert level.tensors > 3
    assert level.elements > 4 * 64
    assert check.passed
    report = (native.target / "report.md").read_text()
    assert f"c: {level.elements} elements equal to the reference" in report
    assert (native.target / "c" / "tiny.c").is_file()
    again = native.build()
    assert "check" in again.cached


@needs_compiler
def test_run_c_hands_out_what_the_reference_does(native: Any) -> None:
    native.build()
    samples = [np.load(native.folder / "calibration.npy")[k] for k in range(2)]
    expected = run(native.target, samples, runner="reference", layers=True)
    computed = run(native.target, samples, runner="c", layers=True)
    for one, other in zip(expected, computed, strict=True):
        assert one.outputs.keys() == other.outputs.keys()
        assert one.layers.keys() == other.layers.keys()
        for name, array in {**one.outputs, **one.layers}.items():
            np.testing.assert_array_equal(array, {**other.outputs, **other.layers}[name])


@needs_riscv
def test_the_riscv_binary_is_built_and_executed(native: Any) -> None:
    project = native.changed(
        check__runners=["riscv"], check__samples=2, target__riscv__options__binary=True
    )
    (level,) = project.build().check.levels
    assert (level.runner, level.status, level.samples) == ("riscv", LevelStatus.EQUAL, 1)
    binary = project.target / f"tiny{ELF}"
    assert binary.read_bytes()[:4] == b"\x7fELF"
    assert os.access(binary, os.X_OK)
    binary.chmod(0o644)  # as copies of a folder may be
    sample = np.load(project.folder / "calibration.npy")[0]
    (expected,) = run(project.target, [sample], runner="reference")
    (computed,) = run(project.target, [sample], runner="riscv")
    np.testing.assert_array_equal(computed.outputs["logits"], expected.outputs["logits"])


def test_a_wrong_runner_fails_the_check(native: Any, plugins: Callable[..., Any]) -> None:
    project = native.changed(check__runners=["board"])
    right = project.build(manager=plugins(board=Flipping()))
    (level,) = right.check.levels
    assert level.status is LevelStatus.EQUAL
    program = json.loads((project.target / "tiny.program.json").read_text())["body"]
    tensor = program["operations"][2]["outputs"][0]
    wrong = project.changed(check__samples=2).build(manager=plugins(board=Flipping(tensor)))
    (level,) = wrong.check.levels
    assert level.status is LevelStatus.DIFFERENT
    assert (level.first.tensor, level.first.different, level.first.right) == (tensor, 1, "a")
    assert level.samples == 1, "the first difference is enough"
    (row,) = (row for row in wrong.check.rows if not row.passed)
    assert (row.comparison, row.tensor, row.value) == ("reference-board", tensor, 1.0)
    assert not wrong.check.passed
    page = (project.output / "riscv.failed" / "report.md").read_text()
    assert "A follows the rule, B does not" in page


def test_missing_tools_make_the_check_incomplete(
    native: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda *_: None)
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda *_: None)
    project = native.changed(check__runners=None, target__riscv__options__binary=True)
    answer = command("build", "--target", "riscv", "--config", project.write(), "--format", "json")
    assert answer.code == 1
    assert "[TC602]" in answer.err
    assert "riscv was not run: the check of riscv is incomplete" in answer.err
    assert "c was not run: the check of riscv is incomplete" in answer.err
    assert "toolchain[riscv]" in answer.err
    assert "qemu-user" in answer.err
    (built,) = json.loads(answer.out)["targets"]
    statuses = {level["runner"]: level["status"] for level in built["check"]["levels"]}
    assert statuses == {"c": "missing", "riscv": "missing"}
    assert (project.target / "manifest.json").is_file()
    allowed = command("build", "--target", "riscv", "--config", project.file, "--allow-missing")
    assert allowed.code == 0
    assert "There is no RISC-V binary" in allowed.err


def test_runners_need_the_sources(native: Any, command: Callable[..., Any]) -> None:
    project = native.changed(compile__sources=False)
    answer = command("build", "--target", "riscv", "--config", project.write(), "--format", "json")
    assert answer.code == 2
    (problem,) = answer.problems
    assert (problem["code"], problem["where"]) == ("TC105", "compile.sources")


def test_a_runner_that_does_not_exist(native: Any, command: Callable[..., Any]) -> None:
    project = native.changed(check__runners=["c", "boart"])
    answer = command("build", "--target", "riscv", "--config", project.write(), "--format", "json")
    assert answer.code == 2
    (problem,) = answer.problems
    assert (problem["code"], problem["where"]) == ("TC110", "check.runners[1]")
    assert "c, riscv" in problem["allowed"]
