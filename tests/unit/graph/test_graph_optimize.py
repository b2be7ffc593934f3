"""The optimize step as a whole: passes, proof, blame."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from toolchain.core.options import InputOptions, OptimizeOptions
from toolchain.core.registry import PassDef
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, ConfigError, ModelError
from toolchain.graph.inputs import input_specs
from toolchain.graph.optimize import optimize
from toolchain.graph.passes import PASSES
from toolchain.graph.proof import compare
from toolchain.graph.view import read_view

F = np.float32
ZOO = os.environ.get("TC_ZOO")


def store(folder: Path, path: Path, inputs=(), count: int = 3) -> SampleStore:
    """Uniform random samples for the model of `path`."""
    folder.mkdir(exist_ok=True)
    specs = input_specs(path, inputs)
    rng = np.random.default_rng(0)
    for index, spec in enumerate(specs):
        shape = (count * spec.shape[0], *spec.shape[1:])
        rng.random(shape, dtype=F).tofile(folder / f"input_{index}.bin")
    record = {
        "inputs": [{"name": s.name, "dtype": s.dtype, "shape": s.shape} for s in specs],
        "names": [str(i) for i in range(count)],
    }
    (folder / "samples.json").write_text(json.dumps(record))
    return SampleStore.open(folder)


@pytest.fixture
def source(make_model, tmp_path) -> Path:
    rng = np.random.default_rng(1)
    proto = make_model(
        "a = Conv(x, w) b = BatchNormalization(a, g, g, g, g) h = Add(b, three)"
        " c = Clip(h, zero, six) m = Mul(b, c) d = Div(m, six) s = Shape(d) i = Gather(s, first)"
        " r = Concat <axis=0> (i, rest) y = Reshape(d, r)",
        "float[N,3,H,8] x", "float[N,M] y", opset=13,
        w=rng.standard_normal((8, 3, 3, 3)).astype(F), g=np.full(8, 0.5, F),
        three=F(3), zero=F(0), six=F(6), first=np.array([0]), rest=np.array([-1]),
    )  # fmt: skip
    path = tmp_path / "source.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


INPUTS = (InputOptions(shape=(1, 3, 6, 8)),)


def test_optimize_and_prove(source, tmp_path):
    samples = store(tmp_path / "s", source, INPUTS)
    options = OptimizeOptions(proof_samples=2)
    artifact, report = optimize(source, tmp_path / "o.onnx", INPUTS, options, PASSES, samples)
    onnx.checker.check_model(onnx.load(artifact.path), full_check=True)
    graph = read_view(artifact.path)
    assert [node.op_type for node in graph.nodes] == ["Conv", "HardSwish", "Reshape"]
    assert [value.name for value in graph.outputs] == ["y"]
    assert all(value.static_shape is not None for value in graph.values.values())
    assert (report.opset_before, report.opset_after, report.samples) == (13, 24, 2)
    (row,) = report.proof
    assert row.output == "y"
    assert 0 <= row.max_difference < 1e-5 < row.max_magnitude
    changed = {r.name: (r.nodes_before, r.nodes_after) for r in report.passes if r.changed}
    assert changed["hard_swish"] == (7, 4)
    assert {r.name for r in report.passes} == {p.name for p in PASSES}
    again, _ = optimize(source, tmp_path / "o2.onnx", INPUTS, options, PASSES, samples)
    assert again.digest == artifact.digest


def test_skip_compressed_and_no_samples(source, tmp_path):
    packed = tmp_path / "packed.onnx.xz"
    packed.write_bytes(lzma.compress(source.read_bytes()))
    options = OptimizeOptions(skip=("batch_norm",))
    samples = store(tmp_path / "s", packed, INPUTS)
    artifact, report = optimize(packed, tmp_path / "o.onnx", INPUTS, options, PASSES, samples)
    assert "batch_norm" not in {row.name for row in report.passes}
    assert [n.op_type for n in read_view(artifact.path).nodes][:2] == ["Conv", "Conv"]
    _, report = optimize(packed, tmp_path / "o.onnx", INPUTS, options, PASSES, None)
    assert (report.samples, report.proof) == (0, ())


def test_unknown_passes_get_a_suggestion(source, tmp_path):
    options = OptimizeOptions(skip=("batchnorm", "x"))
    with pytest.raises(ConfigError) as caught:
        optimize(source, tmp_path / "o.onnx", INPUTS, options, PASSES, None)
    first, second = caught.value.problems
    assert (first.code, first.hint) == (Code.UNKNOWN_NAME, "did you mean `batch_norm`?")
    assert second.got == "x"


def test_the_pass_that_changed_results_is_named(source, tmp_path):
    def break_weights(model) -> bool:
        value = model.graph.initializers["w"]
        if value.metadata_props.get("broken"):
            return False
        value.metadata_props["broken"] = "yes"
        from toolchain.graph.edit import replace_constant

        replace_constant(model, "w", value.const_value.numpy() * F(1.01))
        return True

    bad = PassDef(name="bad", summary="", function=break_weights, phase=70)
    samples = store(tmp_path / "s", source, INPUTS)
    with pytest.raises(ModelError) as caught:
        optimize(source, tmp_path / "o.onnx", INPUTS, OptimizeOptions(), (bad, *PASSES), samples)
    problem = caught.value.problems[0]
    assert (problem.code, problem.where) == (Code.PASS_CHANGED_RESULT, "bad")
    assert "output 'y' differs by" in problem.got
    assert not (tmp_path / "o.onnx").exists()


def test_comparison_of_special_values(caplog):
    nan, inf = np.nan, np.inf
    options = OptimizeOptions(atol=0.5, rtol=0.0)
    a = [{"y": np.array([nan, inf, -inf, 1], F)}]
    assert not compare(a, [{"y": np.array([nan, inf, -inf, 1.5], F)}], options).failures
    assert "contains NaN" in caplog.text
    for other in ([0, inf, -inf, 1], [nan, 0, -inf, 1], [nan, inf, inf, 1], [nan, inf, -inf, 2]):
        assert compare(a, [{"y": np.array(other, F)}], options).failures
    assert compare([{"y": np.array([3])}], [{"y": np.array([4])}], options).failures
    assert compare([{"y": np.array([3])}], [{"y": np.array([3, 3])}], options).failures


@pytest.mark.zoo
@pytest.mark.skipif(ZOO is None, reason="TC_ZOO does not name the model zoo")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar10_resnet20", {"BatchNormalization": 0, "Conv": 19}),
        ("fastestdet", {"Pad": 0, "Conv": 70}),
        ("mlperftiny_kws_dscnn", {"Conv": 9}),
        ("mlperftiny_vww_mobilenetv1_025", {"Conv": 27}),
        ("mobilenet_v2_keras_fp32", {"BatchNormalization": 0, "Conv": 52, "Clip": 35}),
        ("mobilenet_v3_small", {"HardSwish": 19, "Conv": 54}),
        ("mobilevit_xxs_flowers", {"Swish": 46, "Sigmoid": 0}),
    ],
)
def test_zoo(name, expected, tmp_path):
    (source,) = Path(ZOO or "", "models").glob(f"{name}*")
    samples = store(tmp_path / "s", source, count=2)
    options = OptimizeOptions()
    artifact, report = optimize(source, tmp_path / "o.onnx", (), options, PASSES, samples)
    graph = read_view(artifact.path)
    counts = {op: sum(node.op_type == op for node in graph.nodes) for op in expected}
    assert counts == expected
    assert report.samples == 2
    assert all(value.static_shape is not None for value in graph.values.values())
