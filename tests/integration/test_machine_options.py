"""Options of compilers for machines reach a target that honours them, and only such a one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

import tc_target_npu.plugin
from toolchain.core.options import MACHINE_OPTIONS
from toolchain.errors import Code, ConfigError, ToolchainError
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.requests import CompileRequest
from toolchain.program.batched import batched

ASKED = {
    "compile.static_batch_sizes": [1, 3],
    "compile.ddr_bw_limit": 1.5,
    "compile.tile_mode": False,
    "compile.search": "deep",
    "compile.sub_configs": [{"start": ["r1"], "end": ["p"], "tile_mode": True}],
    "compile.groups": [{"input_shapes": {"x": [1, 3, 12, 6]}}],
}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[CompileRequest]:
    """What `npu`, which honours all options now, was asked to compile."""
    spec = replace(tc_target_npu.plugin.SPEC, machine_options=frozenset(MACHINE_OPTIONS))
    monkeypatch.setattr(tc_target_npu.plugin, "SPEC", spec)
    seen = []
    compile_ = TargetHooks.compile

    def recorded(self: TargetHooks, request: CompileRequest) -> Any:
        seen.append(request)
        return compile_(self, request)

    monkeypatch.setattr(TargetHooks, "compile", recorded)
    return seen


def test_a_target_gets_its_options_and_the_programs_of_groups(
    project: Any, requests: list[CompileRequest]
) -> None:
    project.changed(ASKED).run(targets=("npu",))
    (request,) = requests
    options = request.options
    assert (options.static_batch_sizes, options.ddr_bw_limit) == ((1, 3), 1.5)
    assert (options.tile_mode, options.slice_mode, options.search) == (False, True, "deep")
    (sub,) = options.sub_configs
    assert (sub.start, sub.end, sub.tile_mode, sub.slice_mode) == (("r1",), ("p",), True, None)
    (group,) = request.groups
    assert group.tensors["x"].shape == (1, 3, 12, 6)
    assert group.tensors["logits"].shape == request.program.tensors["logits"].shape
    assert group.constants.keys() == request.program.constants.keys()
    for name, array in request.program.constants.items():
        np.testing.assert_array_equal(group.constants[name], array)
    assert batched(request.program, 3).tensors["logits"].shape[0] == 3


def test_another_target_makes_them_errors(project: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        project.changed(ASKED).run(targets=("riscv",))
    found = [(p.code, p.where.partition(" in ")[0]) for p in caught.value.problems]
    assert found == [(Code.NO_EFFECT, option) for option in sorted(ASKED, key=_order)]


def _order(option: str) -> int:
    return MACHINE_OPTIONS.index(option.removeprefix("compile."))


def test_one_target_may_have_them_beside_another(
    project: Any, requests: list[CompileRequest]
) -> None:
    own = {f"target.npu.{option}": value for option, value in ASKED.items()}
    project.changed(own).run(targets=("riscv", "npu"))
    sizes = {r.target.name: r.options.static_batch_sizes for r in requests}
    assert sizes == {"riscv": (), "npu": (1, 3)}


def test_a_reshape_that_names_the_batch(
    project: Any, requests: list[CompileRequest], make_tiny: Callable[..., Any]
) -> None:
    proto = make_tiny()
    flatten = next(node for node in proto.graph.node if node.op_type == "Flatten")
    reshape = helper.make_node("Reshape", ["p", "shape"], ["f"], "reshape")
    flatten.CopyFrom(reshape)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 6], np.int64), "shape"))
    project = project.save("reshape.onnx", proto)
    sizes = {"compile.static_batch_sizes": [1, 2]}
    project.changed(sizes).run(targets=("npu",))
    assert len(requests) == 1
    with pytest.raises(ToolchainError) as caught:
        project.changed({**sizes, "compile.disable_ir_fix": True}).run(targets=("npu",))
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (Code.NO_BATCH, "reshape")
    patched = {"surgery.constants": [{"name": "shape", "data": [-1, 6]}]}
    project.changed({**sizes, **patched, "compile.disable_ir_fix": True}).run(targets=("npu",))
    assert len(requests) == 2
