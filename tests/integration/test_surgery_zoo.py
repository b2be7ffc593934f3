"""Surgery on real models."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from toolchain.core.samples import SampleStore
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.save import save_model
from toolchain.graph.session import open_session, run
from toolchain.graph.truncate import cut
from toolchain.program.records import FloatOp
from toolchain.program.serialize import load_program
from toolchain.quantization.precision import CUT_REASON

ZOO = os.environ.get("TC_ZOO", "")
pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not ZOO, reason="TC_ZOO does not name the model zoo"),
]
MODELS = [
    "cifar10_resnet20",
    "fastestdet",
    "mlperftiny_kws_dscnn",
    "mlperftiny_vww_mobilenetv1_025",
    "mobilenet_v2_keras_fp32",
    "mobilenet_v3_small",
    "mobilevit_xxs_flowers",
]


def packed(model: str) -> Path:
    return Path(ZOO) / "models" / f"{model}.onnx.xz"


@pytest.mark.parametrize("name", MODELS)
def test_a_cut_in_front_of_the_last_node_leaves_the_model_as_it_was(
    tmp_path: Path, name: str
) -> None:
    model = normalize(load_model(packed(name)), {})
    save_model(model, tmp_path / "whole.onnx")
    last = list(model.graph)[-1]
    border = [v.name or "" for v in last.inputs if v is not None and v.producer() is not None]
    halves = cut(model, border)
    assert len(halves.tail.graph) == 1
    save_model(halves.joined(), tmp_path / "joined.onnx")
    session = open_session(tmp_path / "whole.onnx", optimize=False, threads=1)
    (fed,) = session.get_inputs()
    feeds = {fed.name: np.random.default_rng(0).random(fed.shape, np.float32)}
    joined = open_session(tmp_path / "joined.onnx", optimize=False, threads=1)
    for output, expected in run(session, feeds).items():
        np.testing.assert_array_equal(run(joined, feeds)[output], expected)


def test_a_detector_without_its_tail(project: Any) -> None:
    """Sigmoids, boxes and classes come from three branches that are joined behind a Softmax."""
    tensors = ["onnx::Concat_744", "onnx::Concat_960", "input.624"]
    detector = replace(project, config={
        "model": str(packed("fastestdet")),
        "output": "out",
        "input": [{"name": "image", "resize": [352, 352], "std": [255.0], "color": "bgr"}],
        "calibration": {"data": str(Path(ZOO) / "images" / "coco_val"), "samples": 3},
        "check": {"samples": 1},
        "surgery": {
            "truncate": tensors,
            "rename_inputs": {"input.1": "image"},
            "rename_outputs": {"758": "boxes"},
        },
        "compile": {"opset": 13},
    })  # fmt: skip
    result = detector.build()
    tail = ("Transpose_261", "Softmax_262", "Transpose_263", "Concat_264")
    assert result.optimize.tail == tail
    assert [(row.node, row.reason) for row in result.quantize.islands] == [
        (node, CUT_REASON) for node in tail
    ]
    assert result.check.passed
    program = load_program(detector.target, "fastestdet")
    floats = [op.name for op in program.operations if isinstance(op, FloatOp)]
    assert floats == list(tail)
    proto = onnx.load(detector.target / "fastestdet.q.onnx")
    assert proto.opset_import[0].version == 13
    (stored,) = (detector.output / ".cache" / "samples").iterdir()
    feeds = SampleStore.open(stored).batch(0)
    real, quantized = (
        run(open_session(detector.target / name, threads=1), feeds)["boxes"]
        for name in ("optimized.onnx", "fastestdet.q.onnx")
    )
    # Class probabilities come out of a Softmax in float: they add up to 1, unrounded.
    np.testing.assert_allclose(quantized[:, 5:].sum(axis=1), 1, rtol=1e-6)
    assert np.corrcoef(real.ravel(), quantized.ravel())[0, 1] > 0.98
