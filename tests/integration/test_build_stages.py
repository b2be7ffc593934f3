"""Every stage end to end, through the Python API."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

import toolchain
from toolchain.errors import ConfigError
from toolchain.pipeline.build import STAGES

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.toml"
REPORTS = {"report.md", "report.html", "report.json", "config.json", "manifest.json"}
COMPILED = {"tiny.q.onnx", "tiny.params.json", "tiny.program.json", "tiny.program.bin"}

RULE = {"nodes": ["conv2"], "output_dtype": "uint8"}


@pytest.mark.parametrize("until", [*STAGES, None])
def test_until_every_stage(evaluated: Any, until: str | None) -> None:
    project = evaluated.changed(mixed_precision__rules=[RULE])
    result = project.build(until=until)
    done = list(STAGES) if until is None else list(STAGES)[: list(STAGES).index(until) + 1]
    assert result.optimize is not None
    assert (result.quantize is not None) == ("quantize" in done)
    assert (result.calibration is not None) == ("quantize" in done)
    assert bool(result.effects) == ("mixed-precision" in done)
    assert (result.check is not None) == ("check" in done)
    assert (result.accuracy is not None) == ("check" in done)
    assert result.cached == ()
    expected = REPORTS | {"optimized.onnx"} | (COMPILED if "compile" in done else set())
    assert {path.name for path in project.target.iterdir()} == expected
    assert {row.path.name for row in result.files} == expected


def test_an_unknown_stage_is_an_error(project: Any) -> None:
    with pytest.raises(ConfigError, match="There is no stage of this name"):
        project.build(until="lunch")


def test_the_manifest_tells_what_was_built_of_what(evaluated: Any) -> None:
    result = evaluated.build()
    manifest = json.loads((evaluated.target / "manifest.json").read_text())
    model = (evaluated.folder / "tiny.onnx").read_bytes()
    assert manifest["model"]["name"] == "tiny.onnx"
    assert len(manifest["model"]["sha256"]) == 64
    assert manifest["model"]["sha256"] != hashlib.sha256(model[:-1]).hexdigest()
    assert (manifest["target"], manifest["platform"]) == ("riscv", "k1")
    assert {"defaults", "riscv"} <= set(manifest["plugins"])
    assert {"numpy", "onnx", "onnxruntime", "python"} <= set(manifest["versions"])
    for name, entry in manifest["files"].items():
        digest = hashlib.sha256((evaluated.target / name).read_bytes()).hexdigest()
        assert entry["sha256"] == digest, name
    on_disk = {path.name for path in evaluated.target.iterdir()}
    assert set(manifest["files"]) == on_disk - {"manifest.json", "config.json"}
    assert {row.path.name: row.size_bytes for row in result.files} == {
        path.name: path.stat().st_size for path in evaluated.target.iterdir()
    }


def test_no_path_of_the_machine_is_published(evaluated: Any) -> None:
    evaluated.build()
    for path in evaluated.target.iterdir():
        holds = str(evaluated.folder).encode() in path.read_bytes()
        assert holds == (path.name == "config.json"), path.name


def test_the_resolved_config_builds_the_same(evaluated: Any) -> None:
    evaluated.build()
    before = evaluated.files()
    config = json.loads((evaluated.target / "config.json").read_text())["values"]
    again = evaluated.changed({**config, "output": "again"})
    result = again.build()
    assert again.files() == before
    assert result.cached == ()


def test_an_operator_left_in_float_is_told(project: Any, make_tiny: Any) -> None:
    project = project.save("extra.onnx", make_tiny(extra=True))
    result = project.build()
    (row,) = result.quantize.islands
    assert (row.node, row.op_type) == ("cumsum", "CumSum")
    (told,) = result.diagnostics
    assert (str(told.problem.code), told.stage) == ("TC404", "quantize")
    assert "cumsum (CumSum)" in told.problem.where
    assert "cumsum" in (project.target / "report.md").read_text()
    assert json.loads((project.target / "manifest.json").read_text())["diagnostics"]


def test_an_unchecked_build_says_so(project: Any) -> None:
    result = project.changed(check__enabled=False).build()
    assert result.check is None
    assert [str(found.problem.code) for found in result.diagnostics] == ["TC602"]


def test_fewer_samples_than_asked_for_are_told(project: Any) -> None:
    result = project.changed(calibration__samples=13).build(until="optimize")
    (told,) = result.diagnostics
    assert (str(told.problem.code), told.problem.got, told.problem.allowed) == ("TC311", "12", "13")


def test_a_quantized_model_is_taken_as_it_is(project: Any) -> None:
    first = project.build()
    front = project.target / "tiny.q.onnx"
    again = project.changed(model=str(front), output="again", compile__name="tiny")
    second = again.build()
    assert second.check.passed
    numbers = [
        {(row.value, row.dtype, row.scale, row.zero_point) for row in one.quantize.rows}
        for one in (first, second)
    ]
    assert numbers[0] == numbers[1]
    for name in ("tiny.program.json", "tiny.program.bin", "tiny.params.json"):
        assert (again.target / name).read_bytes() == (project.target / name).read_bytes()


def test_two_inputs_are_paired_by_order(project: Any, make_model: Any) -> None:
    rng = np.random.default_rng(5)
    weight = numpy_helper.from_array(rng.normal(0, 0.3, (4, 3, 1, 1)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["a", "w"], ["c"], "conv", kernel_shape=[1, 1]),
        helper.make_node("Add", ["c", "b"], ["s"], "add"),
        helper.make_node("Flatten", ["s"], ["y"], "flatten"),
    ]
    proto = make_model(nodes, {"a": (1, 3, 2, 2), "b": (1, 4, 2, 2)}, {"y": (1, 16)}, [weight])
    data = {
        name: rng.normal(0, 1, (5, n, 2, 2)).astype(np.float32) for name, n in (("a", 3), ("b", 4))
    }
    np.savez(project.folder / "two.npz", **data, y=rng.integers(0, 16, 5))
    sources = {name: f"two.npz:{name}" for name in ("b", "a")}
    changed = project.save("two.onnx", proto).changed(
        calibration={"data": sources, "samples": 5},
        evaluation={"data": sources, "labels": "two.npz:y"},
        input=[{"name": "b", "mean": [0.5]}],
    )
    result = changed.build()
    assert result.check.passed
    assert result.accuracy.samples == 5
    found = {row.value: row for row in result.quantize.rows}
    # Only `b` is shifted; its range follows from data - 0.5.
    low, high = (float(f(data["b"] - 0.5)) for f in (np.min, np.max))
    minmax = {
        row.value: row for row in changed.changed(quantize__method="minmax").build().quantize.rows
    }
    assert minmax["b"].scale == pytest.approx((high - low) / 255, rel=1e-5)
    assert found.keys() == minmax.keys()


def test_the_public_function_builds_the_quickstart(tmp_path: Path) -> None:
    result = toolchain.build(
        QUICKSTART,
        targets=["riscv"],
        settings={
            "output": str(tmp_path / "out"),
            "evaluation.samples": 50,
            "input.0.color": "gray",
        },
    )
    (one,) = result.targets
    assert result.output == tmp_path / "out"
    assert one.check is not None
    assert one.check.passed
    assert one.accuracy is not None
    assert one.accuracy.samples == 50
    assert one.accuracy.float_score >= 0.9
    assert one.accuracy.reference_score >= one.accuracy.float_score - 0.01


def test_the_public_function_names_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="This names no setting"):
        toolchain.build(QUICKSTART, settings={"": 1})
    with pytest.raises(ConfigError, match="There is no option `metod` here"):
        toolchain.build(
            QUICKSTART, targets=["riscv"], settings={"quantize.metod": 1, "output": str(tmp_path)}
        )


def test_a_plan_is_followed_by_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"output": str(tmp_path / "out")}
    result = toolchain.build(QUICKSTART, targets=["riscv"], settings=settings)
    assert result.targets[0].diagnostics == ()
    monkeypatch.setattr(
        "toolchain.pipeline.stages.compile.unasked_float_nodes",
        lambda graph, _: [node for node in graph.nodes if node.op_type == "Gemm"],
    )
    settings = {"output": str(tmp_path / "other")}
    result = toolchain.build(QUICKSTART, targets=["riscv"], settings=settings, until="compile")
    (found,) = result.targets[0].diagnostics
    assert found.problem.where == "/head/Gemm (Gemm)"
