"""Reshape operators that name the batch, where their constants must stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from toolchain.core.options import CompileOptions
from toolchain.errors import Code, CompileError
from toolchain.graph.view import read_view
from toolchain.pipeline.stages.batches import check_reshapes

FIXED = CompileOptions(static_batch_sizes=(1, 2), disable_ir_fix=True)


def reshapes(folder: Path, *shapes: list[int]) -> Path:
    nodes, constants = [], []
    for index, shape in enumerate(shapes):
        constants.append(numpy_helper.from_array(np.array(shape, np.int64), f"s{index}"))
        nodes.append(helper.make_node("Reshape", ["x", f"s{index}"], [f"y{index}"], f"n{index}"))
    graph = helper.make_graph(
        nodes,
        "reshapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 2))],
        [
            helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None)
            for i in range(len(nodes))
        ],
        constants,
    )
    save(helper.make_model(graph), folder / "m.onnx")
    return folder / "m.onnx"


def test_every_reshape_that_names_the_batch_is_reported(tmp_path):
    graph = read_view(reshapes(tmp_path, [1, 8], [-1, 8], [0, 8], [2, -1]))
    with pytest.raises(CompileError) as caught:
        check_reshapes(graph, FIXED)
    found = [(p.code, p.where, p.got) for p in caught.value.problems]
    assert found == [(Code.NO_BATCH, "n0", "[1, 8]"), (Code.NO_BATCH, "n3", "[2, -1]")]


@pytest.mark.parametrize(
    "options",
    [
        CompileOptions(static_batch_sizes=(1, 2)),
        CompileOptions(static_batch_sizes=(1,), disable_ir_fix=True),
        CompileOptions(max_dynamic_batch_size=1, disable_ir_fix=True),
    ],
)
def test_otherwise_constants_may_name_it(tmp_path, options):
    check_reshapes(read_view(reshapes(tmp_path, [1, 8])), options)


def test_dynamic_batches_count(tmp_path):
    options = CompileOptions(max_dynamic_batch_size=2, disable_ir_fix=True)
    with pytest.raises(CompileError):
        check_reshapes(read_view(reshapes(tmp_path, [1, 8])), options)
