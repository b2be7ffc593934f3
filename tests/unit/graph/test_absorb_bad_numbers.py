"""Q/DQ whose numbers cannot be meant: each is said, with the node and what would do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolchain.errors import ModelError
from toolchain.graph.absorb import absorb_qdq
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.save import save_model

Arrays = dict[str, np.ndarray]


def weights(
    scale: object, zero: np.ndarray | None = None, dtype: type = np.int8, **attributes: int
) -> tuple[list[onnx.NodeProto], Arrays]:
    """x + DequantizeLinear(k), k (4, 4)."""
    arrays = {"k": np.ones((4, 4), dtype), "s": np.asarray(scale, np.float32)}
    names = ["k", "s"]
    if zero is not None:
        arrays["z"] = zero
        names.append("z")
    nodes = [
        helper.make_node("DequantizeLinear", names, ["w"], "dequantize", **attributes),
        helper.make_node("Add", ["x", "w"], ["y"], "add"),
    ]
    return nodes, arrays


def absorbed(nodes: list[onnx.NodeProto], arrays: Arrays, folder: Path) -> None:
    graph = helper.make_graph(
        nodes,
        "bad",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 4])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, folder / "m.onnx")
    save_model(normalize(load_model(folder / "m.onnx"), {}), folder / "float.onnx")
    absorb_qdq(folder / "float.onnx", folder / "absorbed.onnx")


BAD = {
    "a scale of 0": weights(0),
    "a negative scale": weights(-0.5),
    "a scale that is NaN": weights(np.nan),
    "an infinite scale": weights(np.inf),
    "one bad scale of many": weights([0.1, 0.2, 0.0, 0.3], axis=0),
    "an axis outside": weights([0.1] * 4, axis=2),
    "a negative axis outside": weights([0.1] * 4, axis=-3),
    "too few scales": weights([0.1] * 3, axis=0),
    "scales of two axes": weights(np.full((4, 4), 0.1)),
    "blocks of another size": weights(np.full((4, 3), 0.1), axis=1, block_size=2),
    "blocks larger than the axis": weights(np.full((4, 2), 0.1), axis=1, block_size=9),
    "blocks on an axis outside": weights(np.full((4, 2), 0.1), axis=5, block_size=2),
    "a negative block size": weights(np.full((4, 2), 0.1), axis=1, block_size=-2),
    "zero points of another shape": weights([0.1] * 4, np.zeros(3, np.int8), axis=0),
    "a zero point of another type": weights(0.1, np.uint8(3)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_numbers_are_said(tmp_path: Path, name: str) -> None:
    nodes, arrays = BAD[name]
    with pytest.raises(ModelError) as caught:
        absorbed(nodes, arrays, tmp_path)
    for problem in caught.value.problems:
        assert problem.where
        assert problem.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "case", [weights(0.1), weights([0.1] * 4, axis=-1), weights(0.1, dtype=np.uint8)]
)
def test_a_missing_zero_point_is_0(tmp_path: Path, case: tuple[list, Arrays]) -> None:
    absorbed(*case, tmp_path)
    model = onnx.load(tmp_path / "absorbed.onnx")
    (weight,) = (numpy_helper.to_array(item) for item in model.graph.initializer)
    np.testing.assert_array_equal(weight, np.full((4, 4), np.float32(0.1)))
