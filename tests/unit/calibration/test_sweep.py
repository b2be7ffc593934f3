from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from toolchain.calibration.statistics import merge
from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.progress import SilentProgress
from toolchain.core.samples import SampleStore
from toolchain.errors import CalibrationError, Code, ConfigError

VALUES = ("x", "h", "m", "y")


def model(path, batch):
    """X (batch, 2, 6, 6) -> Conv -> h; h -> GlobalAveragePool -> m; m / x[...] mean -> y."""
    rng = np.random.default_rng(0)
    weight = helper.make_tensor(
        "w", TensorProto.FLOAT, (3, 2, 3, 3), rng.normal(size=54).astype(np.float32)
    )
    two = helper.make_tensor("two", TensorProto.FLOAT, (), [2.0])
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["h"]),
        helper.make_node("GlobalAveragePool", ["h"], ["m"]),
        helper.make_node("Div", ["m", "two"], ["y"]),
        helper.make_node("Cast", ["m"], ["i"], to=TensorProto.INT64),
    ]
    shapes = {"h": [batch, 3, 4, 4], "m": [batch, 3, 1, 1], "y": [batch, 3, 1, 1]}
    outputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items()]
    outputs.append(helper.make_tensor_value_info("i", TensorProto.INT64, [batch, 3, 1, 1]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 2, 6, 6])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [weight, two])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(proto, path)
    return path


def store(folder, count, inputs=(("x", (1, 2, 6, 6)),)):
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number, (_, shape) in enumerate(inputs):
        data = rng.normal(size=(count, *shape[1:])).astype(np.float32)
        data.tofile(folder / f"input_{number}.bin")
    record = {
        "inputs": [{"name": name, "dtype": "float32", "shape": shape} for name, shape in inputs],
        "names": [f"s{number}" for number in range(count)],
    }
    (folder / "samples.json").write_text(json.dumps(record))
    return SampleStore.open(folder)


def run(path, samples, values=VALUES, **options):
    return sweep(path, values, samples, SweepOptions(**options), SilentProgress())


def same(a, b, sums=True):
    assert (a.count, a.minimum, a.maximum, a.channel_count) == (
        b.count,
        b.minimum,
        b.maximum,
        b.channel_count,
    )
    for name in ("bins", "histogram", "channel_abs_max", *(["channel_sum"] if sums else [])):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_against_numpy_on_all_raw_data(tmp_path):
    path, samples = model(tmp_path / "m.onnx", 1), store(tmp_path / "s", 9)
    stats, report = run(path, samples)
    assert list(stats) == list(VALUES)
    assert (report.samples, report.values, report.forwards) == (9, 4, 9)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    raw = {name: [] for name in VALUES}
    for feeds in samples.batches():
        raw["x"].append(feeds["x"])
        for name, array in zip(VALUES[1:], session.run(VALUES[1:], feeds), strict=True):
            raw[name].append(array)
    for name in VALUES:
        array = np.concatenate(raw[name])
        item = stats[name]
        assert (item.minimum, item.maximum, item.count) == (array.min(), array.max(), array.size)
        rows = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1)
        np.testing.assert_array_equal(item.channel_abs_max, np.abs(rows).max(axis=1))
        np.testing.assert_allclose(item.channel_sum, rows.sum(axis=1, dtype=np.float64), rtol=1e-9)
        assert item.channel_count == rows.shape[1]
        bins, counts = np.unique(array.view(np.uint32).ravel() >> 16, return_counts=True)
        np.testing.assert_array_equal(item.bins, bins)
        np.testing.assert_array_equal(item.histogram, counts)


def test_threads_change_nothing(tmp_path):
    path, samples = model(tmp_path / "m.onnx", 1), store(tmp_path / "s", 40)
    one, _ = run(path, samples, threads=1)
    for threads in (2, 5):
        other, _ = run(path, samples, threads=threads)
        for name in VALUES:
            same(one[name], other[name])


def test_parts_merge_to_the_whole(tmp_path):
    path, samples = model(tmp_path / "m.onnx", 1), store(tmp_path / "s", 20)
    whole, _ = run(path, samples)
    first, report = run(path, samples, part=(0, 7))
    second, _ = run(path, samples, part=(7, 20))
    assert report.forwards == 7
    for name in VALUES:
        merged = merge(first[name], second[name])
        same(whole[name], merged, sums=False)
        np.testing.assert_allclose(whole[name].channel_sum, merged.channel_sum, rtol=1e-12)


def test_batches_with_a_rest(tmp_path):
    path, samples = model(tmp_path / "m.onnx", "N"), store(tmp_path / "s", 10)
    single, report = run(path, samples)
    assert report.forwards == 10 + 1  # one run to find the shapes
    batched, report = run(path, samples, batch_size=4)
    assert report.forwards == 3 + 3  # shapes for one sample, for a whole batch and for the rest
    for name in VALUES:
        assert batched[name].count == single[name].count
        assert batched[name].channel_count == single[name].channel_count
        np.testing.assert_allclose(batched[name].maximum, single[name].maximum, rtol=1e-6)
        np.testing.assert_allclose(batched[name].channel_sum, single[name].channel_sum, rtol=1e-5)
    same(batched["x"], single["x"], sums=False)


def test_a_fixed_batch_refuses_batches(tmp_path):
    path, samples = model(tmp_path / "m.onnx", 1), store(tmp_path / "s", 4)
    with pytest.raises(ConfigError) as caught:
        run(path, samples, batch_size=2)
    assert caught.value.code is Code.CONTRADICTION
    assert caught.value.problems[0].where == "calibration.batch_size"


def test_not_finite_names_value_and_sample(tmp_path):
    path, samples = model(tmp_path / "m.onnx", 1), store(tmp_path / "s", 6)
    data = np.fromfile(samples.path(0), np.float32).reshape(6, -1)
    data[4, 0] = np.inf
    data.tofile(samples.path(0))
    with pytest.raises(CalibrationError) as caught:
        run(path, samples, values=("h", "x"))
    assert caught.value.problems[0].where == "h"
    assert "s4" in caught.value.problems[0].got


def test_values_that_cannot_be_observed(tmp_path):
    path, samples = model(tmp_path / "m.onnx", 1), store(tmp_path / "s", 2)
    with pytest.raises(CalibrationError) as caught:
        run(path, samples, values=("h", "c", "i"))
    assert [problem.where for problem in caught.value.problems] == ["c", "i"]


def test_what_onnxruntime_cannot_run(tmp_path):
    samples = store(tmp_path / "s", 2, inputs=(("x", (1, 2, 5, 5)),))
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for path in (tmp_path / "gone.onnx", tmp_path / "bad.onnx", model(tmp_path / "m.onnx", 1)):
        with pytest.raises(CalibrationError) as caught:
            run(path, samples, values=("h",))
        assert caught.value.code is Code.CALIBRATION_FAILED


def test_inputs_alone_need_no_run(tmp_path):
    samples = store(tmp_path / "samples", 5)
    stats, cost = run(model(tmp_path / "m.onnx", 1), samples, values=("x",))
    raw = np.concatenate([feeds["x"] for feeds in samples.batches()])
    assert (stats["x"].minimum, stats["x"].maximum) == (raw.min(), raw.max())
    assert (cost.samples, cost.values, cost.forwards) == (5, 1, 0)
