"""The analysis while a build runs, and afterwards from the folder that it published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from toolchain import analyze
from toolchain.core.options import AnalysisForm, AnalysisMode
from toolchain.core.reports import LayerRow
from toolchain.errors import Code, ToolchainError
from toolchain.render.analysis_files import FILES, analysis_files

FORMS = [
    (mode, on)
    for mode in AnalysisMode
    for on in AnalysisForm
    if on is not AnalysisForm.MACHINE  # test_machine_checks.py has it
]


def rows(reports: Any) -> dict[str, LayerRow]:
    return {row.output: row for row in reports[0].rows}


def code_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> Code:
    with pytest.raises(ToolchainError) as caught:
        call(*arguments, **options)
    return caught.value.code


def test_the_command_writes_what_the_build_wrote(
    project: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    result = project.changed(analysis__enabled=True, analysis__samples=3).build()
    assert result.analysis is not None
    assert result.analysis.samples == 3
    assert set(FILES) <= {row.path.name for row in result.files}
    answer = command("analyze", project.target, "-o", tmp_path / "files")
    assert answer.code == 0
    for name, text in analysis_files(result.analysis).items():
        assert (project.target / name).read_text(encoding="utf-8") == text
        assert (tmp_path / "files" / name).read_text(encoding="utf-8") == text
    assert "worst is" in (project.target / "report.md").read_text(encoding="utf-8")
    assert str(project.folder) not in (project.target / "manifest.json").read_text("utf-8")


def test_without_the_option_nothing_is_analysed(project: Any) -> None:
    result = project.build()
    assert result.analysis is None
    assert not list(project.target.glob("analysis.*"))


def test_the_stage_is_cached_whatever_the_threads(project: Any) -> None:
    analysed = project.changed(analysis__enabled=True)
    first = analysed.build()
    files = project.files()
    second = analysed.changed(calibration__threads=3).build()
    assert ("analyze" in first.cached, "analyze" in second.cached) == (False, True)
    assert second.analysis == first.analysis
    assert project.files() == files


def test_drawn_samples_are_the_same_later(project: Any) -> None:
    drawn = {"analysis.enabled": True, "analysis.samples": 2, "calibration.order": "random"}
    result = project.changed(drawn, calibration__samples=3, calibration__seed=4).build()
    assert analyze(project.target) == (result.analysis,)


def test_text_and_json(project: Any, command: Callable[..., Any]) -> None:
    project.build()
    text = command("analyze", project.target, "--mode", "end_to_end", "--on", "qdq")
    assert text.code == 0
    assert "layers marked" in text.out
    assert "QDQ model against float, from end to end, 12 samples" in text.err
    assert "Conv+Relu" in text.err
    assert "output `logits` has SNR" in text.err
    data = json.loads(command("analyze", project.target, "--format", "json").out)
    assert [row["output"] for row in data[0]["rows"]][:3] == ["x", "r1", "r2"]
    assert len(data[0]["rows"][0]["histogram"]) == 32
    assert command("analyze", project.target, "-q").err == ""


def test_all_targets_of_an_output_folder(
    project: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    project.build()
    shutil.copytree(project.target, project.output / "riscv.failed")
    reports = analyze(project.output, samples=1)
    assert [report.target for report in reports] == ["riscv", "riscv.failed"]
    assert command("analyze", project.output, "-o", tmp_path / "all").code == 0
    assert (tmp_path / "all" / "riscv.failed" / "analysis.mmd").is_file()


def test_a_folder_may_move(project: Any, tmp_path: Path) -> None:
    project.build()
    before = analyze(project.target)
    shutil.move(project.target, tmp_path / "elsewhere")
    shutil.rmtree(project.output)
    (project.folder / "tiny.onnx").unlink()
    assert analyze(tmp_path / "elsewhere") == before


def test_other_samples(project: Any) -> None:
    project.build()
    np.save(project.folder / "other.npy", np.full((2, 3, 8, 8), 0.5, np.float32))
    found = analyze(project.target, data=project.folder / "other.npy")
    assert found[0].samples == 2
    assert rows(found)["x"].real == (0.5, 0.5)
    named = analyze(project.target, data={"x": project.folder / "other.npy"})
    assert named == found


def test_samples_that_have_moved(project: Any, command: Callable[..., Any]) -> None:
    project.build()
    (project.folder / "calibration.npy").rename(project.folder / "moved.npy")
    answer = command("analyze", project.target, "--format", "json")
    (problem,) = answer.problems
    assert (answer.code, problem["code"]) == (4, Code.DATA_NOT_FOUND)
    assert "--data" in problem["hint"]
    assert command("analyze", project.target, "--data", project.folder / "moved.npy").code == 0


def test_folders_that_are_no_builds(project: Any, tmp_path: Path) -> None:
    assert code_of(analyze, tmp_path / "none") is Code.BAD_VALUE
    assert code_of(analyze, project.folder) is Code.BAD_VALUE
    (tmp_path / "manifest.json").write_text("[]")
    assert code_of(analyze, tmp_path) is Code.PACKAGE_INVALID
    (tmp_path / "manifest.json").write_text('{"toolchain": 1, "files": {}}')
    assert code_of(analyze, tmp_path) is Code.PACKAGE_INVALID


@pytest.mark.parametrize("name", ["tiny.q.onnx", "tiny.program.bin", "optimized.onnx"])
def test_files_that_are_not_the_build_s(project: Any, name: str) -> None:
    project.build()
    path = project.target / name
    path.write_bytes(path.read_bytes()[:-1])
    assert code_of(analyze, project.target) is Code.PACKAGE_INVALID
    path.unlink()
    assert code_of(analyze, project.target) is Code.PACKAGE_INVALID


def test_a_build_without_a_program(project: Any) -> None:
    project.build(until="quantize")
    assert code_of(analyze, project.target) is Code.PACKAGE_INVALID


def test_a_config_that_is_gone_and_a_target_that_is_not_installed(project: Any) -> None:
    project.build()
    manifest = project.target / "manifest.json"
    record = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**record, "target": "gone"}), encoding="utf-8")
    assert code_of(analyze, project.target) is Code.UNKNOWN_NAME
    manifest.write_text(json.dumps(record), encoding="utf-8")
    (project.target / "config.json").write_text("{}", encoding="utf-8")
    assert code_of(analyze, project.target) is Code.PACKAGE_INVALID


def test_words_and_numbers_that_are_none(project: Any, command: Callable[..., Any]) -> None:
    project.build()
    assert code_of(analyze, project.target, mode="layers") is Code.BAD_VALUE
    assert code_of(analyze, project.target, on="board") is Code.BAD_VALUE
    assert code_of(analyze, project.target, samples=0) is Code.BAD_VALUE
    answer = command("analyze", project.target, "--data", "x=a", "--data", "b", "--format", "json")
    assert (answer.code, answer.problems[0]["code"]) == (2, Code.BAD_USAGE)


@pytest.fixture
def uneven(project: Any) -> Any:
    """Conv, Relu and a depthwise Conv, between which channels are divided."""
    rng = np.random.default_rng(0)
    sizes = np.array([1.0, 0.01, 0.02, 0.5], np.float32)
    arrays = {
        "v": rng.normal(1, 0.1, (4, 3, 1, 1)) * sizes.reshape(4, 1, 1, 1),
        "b": rng.normal(0, 0.1, 4) * sizes,
        "d": rng.normal(1, 0.1, (4, 1, 1, 1)) / sizes.reshape(4, 1, 1, 1),
    }
    nodes = [
        helper.make_node("Conv", ["x", "v", "b"], ["c"], "first"),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "d"], ["y"], "second", group=4),
    ]
    inits = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "uneven", [value("x", 1, (1, 3, 8, 8))], [value("y", 1, (1, 4, 8, 8))], inits
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    settings = {"quantize.algorithms": ["equalization"], "quantize.method": "minmax"}
    return project.save("uneven.onnx", proto).changed(settings)


@pytest.mark.parametrize(("mode", "on"), FORMS)
def test_divided_channels_are_told_in_units_of_the_model(uneven: Any, mode: str, on: str) -> None:
    uneven.build()
    (path,) = uneven.target.glob("*.q.onnx")
    keys = {prop.key for prop in onnx.load(path).metadata_props}
    assert "tc.channel_scales" in keys
    found = rows(analyze(uneven.target, mode=mode, on=on))
    assert {"x", "r", "y", "v", "d"} <= set(found)
    for name, row in found.items():
        assert row.noise_to_signal < 1e-3, name
    real = found["r"].real
    assert found["r"].quantized == pytest.approx(real, abs=0.01 * real[1])


def test_the_check_compares_divided_channels_as_they_were(uneven: Any) -> None:
    strict = {"check.scope": "layers", "check.float_reference": {"min_cosine": 0.999}}
    result = uneven.changed(strict).build()
    assert "r" in {row.tensor for row in result.check.rows}
    assert result.check.passed


@pytest.mark.parametrize(("mode", "on"), FORMS)
def test_a_model_that_brings_its_own_qdq(project: Any, mode: str, on: str) -> None:
    """What was quantized before is compared with the same model without Q/DQ."""
    project.build()
    (path,) = project.target.glob("*.q.onnx")
    brought = project.save("brought.onnx", onnx.load(path)).changed(output="again")
    brought.build()
    found = rows(analyze(brought.target, mode=mode, on=on))
    assert {"x", "r1", "r2", "logits"} <= set(found)
    assert all(row.noise_to_signal < 0.01 for row in found.values())


@pytest.mark.parametrize(("mode", "on"), FORMS)
def test_a_float_operator_at_the_end(
    project: Any, make_tiny: Callable[..., Any], mode: str, on: str
) -> None:
    mixed = project.save("extra.onnx", make_tiny(extra=True))
    mixed.build()
    found = rows(analyze(mixed.target, mode=mode, on=on))
    assert found["logits"].op_type == "CumSum"
    assert found["logits"].quantized_dtype == "float32"
    assert found["logits"].noise_to_signal < 0.05
