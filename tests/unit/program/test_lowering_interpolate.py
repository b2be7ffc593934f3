"""Resize in the modes that are weighted sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec
from toolchain.program.records import Interpolate

X, Y = "float[1,4,9,7] x", "float[A,B,C,D] y"
SCALES = {"s": np.array([1, 1, 1.7, 2.3], np.float32)}
SIZES = {"n": np.array([13, 5], np.int64)}
REGION = {"r": np.array([0, 0, 0.1, -0.2, 1, 1, 0.8, 1.1], np.float32)}

CROPPED = "coordinate_transformation_mode='tf_crop_and_resize'"

CASES = {
    **{
        f"cubic {mode}": (
            f"mode='cubic', coordinate_transformation_mode='{mode}'", "m, , s", SCALES
        )
        for mode in (
            "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
            "half_pixel_symmetric",
        )
    },
    "cubic of another slope": ("mode='cubic', cubic_coeff_a=-0.5", "m, , s", SCALES),
    "cubic without what lies outside": ("mode='cubic', exclude_outside=1", "m, , s", SCALES),
    "cubic to sizes": ("mode='cubic', axes=[2,3]", "m, , , n", SIZES),
    "linear within a region": (
        f"mode='linear', {CROPPED}, extrapolation_value=0.75",
        "m, r, s",
        {**SCALES, **REGION},
    ),
    "nearest within a region": (
        f"{CROPPED}, nearest_mode='floor'",
        "m, r, s",
        {**SCALES, **REGION},
    ),
    "linear with its aspect kept": (
        "mode='linear', axes=[2,3], keep_aspect_ratio_policy='not_smaller'",
        "m, , , n",
        SIZES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_operation_on_integers(
    make_text_model: Callable,
    build: Callable,
    compare_layers: Callable,
    case: tuple[str, str, dict[str, np.ndarray]],
    dtype: DType,
):
    attributes, inputs, constants = case
    activation = QuantSpec(dtype=dtype, symmetric=dtype is DType.INT16)
    built = build(
        make_text_model(f"m = Neg(x) y = Resize <{attributes}> ({inputs})", X, Y, **constants),
        target=replace(SPEC, activation=activation),
    )
    kinds = [type(op).__name__ for op in built.program.operations]
    assert "Interpolate" in kinds
    assert "FloatOp" not in kinds
    share = 0.999 if dtype is not DType.INT16 else 0.97
    compare_layers(built.qdq_path, built.program, built.samples).check(share=share)


def test_what_lies_outside_is_the_stored_fill(make_text_model: Callable, build: Callable):
    attributes, inputs, constants = CASES["linear within a region"]
    built = build(
        make_text_model(f"m = Neg(x) y = Resize <{attributes}> ({inputs})", X, Y, **constants)
    )
    op = next(op for op in built.program.operations if isinstance(op, Interpolate))
    y = built.params.values["y"]
    assert op.fill == round(0.75 / float(y.scale)) + int(y.zero_point)


def test_antialiasing_stays_in_float_where_it_is_refused(
    make_text_model: Callable, graph_of: Callable
):
    graph = graph_of(
        make_text_model("y = Resize <mode='cubic', antialias=1> (x, , s)", X, Y, **SCALES)
    )
    assert SPEC.violations(graph.nodes[0])
