"""Every layer of real models against onnxruntime on the same integers."""

from __future__ import annotations

import lzma
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.options import InputOptions, OptimizeOptions
from toolchain.core.quant import QuantSpec
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.graph.optimize import optimize
from toolchain.graph.passes import PASSES
from toolchain.graph.qdq_checker import unasked_float_nodes
from toolchain.graph.view import read_view
from toolchain.program.records import FloatOp

ZOO = os.environ.get("TC_ZOO")
pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(ZOO is None, reason="TC_ZOO does not name the model zoo"),
]
MODELS = {
    "mobilenet_v2_keras_fp32": ((3, 224, 224), (-1, 1)),
    "mobilenet_v3_small": ((3, 224, 224), (0, 255)),
    "cifar10_resnet20": ((3, 32, 32), (-2, 2)),
    "mlperftiny_kws_dscnn": ((1, 49, 10), (-30, 30)),
    "mlperftiny_vww_mobilenetv1_025": ((3, 96, 96), (0, 1)),
    "mobilevit_xxs_flowers": ((3, 256, 256), (0, 255)),
    "fastestdet": ((3, 352, 352), (0, 1)),
}
"""Shape of a sample, and the range of its numbers."""
TIES = {"n_Add_6"}
"""Adds half a step to every element (raw pixels minus 127.5), so that each is a tie."""


def make_samples(
    folder: Path, name: str, shape: tuple[int, ...], limits: tuple[int, int]
) -> SampleStore:
    """Three samples of noise on a gradient."""
    rng = np.random.default_rng(3)
    ramp = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    data = np.clip((ramp + rng.standard_normal((3, *shape)) * 0.2), 0, 1)
    folder.mkdir()
    scaled = (limits[0] + data * (limits[1] - limits[0])).astype(np.float32)
    scaled.tofile(folder / "input_0.bin")
    inputs = (InputSpec(name=name, dtype="float32", shape=(1, *shape)),)
    return SampleStore(folder=folder, inputs=inputs, names=("0", "1", "2"))


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        *((model, DType.INT8) for model in MODELS),
        ("cifar10_resnet20", DType.UINT8),
        ("mlperftiny_kws_dscnn", DType.UINT8),
    ],
)
def test_layers_of_the_zoo(
    tmp_path: Path, build: Callable, compare_layers: Callable, model: str, dtype: DType
):
    source = tmp_path / f"{model}.onnx"
    source.write_bytes(lzma.decompress((Path(ZOO or "") / f"models/{model}.onnx.xz").read_bytes()))
    no_proof = OptimizeOptions(prove=False)
    optimize(source, tmp_path / "float.onnx", [InputOptions()], no_proof, PASSES, None)
    graph = read_view(tmp_path / "float.onnx")
    shape, limits = MODELS[model]
    samples = make_samples(tmp_path / "samples", graph.inputs[0].name, shape, limits)
    target = replace(SPEC, activation=QuantSpec(dtype=dtype))
    built = build(graph, target=target, samples=samples)
    assert built.report.islands == ()
    assert not any(isinstance(op, FloatOp) for op in built.program.operations)
    assert unasked_float_nodes(read_view(built.qdq_path), ()) == ()
    layers = compare_layers(built.qdq_path, built.program, samples, limit=1)
    for layer in layers.layers:
        if layer.operation.name in TIES:
            layer.different = 0
    layers.check(float_error=1e-3)
