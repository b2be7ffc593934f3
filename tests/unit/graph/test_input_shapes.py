"""Other shapes for model inputs."""

from __future__ import annotations

import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from toolchain.core.reports import SurgeryRow
from toolchain.errors import Code, Problem
from toolchain.graph.input_shapes import set_input_shapes


@pytest.fixture
def model() -> ir.Model:
    """y = Relu(x), x of N x 3 x 8 x 8."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], "relu")],
        "tiny",
        [value("x", TensorProto.FLOAT, ("N", 3, 8, 8))],
        [value("y", TensorProto.FLOAT, ("N", 3, 8, 8))],
    )
    return ir.serde.deserialize_model(helper.make_model(graph))


def test_a_shape_is_changed_and_said(model: ir.Model) -> None:
    (row,) = set_input_shapes(model, {"x": (1, 3, 9, 6)})
    assert row == SurgeryRow(
        change="input shape", where="x", old="[N, 3, 8, 8]", new="[1, 3, 9, 6]"
    )
    assert tuple(model.graph.inputs[0].shape or ()) == (1, 3, 9, 6)


def test_an_input_whose_shape_is_unknown(model: ir.Model) -> None:
    model.graph.inputs[0].shape = None
    (row,) = set_input_shapes(model, {"x": (2, 5)})
    assert isinstance(row, SurgeryRow)
    assert (row.old, row.new) == ("unknown", "[2, 5]")


@pytest.mark.parametrize(
    ("shapes", "code", "got"),
    [
        ({"y": (1, 3, 9, 9)}, Code.NO_MATCH, "y"),
        ({"x": (1, 3, 9)}, Code.BAD_VALUE, "[1, 3, 9]"),
    ],
)
def test_what_does_not_fit(
    model: ir.Model, shapes: dict[str, tuple[int, ...]], code: Code, got: str
) -> None:
    (problem,) = set_input_shapes(model, shapes)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.got) == (code, got)


def test_the_same_shape_again(model: ir.Model) -> None:
    list(set_input_shapes(model, {"x": (1, 3, 8, 8)}))
    (problem,) = set_input_shapes(model, {"x": (1, 3, 8, 8)})
    assert isinstance(problem, Problem)
    assert problem.code is Code.NO_EFFECT
