"""`tc estimate`: figures before anything is quantized, and those of the program that is built."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from toolchain import estimate
from toolchain.errors import ConfigError
from toolchain.plugin.manager import PluginManager
from toolchain.program.cost import program_costs
from toolchain.program.serialize import load_program

ZOO = os.environ.get("TC_ZOO", "")

MACS = 8 * 8 * 4 * 27 + 3 * 3 * 6 * 36 + 6 * 5
"""Two convolutions and a matrix product of `tiny_model`."""

PARAMETERS = (4 * 27 + 6 * 36 + 5 * 6) + 4 * (4 + 6 + 5) + 4 * (4 + 6 + 5)
"""Weights in a byte each; a bias and a factor of four bytes for every output channel."""

ACTIVATIONS = (
    (4 * 192 + 192)  # the image is quantized
    + (192 + 256)
    + (256 + 54)
    + (54 + 6)  # the mean of 3 x 3
    + (6 + 5)
    + (5 + 4 * 5)  # scores as floats
)


@pytest.fixture
def tiny(tmp_path: Path, make_tiny: Callable[..., onnx.ModelProto]) -> Path:
    path = tmp_path / "tiny.onnx"
    onnx.save(make_tiny(), path)
    return path


def estimated(command: Any, *words: object) -> dict[str, Any]:
    answer = command("estimate", *words, "--format", "json")
    assert answer.code == 0, answer.err
    report: dict[str, Any] = json.loads(answer.out)
    return report


def test_every_machine_of_every_installed_target(command: Any, tiny: Path) -> None:
    report = estimated(command, tiny, "--target", "all")
    found: dict[str, set[str]] = {}
    machines: set[str] = set()
    for program in report["programs"]:
        found.setdefault(program["target"], set()).update(program["platforms"])
        machines |= {machine["machine"] for machine in program["machines"]}
        assert program["macs"] == MACS
    targets = PluginManager.load().targets()
    chips = {name: {p.name for p in one.spec.platforms} for name, one in targets.items()}
    assert found == chips
    known = (m for one in targets.values() for p in one.spec.platforms for m in p.machines)
    assert machines == {machine.name for machine in known}
    assert any("not measurements" in note for note in report["notes"])
    assert estimated(command, tiny) == report


def test_figures_by_hand(tiny: Path) -> None:
    (program,) = estimate(tiny, targets=["npu"], platforms=["ax650"]).programs
    assert (program.macs, program.weight_bytes) == (MACS, PARAMETERS)
    assert program.activation_bytes == ACTIVATIONS
    assert program.float_operations == 0
    names = [machine.machine for machine in program.machines]
    assert names == ["ax650-npu1", "ax650-npu2", "ax650-npu3"]
    one = program.machines[0]
    assert one.macs == MACS
    assert [part.kind for part in one.host] == ["Quantize", "Dequantize"]
    # The image as integers comes from the CPU, and scores go there.
    assert one.transfer_bytes == 192 + PARAMETERS + 5
    assert one.cycles >= one.bound_cycles == max(one.compute_cycles, one.transfer_cycles)
    assert one.latency_us == one.cycles / one.clock_mhz


@pytest.mark.parametrize("target", ["riscv", "npu", "kdp", "dpu"])
def test_the_program_that_a_build_makes(project: Any, tiny: Path, target: str) -> None:
    project.build(until="compile", targets=(target,))
    built = load_program(project.output / target, "tiny")
    report = estimate(tiny, targets=[target], operators=True)
    default = PluginManager.load().targets()[target].spec.platforms[0].name
    found = next(each for each in report.programs if default in each.platforms)
    assert found.operators == program_costs(built)


def test_a_cost_model(tiny: Path) -> None:
    (program,) = estimate(tiny, targets=["riscv"]).programs
    assert program.machines == ()
    assert set(program.models) == {"k1"}
    model = program.models["k1"]
    assert [each.cores for each in model.estimates] == [1, 4]
    assert all(each.latency_us > 0 and each.operations == () for each in model.estimates)
    (kept,) = estimate(tiny, targets=["riscv"], operators=True).programs
    assert len(kept.models["k1"].operations) == kept.operations == len(kept.operators)


def test_what_runs_in_float_and_why(
    command: Any, tmp_path: Path, make_tiny: Callable[..., onnx.ModelProto]
) -> None:
    path = tmp_path / "extra.onnx"
    onnx.save(make_tiny(extra=True), path)
    report = estimated(command, path, "-t", "npu", "--platform", "ax650")
    (program,) = report["programs"]
    assert program["float_operations"] == 1
    parts = {part["kind"]: part for part in program["machines"][0]["host"]}
    assert parts["float CumSum"]["operations"] == 1
    assert "(found: CumSum)" in parts["float CumSum"]["reason"]


def test_tables(command: Any, tiny: Path) -> None:
    words = ("estimate", tiny, "-t", "npu", "-t", "riscv", "--platform", "ax650")
    answer = command(*words, "--platform", "k1", "--platform", "k3", "--operators")
    assert answer.code == 0
    assert answer.out.endswith("3 machines of 2 targets; estimated on models, not measured\n")
    for shown in (
        "Machines of npu",
        "On the CPU of ax650",
        "Chips of riscv by cost model",
        "nobody described a machine or a cost model of it",
        "Operations on ax650-npu3",
        "conv1",
        "These are models of machines and of chips, not measurements.",
    ):
        assert shown in answer.err
    quiet = command("estimate", tiny, "-t", "npu", "--quiet")
    assert quiet.err == ""


def test_settings(tiny: Path) -> None:
    chosen = estimate(tiny, targets=["npu"], settings={"target.npu.options": {"npu_mode": "NPU2"}})
    (program,) = chosen.programs
    assert [each.machine for each in program.machines] == ["ax650-npu2"]
    wide = estimate(tiny, platforms=["ax650"], settings={"quantize.activation_dtype": "int16"})
    # Two bytes for every element but those in float.
    floats = 4 * (192 + 5)
    assert wide.programs[0].activation_bytes == 2 * (ACTIVATIONS - floats) + floats


def test_chips_that_cannot_have_it(tiny: Path) -> None:
    settings = {"quantize.activation_dtype": "int16"}
    report = estimate(tiny, targets=["dpu", "npu"], settings=settings)
    assert {each.target for each in report.programs} == {"npu"}
    spec = PluginManager.load().targets()["dpu"].spec
    chips = tuple(chip for each in report.refusals for chip in each.platforms)
    assert chips == tuple(platform.name for platform in spec.platforms)
    assert {each.problems[0].where for each in report.refusals} == {"quantize.activation_dtype"}
    with pytest.raises(ConfigError, match="cannot do this type"):
        estimate(tiny, targets=["dpu"], settings=settings)


def dynamic(folder: Path, *shape: int | str) -> Path:
    """A 1 x 1 convolution of 3 channels to 2, of an input with open dimensions."""
    weight = numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "open",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, ("n", 2, "h", "w"))],
        [weight],
    )
    path = folder / "open.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_open_dimensions(command: Any, tmp_path: Path) -> None:
    path = dynamic(tmp_path, "n", 3, "h", "w")
    answer = command("estimate", path, "-t", "npu", "--format", "json")
    assert answer.code == 3
    (problem,) = answer.problems
    assert (problem["code"], problem["got"]) == ("TC207", "[?, 3, ?, ?]")
    assert "--input-shape" in problem["hint"]
    words = (path, "-t", "npu", "--platform", "ax650", "--input-shape")
    for given in ("1,3,4,5", "x=1,3,4,5"):
        report = estimated(command, *words, given)
        assert report["programs"][0]["macs"] == 4 * 5 * 3 * 2
        assert report["inputs"] == [{"dtype": "float32", "name": "x", "shape": [1, 3, 4, 5]}]
    assert command("estimate", *words, "1,3,4").code == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("-t", "nup"), 2, "Target `nup` is not installed"),
        (("--platform", "ax65"), 2, "None of the targets has a platform `ax65`"),
        (("-t", "kdp", "--platform", "ax650"), 2, "None of the targets has a platform `ax650`"),
        (("--set", "check.data=x"), 2, "The setting changes no estimate"),
        (("--set", "quantize.method=mse"), 2, "The setting changes no estimate"),
        (("--set", 'target.npu={quantize={method="mse"}}'), 2, "target.npu.quantize.method"),
        (("--set", "target.npu.compile.workers=2"), 2, "The setting changes no estimate"),
        (("--set", "quantize.activation_dtype=int16", "-t", "dpu"), 2, "cannot do this type"),
        (("--set", "quantize.unsupported=error", "-t", "npu", "--operators"), 3, "cannot run"),
        (("--input-shape", "1xa"), 2, "not [INPUT=]1,3,224,224"),
        (("--input-shape", "image=1,3,8,8"), 2, "The model has no such input"),
        (("--input-shape", "1,3,9,9"), 2, "The shape does not fit the model's input"),
    ],
)
def test_bad_input(
    command: Any,
    tmp_path: Path,
    make_tiny: Callable[..., onnx.ModelProto],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    path = tmp_path / "extra.onnx"
    onnx.save(make_tiny(extra=True), path)
    answer = command("estimate", path, *words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_files_that_are_no_models(command: Any, tmp_path: Path) -> None:
    assert command("estimate", tmp_path / "none.onnx").code == 3
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no model")
    assert command("estimate", damaged).code == 3


@pytest.mark.zoo
@pytest.mark.skipif(not ZOO, reason="TC_ZOO does not name the model zoo")
def test_mobilenet_v2_on_all_targets(command: Any) -> None:
    report = estimated(command, Path(ZOO) / "models" / "mobilenet_v2_keras_fp32.onnx.xz")
    assert {each["target"] for each in report["programs"]} >= {"riscv", "npu", "kdp", "dpu"}
    for program in report["programs"]:
        assert program["macs"] == 300_774_272
        assert all(each["macs"] == 300_774_272 for each in program["machines"])
    npu = next(each for each in report["programs"] if "ax650" in each["platforms"])
    # docs/machines.md says so, of a network made of shapes alone.
    assert npu["machines"][0]["bound_cycles"] == 170_641
