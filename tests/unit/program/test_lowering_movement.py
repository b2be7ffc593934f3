"""Operators that only move elements: integers stay what they are where parameters are shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantParams, QuantSpec
from toolchain.graph.qdq_checker import unasked_float_nodes
from toolchain.graph.view import read_view
from toolchain.program.records import Move, MoveKind


class Case(NamedTuple):
    """A graph whose only operation beside a Relu moves elements of x (2, 4, 6, 8)."""

    body: str
    kind: str
    constants: dict[str, np.ndarray]
    outputs: str = "float[N,C,H,W] y"


def ints(*numbers: int) -> np.ndarray:
    """An int64 vector."""
    return np.array(numbers, np.int64)


CASES = {
    "reshape": Case("y = Reshape(a, s)", "reshape", {"s": ints(2, 4, 8, 6)}),
    "reshape with -1": Case("y = Reshape(a, s)", "reshape", {"s": ints(0, -1, 1, 8)}),
    "flatten": Case("y = Flatten(a)", "reshape", {}, "float[N,C] y"),
    "squeeze": Case("b = Unsqueeze(a, s) y = Squeeze(b, s)", "reshape", {"s": ints(1)}),
    "transpose": Case("y = Transpose <perm=[0,2,3,1]> (a)", "transpose", {}),
    "transpose by default": Case("y = Transpose(a)", "transpose", {}),
    "slice": Case(
        "y = Slice(a, s, e, x, t)",
        "slice",
        {"s": ints(-1, 1), "e": ints(-1000, 7), "x": ints(-2, 3), "t": ints(-2, 3)},
    ),
    "slice of leading axes": Case(
        "y = Slice(a, s, e)", "slice", {"s": ints(1, 0), "e": ints(9, 2)}
    ),
    "split": Case("y, z = Split <axis=-1> (a, s)", "split", {"s": ints(3, 5)}),
    "split in equal parts": Case("z, y = Split <axis=1, num_outputs=2> (a)", "split", {}),
    "concat": Case("b = Transpose <perm=[0,1,2,3]> (a) y = Concat <axis=-3> (a, b)", "concat", {}),
    "concat with a constant": Case(
        "y = Concat <axis=1> (a, c)",
        "concat",
        {"c": np.linspace(-1, 2, 96, dtype=np.float32).reshape(2, 1, 6, 8)},
    ),
    "pad": Case("y = Pad(a, p)", "pad", {"p": ints(0, 0, 1, 2, 0, 0, 3, 1)}),
    "pad with a number": Case(
        "y = Pad(a, p, c)", "pad", {"p": ints(0, 0, 1, 2, 0, 0, 3, 1), "c": np.float32(9.5)}
    ),
    "pad of some axes": Case(
        "y = Pad(a, p, , x)", "pad", {"p": ints(1, -1, 2, 0), "x": ints(-1, 1)}
    ),
    "pad by reflection": Case(
        "y = Pad <mode='reflect'> (a, p)", "pad", {"p": ints(0, 0, 1, 2, 0, 0, 3, 1)}
    ),
    "pad by the edge": Case(
        "y = Pad <mode='edge'> (a, p)", "pad", {"p": ints(0, 0, 1, 2, 0, 0, 3, 1)}
    ),
    "gather": Case(
        "y = Gather <axis=-2> (a, i)",
        "gather",
        {"i": np.array([[0, -1], [3, 3]])},
        "float[N,C,H,K,W] y",
    ),
    "gather of one": Case(
        "y = Gather <axis=1> (a, i)", "gather", {"i": np.int64(2)}, "float[N,H,W] y"
    ),
    "expand": Case(
        "b = Slice(a, s, e) y = Expand(b, n)",
        "expand",
        {"s": ints(0), "e": ints(1), "n": ints(3, 4, 6, 8)},
    ),
    "tile": Case("y = Tile(a, n)", "tile", {"n": ints(1, 2, 1, 3)}),
    "depth to space": Case("y = DepthToSpace <blocksize=2> (a)", "depth_to_space", {}),
    "depth to space by columns": Case(
        "y = DepthToSpace <blocksize=2, mode='CRD'> (a)", "depth_to_space", {}
    ),
    "space to depth": Case("y = SpaceToDepth <blocksize=2> (a)", "space_to_depth", {}),
    "identity": Case("b = Identity(a) y = Relu(b)", "copy", {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_integers_are_moved(
    make_text_model: Callable, build: Callable, compare_layers: Callable, case: Case
):
    extra = ", float[A,B,C2,D] z" if "z" in case.body.split("=")[0] else ""
    constants = {f"c_{name}": array for name, array in case.constants.items()}
    body = case.body
    for name in case.constants:
        body = body.replace(f" {name})", f" c_{name})").replace(f" {name},", f" c_{name},")
    model = make_text_model(
        f"a = Relu(input) {body}", "float[2,4,6,8] input", case.outputs + extra, **constants
    )
    built = build(model)
    moves = [op for op in built.program.operations if isinstance(op, Move)]
    assert moves[-1].kind is MoveKind(case.kind)
    assert built.report.islands == ()
    assert unasked_float_nodes(read_view(built.qdq_path), ()) == ()
    layers = compare_layers(built.qdq_path, built.program, built.samples)
    layers.check(share=1.0)
    assert {type(op).__name__ for op in built.program.operations} <= {
        "Quantize",
        "Table",
        "Move",
        "Dequantize",
    }


def params(scale: float, zero_point: int, dtype: DType = DType.INT8) -> QuantParams:
    spec = QuantSpec(dtype=dtype)
    return QuantParams(scale=np.float32(scale), zero_point=np.int32(zero_point), spec=spec)


REPARAMETRIZED = {
    "reshape": ("y = Reshape(a, s)", {"s": ints(6, 32)}),
    "max pool": ("y = MaxPool <kernel_shape=[2,2]> (a)", {}),
    "nearest resize": ("y = Resize (a, , s)", {"s": np.array([1, 1, 2, 1.5], np.float32)}),
    "resize of nothing": ("y = Resize <mode='linear'> (a, , s)", {"s": np.ones(4, np.float32)}),
    "nearest resize of nothing": ("y = Resize (a, , s)", {"s": np.ones(4, np.float32)}),
    "concat": ("y = Concat <axis=0> (a, a)", {}),
    "pad": ("y = Pad(a, s)", {"s": ints(0, 0, 1, 1, 0, 0, 1, 1)}),
    "identity": ("y = Identity(a)", {}),
}


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
@pytest.mark.parametrize(("body", "constants"), REPARAMETRIZED.values(), ids=REPARAMETRIZED)
def test_results_in_other_parameters_are_rescaled(
    make_text_model: Callable,
    build: Callable,
    compare_layers: Callable,
    body: str,
    constants: dict[str, np.ndarray],
    dtype: DType,
):
    rank = ("float[A,B] y",) if "Reshape" in body else ("float[A,B,C,D] y",)
    model = make_text_model(f"a = Tanh(x) {body}", "float[2,2,6,8] x", *rank, **constants)
    fixed = {"a": params(0.009, 3), "y": params(0.0071, 10, dtype)}
    built = build(model, fixed=fixed)
    assert built.params.values["y"].same_numbers(fixed["y"])
    assert built.report.islands == ()
    layers = compare_layers(built.qdq_path, built.program, built.samples)
    layers.check()
    (last, _) = built.program.operations[-2:]
    assert type(last).__name__ in ("Table", "Move")


MAX_POOLS = {
    "plain": "y = MaxPool <kernel_shape=[2,3]> (a)",
    "padded": "y = MaxPool <kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2]> (a)",
    "dilated": "y = MaxPool <kernel_shape=[2,2], dilations=[2,3]> (a)",
    "with ceiling": "y = MaxPool <kernel_shape=[2,3], strides=[4,3], ceil_mode=1> (a)",
    "same": "y = MaxPool <kernel_shape=[3,2], strides=[2,2], auto_pad='SAME_LOWER'> (a)",
    "global": "y = GlobalMaxPool(a)",
}


@pytest.mark.parametrize("body", MAX_POOLS.values(), ids=MAX_POOLS)
def test_max_pool(make_text_model: Callable, build: Callable, compare_layers: Callable, body: str):
    built = build(make_text_model(f"a = Tanh(x) {body}", "float[2,3,9,7] x", "float[A,B,C,D] y"))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "Table", "Pool", "Dequantize"]
    compare_layers(built.qdq_path, built.program, built.samples).check(share=1.0)


NEAREST = [
    f"coordinate_transformation_mode='{mode}', nearest_mode='{nearest}'"
    for mode in ("half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric")
    for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
]


@pytest.mark.parametrize("attributes", NEAREST)
def test_nearest_resize(
    make_text_model: Callable, build: Callable, compare_layers: Callable, attributes: str
):
    body = f"a = Tanh(x) y = Resize <{attributes}, axes=[3,2]> (a, , s)"
    scales = np.array([1.7, 0.6], np.float32)
    built = build(make_text_model(body, "float[1,2,9,7] x", "float[A,B,C,D] y", s=scales))
    assert [type(op).__name__ for op in built.program.operations][2] == "Resize"
    compare_layers(built.qdq_path, built.program, built.samples).check(share=1.0)
