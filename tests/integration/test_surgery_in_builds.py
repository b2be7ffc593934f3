"""Builds of models that the user has changed, renamed or cut."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import toolchain
from tc_plugin_defaults.stages import default_optimize
from toolchain.api import hookimpl
from toolchain.core.dtypes import DType
from toolchain.core.options import Unsupported
from toolchain.errors import Code, ModelError, PluginError, QuantizationError, ToolchainError
from toolchain.graph.view import read_view
from toolchain.plugin.requests import OptimizeRequest, OptimizeResult
from toolchain.program.records import FloatOp
from toolchain.program.serialize import load_program
from toolchain.quantization.precision import CUT_REASON

CUT = {"surgery.truncate": ["p"]}
"""In front of Flatten and Gemm."""


def report(project: Any) -> Any:
    return json.loads((project.target / "report.json").read_text())


def test_the_tail_stays_in_float(project: Any) -> None:
    cut = project.changed(CUT, quantize__unsupported=Unsupported.ERROR.value)
    result = cut.build()
    assert [row.reason for row in result.quantize.islands] == [CUT_REASON, CUT_REASON]
    assert result.optimize.tail == ("flatten", "fc")
    assert result.diagnostics == ()
    graph = read_view(cut.target / "tiny.q.onnx")
    assert [value.name for value in graph.outputs] == ["logits"]
    assert [node.op_type for node in graph.nodes][-3:] == ["DequantizeLinear", "Flatten", "Gemm"]
    program = load_program(cut.target, "tiny")
    *_, flatten, fc = program.operations
    assert isinstance(flatten, FloatOp)
    assert isinstance(fc, FloatOp)
    weight = program.constants[fc.constants[1]]
    (original,) = [t for t in onnx.load(project.folder / "tiny.onnx").graph.initializer
                   if t.name == "w3"]  # fmt: skip
    np.testing.assert_array_equal(weight, numpy_helper.to_array(original))
    assert program.tensors["logits"].dtype is DType.FLOAT32


def test_only_the_head_is_observed(project: Any) -> None:
    whole = project.build()
    cut = project.changed(CUT).build()
    # Behind `p` stand `f`, which is `p` in another shape, and `logits`; nothing is swept twice.
    assert cut.calibration.values == whole.calibration.values - 1
    assert cut.calibration.forwards == whole.calibration.forwards


def test_a_cut_between_an_operator_and_its_activation(project: Any) -> None:
    """`c2` is absorbed by its Relu elsewhere; here it is stored, and swept once."""
    result = project.changed({"surgery.truncate": ["c2"]}, quantize__algorithms=[]).build()
    assert [row.value for row in result.quantize.rows if row.role == "activation"] == [
        "x", "r1", "c2"
    ]  # fmt: skip
    assert result.calibration.forwards == 12


def test_rules_do_not_reach_behind_the_cut(project: Any) -> None:
    rules = [{"nodes": ["fc"], "output_dtype": "uint8"}]
    with pytest.raises(QuantizationError) as caught:
        project.changed(CUT, mixed_precision__rules=rules).build()
    assert caught.value.code == Code.PRECISION_NOT_APPLIED
    assert caught.value.problems[0].got == CUT_REASON
    everywhere = [{"start": ["DEFAULT"], "output_dtype": "uint8"}]
    result = project.changed(CUT, mixed_precision__rules=everywhere).build()
    assert {effect.target for effect in result.effects}.isdisjoint({"flatten", "fc"})


def test_renamed_inputs_are_named_so_everywhere(evaluated: Any) -> None:
    names = {"surgery.rename_inputs": {"x": "image"}, "surgery.rename_outputs": {"logits": "p2"}}
    renamed = evaluated.changed(
        names,
        input=[{"name": "image", "shape": [1, 3, 8, 8]}],
        calibration__data={"image": "calibration.npy"},
        evaluation__data={"image": "evaluation.npz:x"},
    )
    result = renamed.build()
    plain = evaluated.changed(output="plain").build()
    assert result.accuracy == plain.accuracy
    program = load_program(renamed.target, "tiny")
    assert (program.inputs, program.outputs) == (("image",), ("p2",))
    proto = onnx.load(renamed.target / "tiny.q.onnx")
    assert [value.name for value in proto.graph.input] == ["image"]
    assert [value.name for value in proto.graph.output] == ["p2"]


def test_the_reports_say_what_was_changed(project: Any) -> None:
    changed = project.changed(
        CUT,
        surgery__nodes=[{"name": "fc", "attributes": {"alpha": 2}}],
        surgery__constants=[{"name": "b1", "data": [1, 2, 3, 4]}],
        surgery__rename_inputs={"x": "image"},
        surgery__outputs=["r1"],
        compile__opset=13,
    )
    changed.build()
    rows = report(changed)["optimize"]["surgery"]
    assert [(row["change"], row["where"], row["new"]) for row in rows] == [
        ("attribute", "fc (Gemm): alpha", "2"),
        ("constant", "b1", "float32[4] 1, 2, 3, 4"),
        ("further output", "r1", "output"),
        ("input name", "x", "image"),
        ("truncate", "p", "2 nodes behind it run in float, flatten first"),
        ("opset", "QDQ model", "13"),
    ]
    page = (changed.target / "report.md").read_text()
    assert "Surgery (6)" in page
    assert onnx.load(changed.target / "tiny.q.onnx").opset_import[0].version == 13


def test_a_target_may_be_cut_elsewhere(project: Any) -> None:
    overlaid = project.changed(
        {"target.riscv.surgery.truncate": ["f"]}, **{"surgery.truncate": ["p"]}
    )
    assert overlaid.build().optimize.tail == ("fc",)


def test_truncated_outputs_go_by_their_old_name(project: Any, make_tiny: Any) -> None:
    """`scores` is an output, and where the cut is; `surgery` has the names of the file."""
    proto = make_tiny(extra=True)
    proto.graph.output.append(helper.make_tensor_value_info("scores", 1, (1, 5)))
    cut = project.save("two.onnx", proto).changed(
        {"surgery.truncate": ["scores"], "surgery.rename_outputs": {"scores": "raw"}}
    )
    assert cut.build().optimize.tail == ("cumsum",)


def test_nothing_of_the_place_is_published(project: Any, tmp_path: Any) -> None:
    np.save(project.folder / "bias.npy", np.ones(4, np.float32))
    patched = project.changed(surgery__constants=[{"name": "b1", "file": "bias.npy"}])
    patched.build()
    manifest = (patched.target / "manifest.json").read_text()
    assert str(tmp_path) not in manifest
    plain = project.changed(output="plain")
    plain.build()
    other = json.loads((plain.target / "manifest.json").read_text())
    assert json.loads(manifest)["model"] == other["model"]
    moved = replace(patched, folder=tmp_path / "moved")
    moved.folder.mkdir()
    for path in project.folder.glob("*.n*"):
        shutil.copyfile(path, moved.folder / path.name)
    shutil.copyfile(project.folder / "tiny.onnx", moved.folder / "tiny.onnx")
    moved.build()
    assert moved.files() == patched.files()


def test_what_decides_is_in_the_cache_key(project: Any) -> None:
    np.save(project.folder / "bias.npy", np.ones(4, np.float32))
    patched = project.changed(CUT, surgery__constants=[{"name": "b1", "file": "bias.npy"}])
    patched.build()
    first = patched.files()
    assert set(patched.build().cached) >= {"optimize", "quantize", "compile", "check"}
    np.save(project.folder / "bias.npy", np.zeros(4, np.float32))
    assert patched.build().cached == ()
    assert patched.files() != first
    before = patched.entries()
    moved = patched.changed({"surgery.truncate": ["f"]})
    assert moved.build().cached == ()
    # The model is the same whatever the cut, and so are its samples.
    assert moved.entries()["samples"] == before["samples"]


def test_passes_switched_off(project: Any) -> None:
    off = project.changed(optimize__enabled=False, optimize__prove=False)
    result = off.build()
    assert result.optimize.passes == ()
    assert result.optimize.proof == ()
    assert result.check.passed


def test_what_is_wrong_is_told_before_the_data_is_read(project: Any) -> None:
    bad = project.changed(
        {"surgery.truncate": ["q"], "surgery.outputs": ["q"]}, calibration__data="none.npy"
    )
    with pytest.raises(ToolchainError) as caught:
        bad.build()
    assert [problem.where for problem in caught.value.problems] == [
        "surgery.truncate", "surgery.outputs[0]",
    ]  # fmt: skip


class Careless:
    """A plugin that simplifies without looking where to stop."""

    @hookimpl
    def tc_optimize(self, request: OptimizeRequest) -> OptimizeResult:
        return default_optimize(replace(request, truncate=()))


def test_a_plugin_that_forgets_the_cut(project: Any, plugins: Any) -> None:
    with pytest.raises(PluginError) as caught:
        project.changed(CUT).build(manager=plugins(careless=Careless()))
    assert caught.value.code == Code.PLUGIN_BAD_RETURN
    assert project.build(manager=plugins(careless=Careless())).check.passed


def test_a_tail_that_nothing_can_run(project: Any, make_tiny: Any) -> None:
    proto = make_tiny(extra=True)
    proto.graph.node[-1].CopyFrom(helper.make_node("Hardmax", ["scores"], ["logits"], "hardest"))
    cut = project.save("hardmax.onnx", proto).changed(CUT)
    with pytest.raises(ToolchainError) as caught:
        cut.build()
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (Code.UNSUPPORTED_OP, "hardest (Hardmax)")
    assert problem.got == f"{CUT_REASON}; no implementation in float"


def test_another_input_shape(project: Any) -> None:
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 1, (10, 3, 12, 9)).astype(np.float32)
    np.save(project.folder / "large.npy", samples)
    changed = project.changed(
        {"surgery.input_shapes": {"x": [1, 3, 12, 9]}}, calibration__data="large.npy"
    )
    assert changed.build().check.passed
    (row,) = report(changed)["optimize"]["surgery"]
    assert (row["change"], row["where"], row["new"]) == ("input shape", "x", "[1, 3, 12, 9]")
    (result,) = toolchain.run(changed.target, samples[:1], runner="reference")
    assert [value.shape for value in result.outputs.values()] == [(1, 5)]


def test_an_input_shape_that_the_model_cannot_have(project: Any) -> None:
    with pytest.raises(ModelError) as caught:
        project.changed({"surgery.input_shapes": {"x": [1, 2, 8, 8]}}).build()
    (problem,) = caught.value.problems
    assert problem.code is Code.MODEL_INVALID
    assert "surgery" in (problem.hint or "")
