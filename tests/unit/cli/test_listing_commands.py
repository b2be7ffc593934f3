from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolchain.core.reports import InspectReport, TargetSupport, TensorRow

pytestmark = pytest.mark.usefixtures("manager")


def test_targets_in_brief(tc: Any) -> None:
    answer = tc("targets")
    assert (answer.code, answer.out) == (0, "npu riscv\n")
    assert "Targets (2)" in answer.err
    assert "The riscv family" in answer.err


def test_one_target(tc: Any) -> None:
    answer = tc("targets", "npu")
    assert answer.out == "npu: The npu family\n"
    assert "Operators on integers (1)" in answer.err
    data = json.loads(tc("targets", "npu", "--format", "json").out)
    assert data["name"] == "npu"
    assert data["ops"][0] == {
        "op_type": "Conv",
        "output_range": None,
        "input_positions": None,
        "own_function": False,
        "rules": [],
        "support": "compute",
    }


def test_an_unknown_target(tc: Any) -> None:
    answer = tc("targets", "riscy")
    assert answer.code == 2
    assert answer.err == (
        "error[TC110]: There is no target `riscy`\n  allowed: npu, riscv\n\n"
        "hint: did you mean `riscv`?\n"
    )


def test_plugins(tc: Any) -> None:
    answer = tc("plugins")
    assert answer.out == "2 plugins, 1 not loaded\n"
    assert "not loaded: ImportError: no z" in answer.err
    data = json.loads(tc("plugins", "--format=json").out)
    assert data["plugins"][0]["provides"] == ["targets: riscv"]


def test_explain(tc: Any) -> None:
    answer = tc("explain", "tc251")
    assert answer.code == 0
    assert answer.out.startswith("TC251: Operators that the target cannot run\n")
    assert answer.err == ""
    data = json.loads(tc("explain", "TC251", "--format", "json").out)
    assert data["explanation"]["exit_code"] == 3


def test_explain_an_unknown_code(tc: Any) -> None:
    answer = tc("explain", "TC25")
    assert answer.code == 2
    assert "There is no error code `TC25`" in answer.err
    assert "hint: did you mean `TC251`?" in answer.err


@pytest.fixture
def inspecting(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toolchain.pipeline.inspect")

    def inspect(model: Path, targets: Any) -> InspectReport:
        support = TargetSupport(
            target="",
            platforms=(),
            integer_nodes=5,
            float_nodes=0,
            unsupported_nodes=0,
            integer_mac_share=1.0,
            violations=(),
        )
        return InspectReport(
            path=model,
            opset=17,
            inputs=(TensorRow(name="x", dtype="float32", shape="1 x 3"),),
            outputs=(),
            nodes=5,
            macs=1_500_000,
            weight_bytes=40,
            parameters=10,
            op_counts=(("Conv", 5),),
            support=tuple(replace(support, target=one.spec.name) for one in targets),
        )

    module.inspect = inspect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toolchain.pipeline.inspect", module)


@pytest.mark.usefixtures("inspecting")
@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        ((), []),
        (("--target", "riscv"), ["riscv"]),
        (("-t", "riscv", "-t", "npu", "-t", "riscv"), ["riscv", "npu"]),
        (("--target", "all"), ["npu", "riscv"]),
    ],
)
def test_inspect(tc: Any, arguments: tuple[str, ...], targets: list[str]) -> None:
    answer = tc("inspect", "net.onnx", *arguments)
    assert answer.out == "net.onnx: 5 nodes, 1.5 M MACs\n"
    assert "Operators (1)" in answer.err
    data = json.loads(tc("inspect", "net.onnx", "--format", "json", *arguments).out)
    assert [one["target"] for one in data["support"]] == targets


@pytest.mark.usefixtures("inspecting")
def test_inspect_for_unknown_targets(tc: Any) -> None:
    answer = tc("inspect", "net.onnx", "-t", "a", "-t", "b")
    assert answer.code == 2
    assert "`a`" in answer.err
    assert "`b`" in answer.err


@pytest.mark.usefixtures("pipeline")
def test_clean(tc: Any, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toolchain.pipeline.clean")

    def remove(output: Path, *, cache_only: bool) -> int:
        assert output == Path("/out")
        return 1500 if cache_only else 3_000_000

    module.clean = remove  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toolchain.pipeline.clean", module)
    assert tc("clean", "--config", config).out == "/out: freed 3.0 MB\n"
    assert tc("clean", "--config", config, "--cache").out == "/out: freed 1.5 kB\n"
    data = json.loads(tc("clean", "--config", config, "--format", "json").out)
    assert data == {"output": "/out", "freed_bytes": 3_000_000}


def test_plugin_new(tc: Any, tmp_path: Path) -> None:
    answer = tc("plugin", "new", "acme", "--output", tmp_path, "--format", "json")
    assert answer.code == 0
    said = json.loads(answer.out)
    assert said["folder"] == str(tmp_path / "toolchain-acme")
    assert all((tmp_path / "toolchain-acme" / file).is_file() for file in said["files"])
    again = tc("plugin", "new", "acme", "--output", tmp_path)
    assert (again.code, again.out) == (2, "")
    assert again.err.startswith("error[TC112]: The folder of the new plugin exists already")
