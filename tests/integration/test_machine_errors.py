"""What cannot be had of a machine is told by the commands, with what was needed and what to do.

A description that does not agree with itself is refused in docs/npu-tutorial.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tc_target_npu.plugin
from toolchain.core.machine import Machine, OnChipMemory

NPU = tc_target_npu.plugin.SPEC


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Machine], Machine]], None]:
    """Changes the first machine of the default chip of `npu`."""

    def change(make: Callable[[Machine], Machine]) -> None:
        first, *others = NPU.platforms
        machines = (make(first.machines[0]), *first.machines[1:])
        spec = replace(NPU, platforms=(replace(first, machines=machines), *others))
        monkeypatch.setattr(tc_target_npu.plugin, "SPEC", spec)

    return change


def test_a_layer_that_fits_in_no_tile(command: Any, chip: Any, project: Any) -> None:
    """Half a KiB holds not even the smallest tile."""
    chip(lambda machine: replace(machine, memory=OnChipMemory(bytes=512, banks=1, ports=1)))
    wide = project.save("wide.onnx", widened(project))
    answer = command("build", "-t", "npu", "-c", wide.write(), "--format", "json")
    assert answer.code == 5
    (problem,) = answer.problems
    assert (problem["code"], problem["where"]) == ("TC501", "conv2")
    assert re.fullmatch(r"at least \d+ bytes of results and \d+ of parameters .*", problem["got"])
    assert "bytes for both on ax650-npu1" in problem["allowed"]
    assert "a machine with more memory" in problem["hint"]
    assert not (project.output / "npu").exists()


def widened(project: Any) -> Any:
    """The small model with 3000 outputs of 6 inputs each, 18000 bytes of weights."""
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(project.folder / "tiny.onnx")
    rng = np.random.default_rng(0)
    arrays = {"w3": rng.normal(size=(3000, 6)), "b3": rng.normal(size=3000)}
    for tensor in proto.graph.initializer:
        if tensor.name in arrays:
            array = arrays[tensor.name].astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3000
    return proto


def test_batches_given_and_to_be_found(command: Any, project: Any) -> None:
    settings = ("compile.static_batch_sizes=[1,2]", "compile.max_dynamic_batch_size=4")
    words = [word for setting in settings for word in ("--set", setting)]
    answer = command("build", "-t", "npu", "-c", project.write(), *words, "--format", "json")
    assert answer.code == 2
    (problem,) = answer.problems
    assert problem["code"] == "TC105"
    assert "only one of both can be given" in problem["message"]


def test_a_batch_that_cannot_be_composed(command: Any, project: Any) -> None:
    project.changed({"compile.static_batch_sizes": [2, 4]}).build(targets=("npu",))
    folder = project.output / "npu"
    samples = np.load(project.folder / "calibration.npy")
    for number in range(3):
        np.save(project.folder / f"{number}.npy", samples[number])
    inputs = [word for n in range(3) for word in ("--input", project.folder / f"{n}.npy")]
    answer = command("run", folder, "--runner", "npu", *inputs, "--format", "json")
    assert answer.code == 4
    (problem,) = answer.problems
    assert (problem["got"], problem["allowed"]) == ("3", "sums of 2, 4, as 2")
    assert "build with 1 among the batches" in problem["hint"]
    answer = command("run", folder, "--runner", "npu", *inputs[:4])
    assert answer.code == 0
    answer = command("trace", folder, "--batch", 3, "--format", "json")
    assert answer.code == 2
    assert answer.problems[0]["allowed"] == "2, 4"
