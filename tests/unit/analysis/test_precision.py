from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from tc_target_riscv.facts import SPEC
from toolchain.analysis.layers import find_layers
from toolchain.analysis.precision import Subject, analyze_precision
from toolchain.core.options import AnalysisForm, AnalysisMode, AnalysisOptions, RangePin
from toolchain.core.progress import SilentProgress
from toolchain.core.quant import Rounding
from toolchain.core.reports import AnalysisReport, LayerRow
from toolchain.graph.view import read_view

BODY = """
    c = Conv<kernel_shape = [3, 3]>(x, w, b)
    r = Relu(c)
    p = GlobalAveragePool(r)
    f = Flatten(p)
    y = Gemm<transB = 1>(f, v)
"""
QUANTIZED = (AnalysisForm.QDQ, AnalysisForm.REFERENCE)
"""What every target has."""
FORMS = [(mode, on) for mode in AnalysisMode for on in QUANTIZED]


@pytest.fixture
def proto(make_text_model: Callable[..., Any]) -> onnx.ModelProto:
    rng = np.random.default_rng(3)
    return make_text_model(
        BODY,
        "float[1,3,6,6] x",
        "float[1,4] y",
        w=rng.normal(0, 0.4, (5, 3, 3, 3)).astype(np.float32),
        b=rng.normal(0, 0.4, 5).astype(np.float32),
        v=rng.normal(0, 0.4, (4, 5)).astype(np.float32),
    )


def analyse(built: Any, threads: int = 1, **options: Any) -> AnalysisReport:
    subject = Subject(
        target="t",
        platform="p",
        float_model=built.float_path,
        qdq_model=built.qdq_path,
        program=built.program,
    )
    return analyze_precision(
        subject,
        built.samples,
        AnalysisOptions(**options),
        threads=threads,
        progress=SilentProgress(),
    )


def rows(report: AnalysisReport) -> dict[str, LayerRow]:
    return {row.output: row for row in report.rows}


def fake(values: np.ndarray, params: Any) -> np.ndarray:
    """Quantize and dequantize per tensor, half to even, by hand."""
    scale, zero = np.float32(params.scale), int(params.zero_point)
    steps = np.clip(np.rint(values / scale) + zero, -128, 127)
    return ((steps - zero) * scale).astype(np.float32)


def test_layers_are_what_the_program_keeps(proto: Any, build: Callable[..., Any]) -> None:
    built = build(proto)
    layers = find_layers(read_view(built.float_path), read_view(built.qdq_path), built.program)
    assert [(one.operator, one.op_type, one.name, one.reads) for one in layers] == [
        ("x", "Input", "x", ()),
        ("c_node", "Conv+Relu", "r", ("x",)),
        ("p_node", "GlobalAveragePool", "p", ("r",)),
        ("f_node", "Flatten", "f", ("p",)),
        ("y_node", "Gemm", "y", ("f",)),
    ]
    assert [node.name for node in layers[1].nodes] == ["c_node", "r_node"]


@pytest.mark.parametrize(("mode", "on"), FORMS)
def test_a_layer_by_hand(proto: Any, build: Callable[..., Any], mode: str, on: str) -> None:
    """The Gemm's output, from float inputs or from all that came before, in numpy."""
    built = build(proto)
    found = rows(analyse(built, mode=mode, on=on))["y"]
    params, weight = built.params, built.graph.values["v"].constant
    scale = params.values["v"].scale[:, None]
    stored = np.clip(np.rint(weight / scale), -127, 127) * scale
    session = ReferenceEvaluator(onnx.load(built.float_path))
    before = rows_of_float(built, session)
    cosines, ratios, errors = [], [], []
    accumulated = built.onnxruntime()["y"][:, 0]
    for index, (f, y) in enumerate(before):
        q = fake(fake(f, params.values["f"]) @ stored.T.astype(np.float32), params.values["y"])
        q = accumulated[index : index + 1] if mode == "end_to_end" else q
        cosines.append(np.sum(q * y) / np.linalg.norm(q) / np.linalg.norm(y))
        ratios.append(np.sum((q - y) ** 2) / (np.sum(y**2) + 1e-7))
        errors.append(np.mean((q - y) ** 2))
    assert found.cosine == pytest.approx(np.mean(cosines), abs=2e-5)
    assert found.noise_to_signal == pytest.approx(np.mean(ratios), rel=0.05)
    assert found.mse == pytest.approx(np.mean(errors), rel=0.05)
    assert found.worst_sample == str(int(np.argmax(ratios)))
    assert (found.dtype, found.quantized_dtype, found.shape) == ("float32", "int8", (1, 4))
    assert sum(found.histogram) == 4 * len(before)
    assert len(found.histogram) == 32


def rows_of_float(built: Any, session: ReferenceEvaluator) -> list[tuple[Any, Any]]:
    """Input and output of the Gemm for every sample, by onnx's own evaluator."""
    model = onnx.load(built.float_path)
    model.graph.output.append(onnx.helper.make_tensor_value_info("f", 1, [1, 5]))
    session = ReferenceEvaluator(model)
    found = [session.run(None, dict(feeds)) for feeds in built.samples.batches()]
    return [(f, y) for y, f in found]


