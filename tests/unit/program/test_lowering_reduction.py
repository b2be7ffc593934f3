"""Reductions become one operation that computes what onnxruntime does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantParams, QuantSpec
from toolchain.core.target import OpSupport
from toolchain.graph.qdq_checker import unasked_float_nodes
from toolchain.graph.view import read_view

X = "float[2,4,9,7] x"
TARGET = replace(SPEC, ops={**SPEC.ops, "ArgMax": OpSupport(), "ArgMin": OpSupport()})

CASES = {
    "mean of rows": ("ReduceMean(n, k)", [3], "[A,B,C,D]"),
    "mean of channels": ("ReduceMean <keepdims=0> (n, k)", [1], "[A,B,C]"),
    "mean of two axes": ("ReduceMean <keepdims=0> (n, k)", [-1, 1], "[A,B]"),
    "mean of all": ("ReduceMean(n)", [], "[A,B,C,D]"),
    "mean of nothing": ("ReduceMean <noop_with_empty_axes=1> (n)", [], "[A,B,C,D]"),
    "sum": ("ReduceSum(n, k)", [2, 3], "[A,B,C,D]"),
    "largest": ("ReduceMax(n, k)", [1], "[A,B,C,D]"),
    "smallest": ("ReduceMin <keepdims=0> (n, k)", [-2, -1], "[A,B]"),
}


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_operation_on_integers(
    make_text_model: Callable,
    build: Callable,
    compare_layers: Callable,
    case: tuple[str, list[int], str],
    dtype: DType,
):
    body, axes, shape = case
    constants = {"k": np.array(axes, np.int64)} if axes else {}
    activation = QuantSpec(dtype=dtype, symmetric=dtype is DType.INT16)
    built = build(
        make_text_model(f"n = Neg(x) y = {body}", X, f"float{shape} y", **constants),
        target=replace(TARGET, activation=activation),
    )
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds[2:] == ["Reduce", "Dequantize"]
    share = 0.999 if dtype is not DType.INT16 else 0.98
    compare_layers(built.qdq_path, built.program, built.samples).check(share=share)


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("ArgMax <axis=1> (n)", "[A,B,C,D]"),
        ("ArgMin <axis=-1, keepdims=0, select_last_index=1> (n)", "[A,B,C]"),
    ],
)
def test_the_index_of_an_extreme(make_text_model: Callable, build: Callable, body: str, shape: str):
    built = build(make_text_model(f"n = Neg(x) y = {body}", X, f"int64{shape} y"), target=TARGET)
    assert [type(op).__name__ for op in built.program.operations] == [
        "Quantize",
        "Table",
        "ArgExtreme",
    ]
    assert built.report.islands == ()
    assert unasked_float_nodes(read_view(built.qdq_path), ()) == ()
    expected, actual = built.onnxruntime()["y"], built.reference()["y"]
    assert actual.dtype == np.int64
    np.testing.assert_array_equal(actual, expected)


def test_an_extreme_of_what_was_quantized_otherwise(
    make_text_model: Callable, build: Callable, compare_layers: Callable
):
    # The model fixes other parameters behind the reduction: a table leads there.
    spec = QuantSpec(dtype=DType.INT8, symmetric=False)
    fixed = {"y": QuantParams(scale=np.float32(0.03), zero_point=np.int32(-20), spec=spec)}
    built = build(
        make_text_model("n = Neg(x) y = ReduceMax(n, k)", X, "float[A,B,C,D] y", k=np.array([1])),
        fixed=fixed,
    )
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "Table", "Reduce", "Table", "Dequantize"]
    compare_layers(built.qdq_path, built.program, built.samples).check()
