"""Small graphs written as text, and what tests ask of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser

from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize


def make(body: str, inputs: str, outputs: str, opset: int = 24, **constants: np.ndarray):
    """Model of a graph in onnx's text form; constants are initializers of these names."""
    proto = parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]>\ng ({inputs}) => ({outputs}) {{ {body} }}'
    )
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    )
    return proto


def run_proto(proto: onnx.ModelProto, seed: int = 0) -> list[np.ndarray]:
    """Outputs in onnxruntime, without its rewrites, on normal random inputs (batch 1)."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options)
    rng = np.random.default_rng(seed)
    feeds = {
        item.name: (
            3 * rng.standard_normal([d if isinstance(d, int) else 1 for d in item.shape])
        ).astype({"tensor(float)": np.float32, "tensor(int64)": np.int64}[item.type])
        for item in session.get_inputs()
    }
    return session.run(None, feeds)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., ir.Model]:
    """Write a protobuf to a file, load and normalize it."""

    def from_file(proto: onnx.ModelProto, **shapes: tuple[int, ...]) -> ir.Model:
        path = tmp_path / "given.onnx"
        onnx.save(proto, path)
        return normalize(load_model(path), shapes)

    return from_file


@pytest.fixture
def apply(load: Callable[..., ir.Model]) -> Callable[..., list[str]]:
    """Apply passes, check that outputs keep names and numbers; the operators that are left."""

    def check(proto: onnx.ModelProto, *passes: Callable[[ir.Model], bool], atol: float = 1e-5):
        model = load(proto)
        expected = run_proto(proto)
        changed = [function(model) for function in passes]
        after = ir.serde.serialize_model(model)
        onnx.checker.check_model(after)
        assert [item.name for item in after.graph.output] == [i.name for i in proto.graph.output]
        for want, got in zip(expected, run_proto(after), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=atol)
        check.changed = changed
        check.model = model
        return [node.op_type for node in model.graph]

    return check


@pytest.fixture
def make_model() -> Callable[..., onnx.ModelProto]:
    """See `make`."""
    return make


@pytest.fixture
def run_model_proto() -> Callable[..., list[np.ndarray]]:
    """See `run_proto`."""
    return run_proto