def test_storing_alone(proto: Any, build: Callable[..., Any]) -> None:
    """What rounding the input costs; nothing is clipped with its own minimum and maximum."""
    built = build(proto)
    found = rows(analyse(built))["x"]
    params = built.params.values["x"]
    ratios = []
    for feeds in built.samples.batches():
        x = feeds["x"]
        ratios.append(np.sum((fake(x, params) - x) ** 2) / np.sum(x**2))
    assert found.rounding == pytest.approx(np.mean(ratios), rel=1e-4)
    assert found.noise_to_signal == pytest.approx(found.rounding, rel=1e-6)
    assert (found.clipping, found.clipped) == (0.0, 0.0)
    assert found.real == (
        min(feeds["x"].min() for feeds in built.samples.batches()),
        max(feeds["x"].max() for feeds in built.samples.batches()),
    )


def test_clipping_is_told_apart(proto: Any, build: Callable[..., Any]) -> None:
    built = build(proto, pins=[RangePin(tensor="x", min=-2.0, max=2.0)])
    report = analyse(built)
    found = rows(report)["x"]
    values = np.concatenate([feeds["x"].ravel() for feeds in built.samples.batches()])
    half = float(built.params.values["x"].scale) / 2
    low, high = found.stored or (0.0, 0.0)
    assert (low, high) == (pytest.approx(-2.0, abs=0.02), pytest.approx(2.0, abs=0.02))
    outside = (values < low - half) | (values > high + half)
    assert found.clipped == pytest.approx(np.mean(outside), abs=1e-9)
    assert found.clipping > 100 * found.rounding > 0
    causes = {one.operator: one for one in report.findings}
    assert "is clipping" in causes["x"].cause
    assert "comes with its input `x` by clipping" in causes["c_node"].cause
    assert all("a pin of `x`" in causes[name].advice for name in ("x", "c_node"))


def test_weights(proto: Any, build: Callable[..., Any]) -> None:
    built = build(proto)
    found = rows(analyse(built))["w"]
    weight = built.graph.values["w"].constant
    scale = built.params.values["w"].scale.reshape(-1, 1, 1, 1)
    stored = np.clip(np.rint(weight / scale), -127, 127) * scale
    assert (found.constant, found.operator, found.op_type) == (True, "c_node", "Conv")
    assert found.mse == pytest.approx(np.mean((stored - weight) ** 2), rel=1e-3)
    assert found.worst_sample == ""


@pytest.mark.parametrize(("mode", "on"), FORMS)
def test_threads_change_nothing(proto: Any, build: Callable[..., Any], mode: str, on: str) -> None:
    built = build(proto)
    assert analyse(built, 1, mode=mode, on=on) == analyse(built, 3, mode=mode, on=on)


def test_qdq_and_reference_agree(proto: Any, build: Callable[..., Any]) -> None:
    built = build(proto)
    qdq, reference = (rows(analyse(built, on=on)) for on in QUANTIZED)
    assert qdq.keys() == reference.keys()
    for name, row in qdq.items():
        assert row.noise_to_signal == pytest.approx(reference[name].noise_to_signal, rel=1e-2)


@pytest.mark.parametrize(("mode", "on"), FORMS)
def test_the_reference_rounds_as_the_target(
    make_text_model: Callable[..., Any], build: Callable[..., Any], mode: str, on: str
) -> None:
    """0.5 is stored as 1 by a target that rounds half up, and as 0 by onnxruntime."""
    proto = make_text_model("y = Abs(x)", "float[1,4] x", "float[1,4] y")
    half_up = replace(SPEC, rounding=Rounding.HALF_UP)
    pins = [RangePin(tensor=name, scale=1.0, zero_point=0) for name in "xy"]
    built = build(proto, target=half_up, pins=pins)
    np.float32([0.5, 0.25, -0.5, -0.25] * 8).tofile(built.samples.path(0))
    found = rows(analyse(built, mode=mode, on=on))
    expected = (0.0, 1.0) if on == "reference" else (0.0, 0.0)
    assert (found["x"].quantized, found["y"].quantized) == (expected, expected)


def test_only_as_many_samples_as_asked_for(proto: Any, build: Callable[..., Any]) -> None:
    built = build(proto)
    assert analyse(built, samples=3).samples == 3
    assert analyse(built, samples=99).samples == 8


def test_thresholds_mark(proto: Any, build: Callable[..., Any]) -> None:
    built = build(proto)
    strict = analyse(built, max_noise=1e-9, min_cosine=1.0)
    assert rows(strict)["r"].marks == ("SNR", "cosine")
    assert strict.summary.startswith("5 of 5 layers marked, and 2 of 2 weights")
    assert all(row.marks == () for row in analyse(built).rows)


def test_a_float_island_has_no_error_of_its_own(
    make_text_model: Callable[..., Any], build: Callable[..., Any]
) -> None:
    """A float operator that reads float is compared as it is, and stored behind it."""
    rng = np.random.default_rng(5)
    proto = make_text_model(
        "c = Conv(x, w) s = CumSum(c, axis) y = Relu(s)",
        "float[1,3,4,4] x",
        "float[1,2,4,4] y",
        w=rng.normal(0, 1, (2, 3, 1, 1)).astype(np.float32),
        axis=np.array(1, np.int64),
    )
    built = build(proto)
    for on in QUANTIZED:
        found = rows(analyse(built, on=on))
        assert {"x", "c", "y"} <= set(found)
        assert found["c"].noise_to_signal < 1e-3
