from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.program.records import Conv, ConvTranspose, Requantize, ToFloat

TO_FLOAT = ToFloat(factor="factor")
ONE = {"factor": np.float32(1).reshape(())}


def conv(**changes: object) -> Conv:
    values: dict[str, object] = {
        "name": "conv",
        "inputs": ("x",),
        "outputs": ("y",),
        "weight": "w",
        "weight_zero_point": None,
        "bias": None,
        "x_zero_point": 0,
        "strides": (1, 1),
        "pads": (0, 0, 0, 0),
        "dilations": (1, 1),
        "groups": 1,
        "finish": TO_FLOAT,
    }
    return Conv(**{**values, **changes})


def extents(
    size: tuple[int, ...], kernel: tuple[int, ...], op: Conv | ConvTranspose
) -> tuple[int, ...]:
    rank = len(size)
    return tuple(
        (n + op.pads[a] + op.pads[rank + a] - (kernel[a] - 1) * op.dilations[a] - 1)
        // op.strides[a]
        + 1
        for a, n in enumerate(size)
    )


# n, c, m, groups, size, kernel, strides, pads, dilations
GEOMETRIES = [
    (1, 3, 8, 1, (9, 11), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    (2, 16, 5, 1, (6, 7), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    (1, 16, 5, 1, (6, 7), (1, 1), (2, 3), (0, 0, 0, 0), (1, 1)),
    (1, 12, 12, 12, (9, 8), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    (2, 6, 12, 6, (9, 8), (3, 5), (2, 1), (0, 2, 1, 2), (1, 1)),
    (1, 4, 4, 4, (13, 12), (3, 3), (2, 3), (2, 0, 1, 3), (2, 3)),
    (1, 16, 8, 2, (5, 5), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    (2, 10, 6, 1, (7, 8), (3, 2), (1, 2), (3, 0, 0, 3), (2, 2)),
    (1, 40, 6, 1, (5, 5), (5, 5), (1, 1), (2, 2, 2, 2), (1, 1)),
    (2, 3, 4, 1, (17,), (5,), (2,), (2, 1), (2,)),
    (1, 9, 4, 1, (17,), (3,), (1,), (1, 1), (1,)),
    (1, 3, 6, 3, (5, 6, 7), (3, 3, 2), (1, 2, 1), (1, 1, 0, 1, 1, 1), (1, 1, 2)),
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_accumulators_equal_conv_integer(execute, ort_run, geometry, dtype) -> None:
    n, c, m, groups, size, kernel, strides, pads, dilations = geometry
    random = np.random.default_rng(7)
    info = np.iinfo(dtype)
    x = random.integers(info.min, info.max + 1, (n, c, *size)).astype(dtype)
    w = random.integers(-64, 65, (m, c // groups, *kernel)).astype(np.int8)
    zero_point = int(random.integers(info.min, info.max + 1))
    op = conv(
        strides=strides, pads=pads, dilations=dilations, groups=groups, x_zero_point=zero_point
    )
    shape = (n, m, *extents(size, kernel, op))
    actual = execute(op, {"x": x}, {"y": (DType.FLOAT32, shape)}, {"w": w, **ONE})["y"]
    expected = ort_run(
        "ConvInteger",
        [x, w, np.array(zero_point, dtype)],
        output=TensorProto.INT32,
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=groups,
    )[0]
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dtype", [DType.UINT8, DType.INT8])
def test_outputs_equal_qlinear_conv(execute, ort_run, assert_last_bit, geometry, dtype) -> None:
    n, c, m, groups, size, kernel, strides, pads, dilations = geometry
    random = np.random.default_rng(11)
    x = random.integers(dtype.qmin, dtype.qmax + 1, (n, c, *size)).astype(dtype.numpy)
    w = random.integers(-64, 65, (m, c // groups, *kernel)).astype(np.int8)
    b = random.integers(-2000, 2000, m).astype(np.int32)
    x_scale, y_scale = np.float32(0.021), np.float32(0.9)
    w_scale = random.uniform(0.01, 0.05, m).astype(np.float32)
    x_zero, y_zero = dtype.qmin + 100, dtype.qmin + 140
    op = conv(
        strides=strides,
        pads=pads,
        dilations=dilations,
        groups=groups,
        bias="b",
        x_zero_point=x_zero,
        finish=Requantize(factor="factor", zero_point=y_zero, low=dtype.qmin, high=dtype.qmax),
    )
    constants = {"w": w, "b": b, "factor": x_scale * w_scale / y_scale}
    shape = (n, m, *extents(size, kernel, op))
    actual = execute(op, {"x": x}, {"y": (dtype, shape)}, constants)["y"]
    expected = ort_run(
        "QLinearConv",
        [
            x,
            x_scale,
            np.array(x_zero, dtype.numpy),
            w,
            w_scale,
            np.zeros(m, np.int8),
            y_scale,
            np.array(y_zero, dtype.numpy),
            b,
        ],
        output=TensorProto.UINT8 if dtype is DType.UINT8 else TensorProto.INT8,
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=groups,
    )[0]
    assert_last_bit(actual, expected)
    assert len(np.unique(actual)) > 20


def test_by_hand_padding_counts_as_the_zero_point(execute) -> None:
    # x - 10 is [[-9, -8], [-7, -6]]; a 3x3 kernel of ones around each sees all four: -30.
    x = np.array([[[[1, 2], [3, 4]]]], np.uint8)
    op = conv(x_zero_point=10, pads=(1, 1, 1, 1), bias="b")
    constants = {"w": np.ones((1, 1, 3, 3), np.int8), "b": np.array([5], np.int32), **ONE}
    actual = execute(op, {"x": x}, {"y": (DType.FLOAT32, (1, 1, 2, 2))}, constants)["y"]
    np.testing.assert_array_equal(actual, np.full((1, 1, 2, 2), -25.0))


def test_by_hand_weight_zero_point_per_channel(execute) -> None:
    # x = 3: (5 - 1) * 3 = 12 and (5 - 7) * 3 = -6.
    op = conv(weight_zero_point="z")
    constants = {
        "w": np.full((2, 1, 1, 1), 5, np.uint8),
        "z": np.array([1, 7], np.int32),
        **ONE,
    }
    actual = execute(
        op,
        {"x": np.full((1, 1, 1, 1), 3, np.int8)},
        {"y": (DType.FLOAT32, (1, 2, 1, 1))},
        constants,
    )["y"]
    np.testing.assert_array_equal(actual.reshape(-1), [12.0, -6.0])


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        # Accumulators -5, -3, -1, 1, 3, 5, 300, -300 times 1/2, zero point 1.
        (Rounding.HALF_EVEN, [-1, -1, 1, 1, 3, 3, 100, -100]),
        (Rounding.HALF_UP, [-1, 0, 1, 2, 3, 4, 100, -100]),
        (Rounding.HALF_AWAY, [-2, -1, 0, 2, 3, 4, 100, -100]),
    ],
)
@pytest.mark.parametrize("channels", [1, 8])
def test_by_hand_ties_and_saturation(execute, rounding, expected, channels) -> None:
    # One channel takes the direct way where it is compiled, eight the product of matrices.
    x = np.zeros((1, channels, 1, 8), np.int16)
    x[0, 0, 0] = [-5, -3, -1, 1, 3, 5, 300, -300]
    w = np.ones((1, channels, 1, 1), np.int8)
    op = conv(finish=Requantize(factor="factor", zero_point=1, low=-100, high=100))
    actual = execute(
        op,
        {"x": x},
        {"y": (DType.INT8, (1, 1, 1, 8))},
        {"w": w, "factor": np.float32(0.5).reshape(())},
        rounding=rounding,
    )["y"]
    np.testing.assert_array_equal(actual.reshape(-1), expected)


@pytest.mark.parametrize("channels", [1, 8])
def test_bias_is_added_before_the_conversion_to_float(execute, channels) -> None:
    # 2**24 + 1 is no float32: (2**24) + 1 - 2**24 is 1 in integers and 0 in float32.
    x = np.zeros((1, channels, 1, 1), np.int8)
    x[0, 0] = 1
    op = conv(bias="b", finish=Requantize(factor="factor", zero_point=0, low=-128, high=127))
    constants = {
        "w": np.full((1, channels, 1, 1), 1, np.int8),
        "b": np.array([2**24], np.int32),
        "factor": np.float32(2.0**-18).reshape(()),
    }
    # float32(2**24 + 1) rounds to the even 2**24: 64 exactly, not a step above.
    actual = execute(op, {"x": x}, {"y": (DType.INT8, (1, 1, 1, 1))}, constants)["y"]
    assert actual.item() == 64
    constants["b"] = np.array([-(2**24)], np.int32)
    constants["w"] = constants["w"] * np.int8(3)
    constants["factor"] = np.float32(1).reshape(())
    actual = execute(
        replace(op, finish=ToFloat(factor="factor")),
        {"x": x},
        {"y": (DType.FLOAT32, (1, 1, 1, 1))},
        constants,
    )["y"]
    assert actual.item() == -(2.0**24) + 3


def test_sums_beyond_float32_are_exact(execute) -> None:
    # 600 products of 255 * 127, and one of 1: above 2**24, and odd.
    x = np.full((1, 601, 1, 1), 255, np.uint8)
    w = np.full((1, 601, 1, 1), 127, np.int8)
    x[0, 600] = w[0, 600] = 1
    op = conv(bias="b")
    constants = {"w": w, "b": np.array([-600 * 255 * 127], np.int32), **ONE}
    actual = execute(op, {"x": x}, {"y": (DType.FLOAT32, (1, 1, 1, 1))}, constants)["y"]
    assert actual.item() == 1.0


def test_float_output_is_clamped(execute) -> None:
    x = np.array([-3, 1, 9], np.int8).reshape(1, 1, 1, 3)
    op = conv(finish=ToFloat(factor="factor", low=0.0, high=6.0))
    constants = {"w": np.ones((1, 1, 1, 1), np.int8), "factor": np.array([2], np.float32)}
    actual = execute(op, {"x": x}, {"y": (DType.FLOAT32, (1, 1, 1, 3))}, constants)["y"]
    np.testing.assert_array_equal(actual.reshape(-1), [0.0, 2.0, 6.0])


# n, c, m, groups, size, kernel, strides, pads, dilations, output_padding
TRANSPOSED = [
    (1, 4, 6, 1, (5, 6), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (1, 1)),
    (2, 4, 6, 2, (5, 4), (2, 3), (3, 1), (0, 0, 0, 0), (1, 2), (2, 0)),
    (1, 6, 6, 6, (4, 4), (4, 4), (2, 2), (1, 1, 1, 1), (1, 1), (0, 0)),
    (1, 3, 2, 1, (7,), (3,), (2,), (0, 1), (2,), (1,)),
    (1, 3, 2, 1, (2, 3), (1, 1), (3, 3), (0, 0, 0, 0), (1, 1), (2, 2)),
]


@pytest.mark.parametrize("geometry", TRANSPOSED)
def test_transposed_equals_float_on_integers(execute, ort_run, geometry) -> None:
    n, c, m, groups, size, kernel, strides, pads, dilations, output_padding = geometry
    random = np.random.default_rng(3)
    x = random.integers(0, 256, (n, c, *size)).astype(np.uint8)
    w = random.integers(-128, 128, (c, m // groups, *kernel)).astype(np.int8)
    b = random.integers(-500, 500, m).astype(np.int32)
    zero = np.array(random.integers(-3, 4, m // groups), np.int32)
    along = (1, -1, *(1 for _ in kernel))
    expected = ort_run(
        "ConvTranspose",
        [
            x.astype(np.float32) - 77,
            (w - zero.reshape(along)).astype(np.float32),
            b.astype(np.float32),
        ],
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=groups,
        output_padding=output_padding,
    )[0]
    op = ConvTranspose(
        name="up",
        inputs=("x",),
        outputs=("y",),
        weight="w",
        weight_zero_point="z",
        bias="b",
        x_zero_point=77,
        strides=strides,
        pads=pads,
        dilations=dilations,
        groups=groups,
        finish=TO_FLOAT,
    )
    constants = {"w": w, "z": zero, "b": b, **ONE}
    actual = execute(op, {"x": x}, {"y": (DType.FLOAT32, expected.shape)}, constants)["y"]
    np.testing.assert_array_equal(actual, expected)


def test_by_hand_transposed_with_output_padding(execute) -> None:
    # 1-D, stride 2, kernel [1, 10]: x = [1, 2] lands as 1 10 2 20, and one more position of bias.
    op = ConvTranspose(
        name="up",
        inputs=("x",),
        outputs=("y",),
        weight="w",
        weight_zero_point=None,
        bias="b",
        x_zero_point=0,
        strides=(2,),
        pads=(0, 0),
        dilations=(1,),
        groups=1,
        finish=TO_FLOAT,
    )
    constants = {
        "w": np.array([[[1, 10]]], np.int8),
        "b": np.array([100], np.int32),
        **ONE,
    }
    x = np.array([[[1, 2]]], np.int8)
    actual = execute(op, {"x": x}, {"y": (DType.FLOAT32, (1, 1, 5))}, constants)["y"]
    np.testing.assert_array_equal(actual.reshape(-1), [101, 110, 102, 120, 100])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"groups": 2}, "channels"),
        ({"groups": 0}, "groups"),
        ({"strides": (0, 1)}, "positive"),
        ({"pads": (-1, 0, 0, 0)}, "Pads"),
        ({"pads": (0, 0)}, "spatial axes"),
        ({"dilations": (1,)}, "spatial axes"),
        ({"strides": (2, 2)}, "another shape"),
        ({"x_zero_point": 2**31}, "zero point"),
        ({"finish": Requantize(factor="factor", zero_point=0, low=0, high=1)}, "integers"),
        ({"bias": "w"}, "shape"),
        ({"weight": "factor"}, "rank"),
    ],
)
def test_records_that_do_not_fit_are_reported(execute, changes, word) -> None:
    x = np.zeros((1, 3, 4, 4), np.int8)
    constants = {"w": np.ones((2, 3, 1, 1), np.int8), **ONE}
    with pytest.raises(CompileError, match=word) as error:
        execute(conv(**changes), {"x": x}, {"y": (DType.FLOAT32, (1, 2, 4, 4))}, constants)
    assert error.value.code is Code.PROGRAM_INVALID
    assert error.value.problems[0].where == "conv"


def test_an_accumulator_beyond_int32_is_rejected(execute) -> None:
    x = np.zeros((1, 1, 1, 1), np.int8)
    # |bias| + 128 * 1 is just in range, and 1 more is not.
    constants = {
        "w": np.ones((1, 1, 1, 1), np.int8),
        "b": np.array([2**31 - 1 - 128], np.int32),
        **ONE,
    }
    outputs = {"y": (DType.FLOAT32, (1, 1, 1, 1))}
    execute(conv(bias="b"), {"x": x}, outputs, constants)
    constants["b"] = constants["b"] + np.int32(1)
    with pytest.raises(CompileError, match="exceed int32"):
        execute(conv(bias="b"), {"x": x}, outputs, constants)
