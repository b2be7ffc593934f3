"""Inputs of pixels against formulas written down here, and against ONNX operators."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from toolchain.core.dtypes import DType
from toolchain.core.options import Color, Layout, Source, YuvRange
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.program.interpreter import Interpreter
from toolchain.program.processors import apply_input
from toolchain.program.records import FloatOp, Quantize, Table, Tensor
from toolchain.program.validation import check_program
from toolchain.testing.compiled import COMPILER, assert_same

YUV = [Source.NV12, Source.NV21, Source.YUYV, Source.UYVY]
FED = {Source.NV12: (1, 6, 6, 1), Source.NV21: (1, 6, 6, 1)}
"""Shapes of 4 x 6 pixels; the other formats have (1, 4, 6, 2)."""


def ran(program: Any, fed: np.ndarray) -> np.ndarray:
    """What the interpreter computes, and generated C in every tensor."""
    check_program(program)
    if COMPILER is not None:
        assert_same(program, {"x": fed})
    return Interpreter(program).run({"x": fed})["q"]


def onnx_run(fed: np.ndarray, nodes: list[Any], constants: dict[str, np.ndarray]) -> np.ndarray:
    """ONNX operators from `x` to `q` in the reference evaluator."""
    graph = helper.make_graph(
        nodes,
        "float",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, fed.shape)],
        [helper.make_tensor_value_info("q", TensorProto.UINT8, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return ReferenceEvaluator(model).run(None, {"x": fed})[0]


def test_bgr_pixels_are_cut_padded_and_normalized_as_floats_are(storing, pixels, noise) -> None:
    mean, std = (123.68, 116.779, 103.939), (58.62, 57.34, 57.6)
    source = pixels(
        format=Source.BGR,
        layout=Layout.NHWC,
        mean=mean,
        std=std,
        shape=(1, 5, 9, 3),
        slicing=(0, 0, 1, 2, 1, 3, 4, 7),
        padding=(0, 0, 1, 0, 0, 0, 0, 1),
        padding_value=7,
    )
    fed = noise((1, 5, 9, 3))
    node = helper.make_node
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        node("Gather", ["t", "order"], ["c"], axis=1),
        node("Slice", ["c", "starts", "ends", "axes"], ["s"]),
        node("Pad", ["s", "pads", "seven"], ["p"]),
        node("Cast", ["p"], ["f"], to=TensorProto.FLOAT),
        node("Sub", ["f", "mean"], ["m"]),
        node("Div", ["m", "std"], ["n"]),
        node("QuantizeLinear", ["n", "scale", "zero"], ["q"]),
    ]
    constants = {
        "order": np.array([2, 1, 0]),
        "starts": np.array([1, 2]),
        "ends": np.array([4, 7]),
        "axes": np.array([2, 3]),
        "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
        "seven": np.array(7, np.uint8),
        "mean": np.array(mean, np.float32).reshape(3, 1, 1),
        "std": np.array(std, np.float32).reshape(3, 1, 1),
        "scale": np.array(0.0173, np.float32),
        "zero": np.array(114, np.uint8),
    }
    found = ran(apply_input(storing(), source), fed)
    np.testing.assert_array_equal(found, onnx_run(fed, nodes, constants))


@pytest.mark.parametrize("dtype", [DType.UINT8, DType.INT8])
@pytest.mark.parametrize("stored", [DType.UINT8, DType.INT8, DType.INT16])
def test_every_pixel_is_stored_as_its_float_is(storing, pixels, dtype, stored) -> None:
    program = storing((1, 1, 16, 16), stored, scale=0.37, zero_point=-3 if stored.signed else 9)
    values = np.arange(dtype.qmin, dtype.qmax + 1).reshape(1, 1, 16, 16)
    floats = ((values.astype(np.float32) - np.float32(20.3)) / np.float32(1.7)).astype(np.float32)
    expected = Interpreter(program).run({"x": floats})["q"]
    source = pixels(dtype=dtype, mean=(20.3,), std=(1.7,))
    actual = ran(apply_input(program, source), values.astype(dtype.numpy))
    np.testing.assert_array_equal(actual, expected, strict=True)


def test_channels_share_a_table_where_they_are_equal(storing, pixels) -> None:
    same, other = (
        apply_input(storing(), pixels(mean=mean)) for mean in ((5.0, 5.0, 5.0), (5.0, 5.0, 6.0))
    )
    (one,), (three,) = (
        [op for op in program.operations if isinstance(op, Table)] for program in (same, other)
    )
    assert (one.axis, same.constants[one.table].shape) == (None, (256,))
    assert (three.axis, other.constants[three.table].shape) == (1, (3, 256))


def test_a_model_in_nhwc_has_its_channels_last(storing, pixels, noise) -> None:
    mean = (10.0, 20.0, 30.0)
    source = pixels(
        format=Source.RGB, layout=Layout.NCHW, model_layout=Layout.NHWC, mean=mean, std=(2.0,)
    )
    fed = noise((1, 3, 4, 6))
    found = ran(apply_input(storing((1, 4, 6, 3), scale=1.0), source), fed)
    real = (fed.transpose(0, 2, 3, 1).astype(np.float32) - np.array(mean, np.float32)) / 2
    np.testing.assert_array_equal(found, np.clip(np.rint(real) + 114, 0, 255))


def bytes_of(source: Source, fed: np.ndarray, row: int, column: int) -> tuple[int, int, int]:
    """Y, U and V of a pixel, where the formats have them."""
    _, rows, width, _ = fed.shape
    if source in (Source.NV12, Source.NV21):
        height = rows * 2 // 3
        flat = fed.reshape(-1)
        pair = height * width + (row // 2) * width + (column // 2) * 2
        first, second = int(flat[pair]), int(flat[pair + 1])
        chroma = (first, second) if source is Source.NV12 else (second, first)
        return (int(flat[row * width + column]), *chroma)
    line = fed[0, row].reshape(-1)
    two = 4 * (column // 2)
    y, u, v = (0, 1, 3) if source is Source.YUYV else (1, 0, 2)
    return int(line[two + y + 2 * (column % 2)]), int(line[two + u]), int(line[two + v])


def rounded(value: Fraction, rounding: Rounding) -> int:
    below = value.numerator // value.denominator
    rest = value - below
    if rest != Fraction(1, 2):
        return below + (rest > Fraction(1, 2))
    up = {
        Rounding.HALF_EVEN: below % 2 == 1,
        Rounding.HALF_UP: True,
        Rounding.HALF_AWAY: value > 0,
    }
    return below + up[rounding]


def rgb_of(yuv: tuple[int, int, int], limited: bool, rounding: Rounding) -> list[int]:
    """BT.601 with factors rounded to 12 bits behind the point, from its own fractions."""
    red, green, blue = Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000)
    luma = Fraction(255, 219) if limited else Fraction(1)
    chroma = Fraction(255, 224) if limited else Fraction(1)
    to_blue, to_red = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    rows = [
        (luma, 0, to_red),
        (luma, -to_blue * blue / green, -to_red * red / green),
        (luma, to_blue, 0),
    ]
    y, u, v = yuv[0] - (16 if limited else 0), yuv[1] - 128, yuv[2] - 128
    sums = [sum(round(f * 4096) * d for f, d in zip(row, (y, u, v), strict=True)) for row in rows]
    return [min(max(rounded(Fraction(each, 4096), rounding), 0), 255) for each in sums]


ARITHMETIC = {
    "float32": (Rounding.HALF_EVEN, Requantization.FLOAT32_MULTIPLIER, DType.INT32),
    "wide": (Rounding.HALF_EVEN, Requantization.FLOAT32_MULTIPLIER, DType.INT64),
    "multiplier": (Rounding.HALF_AWAY, Requantization.MULTIPLIER_AND_SHIFT, DType.INT64),
    "shift": (Rounding.HALF_UP, Requantization.SHIFT, DType.INT32),
}
"""That of riscv, npu, kdp and dpu."""


@pytest.mark.parametrize("arithmetic", ARITHMETIC)
@pytest.mark.parametrize("source", YUV)
def test_yuv(storing, pixels, noise, source, arithmetic) -> None:
    rounding, requantization, wide = ARITHMETIC[arithmetic]
    program = storing(
        scale=1.0,
        zero_point=0,
        rounding=rounding,
        requantization=requantization,
        wide_accumulator=wide,
    )
    limited = source in (Source.NV12, Source.UYVY)
    conversion = YuvRange.LIMITED if limited else YuvRange.FULL
    fed = noise(FED.get(source, (1, 4, 6, 2)))
    found = ran(apply_input(program, pixels(format=source, conversion=conversion)), fed)
    for row in range(4):
        for column in range(6):
            expected = rgb_of(bytes_of(source, fed, row, column), limited, rounding)
            assert found[0, :, row, column].tolist() == expected


def test_yuv_to_bgr_last_and_cut(storing, pixels, noise) -> None:
    fed = noise((1, 6, 6, 1))
    rgb = ran(
        apply_input(
            storing(scale=1.0, zero_point=0),
            pixels(format=Source.NV12, conversion=YuvRange.FULL),
        ),
        fed,
    )
    cut = pixels(
        format=Source.NV12,
        color=Color.BGR,
        model_layout=Layout.NHWC,
        conversion=YuvRange.FULL,
        shape=(1, 6, 6, 1),
        slicing=(0, 1, 2, 0, 1, 4, 5, 3),
    )
    found = ran(apply_input(storing((1, 3, 3, 3), scale=1.0, zero_point=0), cut), fed)
    expected = rgb.transpose(0, 2, 3, 1)[:, 1:4, 2:5, ::-1]
    np.testing.assert_array_equal(found, expected)


def test_one_colour_of_an_image(storing, pixels, noise) -> None:
    source = pixels(
        format=Source.RGB,
        color=Color.BGR,
        shape=(1, 3, 4, 6),
        slicing=(0, 2, 0, 0, 1, 3, 4, 6),
    )
    fed = noise((1, 3, 4, 6))
    found = ran(apply_input(storing((1, 1, 4, 6), scale=1.0, zero_point=0), source), fed)
    np.testing.assert_array_equal(found, fed[:, :1])  # the last of BGR is red


def test_a_matrix_has_rows_of_the_model(storing, pixels, noise) -> None:
    matrix = (0, 1.0, 0, 0, 0, 0, 1.0, 0.5, 1.0, 0, 0, -3.0)  # U, V + 1/2, Y - 3
    source = pixels(format=Source.YUYV, color=Color.BGR, conversion=matrix)
    fed = noise((1, 4, 6, 2))
    found = ran(apply_input(storing(scale=1.0, zero_point=0), source), fed)
    for row in range(4):
        for column in range(6):
            y, u, v = bytes_of(Source.YUYV, fed, row, column)
            # v + 1/2 is rounded to the even neighbour
            assert found[0, :, row, column].tolist() == [u, min(v + v % 2, 255), max(y - 3, 0)]


def test_several_samples_at_once(storing, pixels, noise) -> None:
    source = pixels(
        format=Source.NV21,
        conversion=YuvRange.LIMITED,
        shape=(1, 9, 6, 1),
        slicing=(0, 0, 1, 0, 1, 3, 4, 5),
        padding=(0, 0, 1, 0, 0, 0, 0, 1),
    )
    fed = noise((4, 9, 6, 1))
    together = ran(apply_input(storing((4, 3, 4, 6)), source), fed)
    alone = apply_input(storing(), source)
    each = [Interpreter(alone).run({"x": one[np.newaxis]})["q"] for one in fed]
    np.testing.assert_array_equal(together, np.concatenate(each))


def test_names_that_are_taken_get_a_number(storing, pixels) -> None:
    program = storing()
    taken = Tensor(name="x/transpose", dtype=DType.FLOAT32, shape=(1,))
    program = replace(program, tensors={**program.tensors, taken.name: taken})
    found = apply_input(program, pixels(layout=Layout.NHWC))
    assert "x/transpose.1" in found.tensors
    assert found.tensors["x/transpose"] is taken


def test_two_readers_with_types_of_their_own(storing, pixels) -> None:
    program = storing()
    wide = Tensor(name="w", dtype=DType.INT16, shape=(1, 3, 4, 6), scale=0.01)
    program = replace(
        program,
        outputs=("q", "w"),
        tensors={**program.tensors, "w": wide},
        operations=(*program.operations, Quantize(name="wide", inputs=("x",), outputs=("w",))),
    )
    found = apply_input(program, pixels())
    check_program(found)
    assert [type(op).__name__ for op in found.operations] == ["Table", "Table"]


def refusal(error: type[Any], code: Code, word: str, program: Any, source: Any) -> None:
    with pytest.raises(error) as caught:
        apply_input(program, source)
    (problem,) = caught.value.problems
    assert problem.code is code
    assert word in str(problem)


def test_an_input_that_is_read_as_floats_is_refused(storing, pixels) -> None:
    program = storing()
    island = Tensor(name="r", dtype=DType.FLOAT32, shape=(1, 3, 4, 6))
    program = replace(
        program,
        tensors={**program.tensors, "r": island},
        operations=(
            *program.operations,
            FloatOp(name="relu", inputs=("x",), outputs=("r",), op_type="Relu"),
        ),
    )
    refusal(CompileError, Code.LOWERING_FAILED, "read by relu", program, pixels())
    unread = replace(program, operations=(), outputs=())
    refusal(CompileError, Code.LOWERING_FAILED, "read by nothing", unread, pixels())


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "mean": ({"mean": (1.0, 2.0)}, "1 or 3 entries"),
    "std": ({"std": (1.0, 2.0)}, "1 or 3 entries"),
    "infinite mean": ({"mean": (float("inf"),)}, "finite"),
    "no mean": ({"mean": (float("nan"),)}, "finite"),
    "std beyond float32": ({"std": (1e39,)}, "finite"),
    "std that float32 makes 0": ({"std": (1e-60,)}, "finite"),
    "gray": ({"format": Source.GRAY, "color": Color.GRAY}, "1 channels"),
    "a channel of padding": (
        {"format": Source.BGR, "padding": (0, 1, 0, 0, 0, 0, 0, 0)},
        "3 channels",
    ),
    "slicing without shape": ({"slicing": (0,) * 8}, "needs `shape`"),
    "slicing beyond": (
        {"slicing": (0, 0, 1, 0, 1, 3, 5, 6), "shape": (1, 3, 4, 6)},
        "does not cut",
    ),
    "slicing of too few axes": ({"slicing": (0, 1), "shape": (1, 3, 4, 6)}, "does not cut"),
    "shape": ({"shape": (1, 3, 4, 7)}, "(1, 3, 4, 6)"),
    "rank": ({"shape": (3, 4), "slicing": (0,) * 8}, "another rank"),
    "padding": ({"padding": (1, 1)}, "before and behind each of 4 axes"),
    "all padding": ({"padding": (0, 0, 2, 0, 0, 0, 2, 0)}, "all that the model input has"),
    "samples as padding": ({"padding": (0, 0, 0, 0, 1, 0, 0, 0)}, "to the batch"),
    "fill": ({"dtype": DType.INT8, "padding_value": 200}, "no int8"),
}


@pytest.mark.parametrize(("fields", "word"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(storing, pixels, fields, word) -> None:
    refusal(ConfigError, Code.BAD_VALUE, word, storing(), pixels(**fields))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(Source.NV12, (1, 3, 5, 6)), (Source.NV21, (1, 3, 4, 5)), (Source.YUYV, (1, 3, 4, 5))],
)
def test_odd_images_in_yuv_are_refused(storing, pixels, kind, shape) -> None:
    source = pixels(format=kind, conversion=YuvRange.FULL)
    refusal(ConfigError, Code.BAD_VALUE, "even", storing(shape), source)


def test_an_input_that_is_not_there_or_no_float_is_refused(storing, pixels) -> None:
    refusal(ConfigError, Code.UNKNOWN_NAME, "no such input", storing(), pixels(name="y"))
    program = apply_input(storing(), pixels())
    refusal(ConfigError, Code.BAD_VALUE, "Only inputs of floats", program, pixels())
