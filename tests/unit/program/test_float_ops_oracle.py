"""Every float operator against onnxruntime (or ONNX's reference evaluator where that lacks it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from toolchain.numerics.elementary import UNARY
from toolchain.program.checks.float_ops import RULES
from toolchain.program.float_ops import SUPPORTED, evaluate
from toolchain.program.float_ops.call import Call
from toolchain.program.records import FloatOp

RNG = np.random.default_rng(20)


def real(*shape: int) -> np.ndarray:
    return RNG.normal(0, 2, shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return RNG.uniform(0.1, 3, shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def tied(*shape: int) -> np.ndarray:
    """Few distinct values, so that equals occur."""
    return RNG.integers(-2, 3, shape).astype(np.float32)


def flags(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2, shape).astype(bool)


def int8(*shape: int) -> np.ndarray:
    return RNG.integers(-128, 128, shape).astype(np.int8)


@dataclass
class Case:
    op: str
    inputs: list[np.ndarray | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    exact: bool = False
    oracle: str = "onnxruntime"


def case(op: str, *inputs: np.ndarray | None, outputs: int = 1, **attributes: Any) -> Case:
    return Case(op, list(inputs), attributes, outputs)


def moves(op: str, *inputs: np.ndarray | None, outputs: int = 1, **attributes: Any) -> Case:
    return Case(op, list(inputs), attributes, outputs, exact=True)


def by_reference(op: str, *inputs: np.ndarray | None, **attributes: Any) -> Case:
    return Case(op, list(inputs), attributes, oracle="reference")


ELEMENTWISE = [
    *(
        case(op, positive(3, 4) if op in {"Log", "Sqrt"} else real(3, 4))
        for op in sorted(UNARY)
        if op not in {"Mish", "Swish"}
    ),
    case("Mish", real(3, 4)),
    by_reference("Swish", real(3, 4)),
    by_reference("Swish", real(3, 4), alpha=1.7),
    case("Gelu", real(3, 4), approximate="tanh"),
    *(case(op, real(9), alpha=0.3) for op in ("Elu", "Celu", "LeakyRelu", "ThresholdedRelu")),
    case("Selu", real(9), alpha=1.2, gamma=0.8),
    case("HardSigmoid", real(9), alpha=0.3, beta=0.4),
    *(moves(op, real(2, 1, 4), real(3, 1)) for op in ("Add", "Sub", "Mul")),
    moves("Div", real(2, 3), positive(3)),
    moves("Div", ints(-7, 7, -8, 8, 6), ints(2, -2, 4, 3, 6)),
    moves("Add", ints(1, 2), ints(3, 4)),
    case("Pow", positive(2, 3), real(3)),
    case("Pow", real(2, 3), np.float32(3)),
    case("Pow", real(2, 3), ints(2)),
    moves("Pow", ints(2, -3), ints(3)),
    moves("Min", real(2, 3), real(3), real(1, 3)),
    moves("Max", real(2, 3), real(3)),
    moves("Max", ints(3, 4), ints(4, 3)),
    case("Sum", real(2, 3), real(3), real(2, 1)),
    case("Mean", real(2, 3), real(3), real(2, 1)),
    moves("Where", flags(2, 3), real(3), real(2, 1)),
    moves("Where", flags(3), ints(1, 2, 3), ints(4, 5, 6)),
    moves("Clip", real(9), np.float32(-1), np.float32(1.5)),
    moves("Clip", real(9), None, np.float32(1.5)),
    moves("Clip", real(9)),
    moves("Clip", int8(9), np.int8(-7), np.int8(60)),
    case("PRelu", real(2, 3, 4), real(3, 1)),
    *(
        moves(op, tied(3, 4), tied(4))
        for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    ),
    *(moves(op, flags(3, 4), flags(4)) for op in ("And", "Or")),
    moves("Not", flags(3, 4)),
    *(moves("Cast", real(9), to=to) for to in (1, 3, 5, 6, 7, 9, 10, 11)),
    *(moves("Cast", positive(9), to=to) for to in (2, 4)),
    moves("Cast", ints(-300, 70000, 2**24 + 1), to=3),
    moves("Cast", ints(-300, 70000, 2**24 + 1), to=1),
    moves("Cast", flags(5), to=1),
]

REDUCTIONS = [
    *(
        case(f"Reduce{kind}", real(2, 3, 4), *axes, keepdims=keepdims)
        for kind in ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp")
        for axes, keepdims in (((ints(1),), 1), ((ints(-1, 0),), 0), ((), 1))
    ),
    case("ReduceSum", real(2, 3), noop_with_empty_axes=1),
    moves("ReduceSum", ints(1, 2, 3, 4)),
    moves("ReduceMax", int8(3, 4), ints(0)),
    *(
        moves(op, tied(3, 5), axis=axis, keepdims=keepdims, select_last_index=last)
        for op in ("ArgMax", "ArgMin")
        for axis, keepdims, last in ((0, 1, 0), (1, 0, 1))
    ),
    moves("TopK", tied(3, 5), ints(3), outputs=2),
    moves("TopK", tied(3, 5), ints(2), outputs=2, axis=0, largest=0),
    *(
        case("CumSum", real(3, 5), np.int64(1), exclusive=exclusive, reverse=reverse)
        for exclusive in (0, 1)
        for reverse in (0, 1)
    ),
]

NORMALIZATION = [
    case("Softmax", real(2, 3, 4)),
    case("Softmax", real(2, 3, 4), axis=1),
    case("LogSoftmax", real(2, 3, 4), axis=0),
    case("LayerNormalization", real(2, 3, 4), real(4), real(4), outputs=3),
    case("LayerNormalization", real(2, 3, 4), real(3, 4), axis=1, epsilon=1e-3),
    by_reference("RMSNormalization", real(2, 3, 4), real(4)),
    by_reference("RMSNormalization", real(2, 3, 4), real(3, 4), axis=1, epsilon=1e-3),
    case("InstanceNormalization", real(2, 3, 4, 5), real(3), real(3)),
    by_reference("GroupNormalization", real(2, 6, 4, 5), real(6), real(6), num_groups=3),
    case("BatchNormalization", real(2, 3, 4), real(3), real(3), real(3), positive(3)),
    case("LpNormalization", real(2, 3, 4)),
    case("LpNormalization", real(2, 3, 4), axis=1, p=1),
    case("LRN", real(2, 7, 3, 3), size=3, alpha=0.02, beta=0.6, bias=1.5),
]

MATRIX = [
    case("MatMul", real(3, 4), real(4, 5)),
    case("MatMul", real(2, 1, 3, 4), real(6, 4, 5)),
    case("MatMul", real(4), real(2, 4, 5)),
    case("MatMul", real(2, 3, 4), real(4)),
    case("MatMul", real(4), real(4)),
    case("Gemm", real(3, 4), real(4, 5)),
    case("Gemm", real(4, 3), real(5, 4), real(5), transA=1, transB=1, alpha=0.5, beta=0.25),
    case("Conv", real(2, 3, 9), real(4, 3, 3), real(4)),
    case("Conv", real(2, 4, 9, 8), real(6, 2, 3, 2), group=2, strides=[2, 1], pads=[1, 0, 2, 1]),
    case("Conv", real(1, 4, 9, 8), real(4, 1, 3, 3), real(4), group=4, dilations=[2, 1]),
    case("Conv", real(1, 2, 5, 6, 4), real(3, 2, 2, 3, 2), strides=[1, 2, 1]),
    *(
        case("Conv", real(1, 2, 7, 8), real(3, 2, 2, 3), auto_pad=pad, strides=[2, 3])
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    case("Conv", real(1, 3, 130, 120), real(8, 3, 3, 3), pads=[1, 1, 1, 1]),
    case("ConvTranspose", real(2, 3, 5), real(3, 4, 3), real(4), strides=[2]),
    case(
        "ConvTranspose", real(1, 4, 5, 6), real(4, 3, 3, 2), real(6), group=2,
        strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 2], dilations=[2, 1],
    ),
    *(
        case("ConvTranspose", real(1, 2, 5, 6), real(2, 3, 4, 3), strides=[2, 2], **more)
        for more in ({"auto_pad": "SAME_UPPER"}, {"output_shape": [9, 13]})
    ),
]  # fmt: skip

POOLING = [
    moves("MaxPool", real(2, 3, 9), kernel_shape=[3], strides=[2]),
    moves("MaxPool", real(1, 2, 9, 8), kernel_shape=[3, 2], pads=[1, 0, 1, 1], dilations=[2, 1]),
    moves("MaxPool", real(1, 2, 8, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    moves("MaxPool", real(1, 2, 7, 8), kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    moves("MaxPool", int8(1, 2, 7, 8), kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    *(
        case(
            "AveragePool", real(1, 2, 8, 9), kernel_shape=[3, 3], strides=[2, 2],
            pads=[1, 0, 1, 1], ceil_mode=ceil, count_include_pad=include,
        )
        for ceil in (0, 1)
        for include in (0, 1)
    ),
    case("AveragePool", real(1, 2, 9), kernel_shape=[3], dilations=[2]),
    case("AveragePool", real(1, 2, 7, 8), kernel_shape=[3, 2], auto_pad="SAME_LOWER"),
    case("GlobalAveragePool", real(2, 3, 4, 5)),
    moves("GlobalMaxPool", real(2, 3, 4, 5)),
]  # fmt: skip

MOVEMENT = [
    moves("Reshape", real(2, 3, 4), ints(0, -1)),
    moves("Reshape", int8(2, 6), ints(3, 4)),
    moves("Reshape", real(0, 3), ints(3, 0), allowzero=1),
    moves("Flatten", real(2, 3, 4), axis=2),
    moves("Flatten", real(2, 3, 4), axis=-1),
    moves("Flatten", real(2, 3, 4), axis=0),
    moves("Transpose", real(2, 3, 4)),
    moves("Transpose", int8(2, 3, 4), perm=[1, 2, 0]),
    moves("Squeeze", real(1, 3, 1)),
    moves("Squeeze", real(1, 3, 1), ints(-1)),
    moves("Unsqueeze", real(3, 4), ints(-1, 0)),
    moves("Slice", real(5, 6), ints(1, -2), ints(100, -100), ints(0, 1), ints(2, -1)),
    moves("Slice", real(5, 6), ints(-100), ints(-2)),
    moves("Slice", int8(5, 6), ints(4), ints(-6), ints(0), ints(-2)),
    moves("Slice", real(5), ints(100), ints(-100), ints(0), ints(-1)),
    moves("Slice", real(5), ints(3), ints(1)),
    moves("Slice", real(5), ints(-9), ints(-9), ints(0), ints(-1)),
    moves("Split", real(7, 3), outputs=3, num_outputs=3),
    moves("Split", real(3, 7), ints(2, 5), outputs=2, axis=-1),
    moves("Concat", real(2, 3), real(2, 1), axis=-1),
    moves("Concat", int8(2, 3), int8(1, 3), axis=0),
    moves("Pad", real(3, 4), ints(1, -1, 0, 2)),
    moves("Pad", int8(3, 4), ints(1, 2), np.int8(7), ints(1)),
    *(
        moves("Pad", real(4, 5), ints(2, 1, 3, 2), mode=mode)
        for mode in ("reflect", "edge", "wrap")
    ),
    moves("Gather", real(4, 5), np.array([[0, -1], [2, 1]]), axis=1),
    moves("Gather", int8(4, 5), np.int64(2)),
    moves("GatherElements", real(3, 4), RNG.integers(-3, 3, (2, 4)), axis=0),
    moves("GatherND", real(2, 3, 4), np.array([[1, -1], [0, 0]])),
    moves("GatherND", real(2, 3, 4), np.array([[[1]], [[2]]]), batch_dims=1),
    moves("ScatterND", real(4, 3), np.array([[1], [3]]), real(2, 3)),
    moves("ScatterND", real(4, 3), np.array([[1, 2], [1, 2]]), real(2), reduction="add"),
    moves("ScatterElements", real(4, 3), np.array([[1, 0, 2], [3, 3, -1]]), real(2, 3)),
    moves("Expand", real(3, 1), ints(2, 1, 4)),
    moves("Tile", real(2, 3), ints(2, 3)),
    moves("DepthToSpace", real(1, 12, 2, 3), blocksize=2),
    moves("DepthToSpace", real(1, 12, 2, 3), blocksize=2, mode="CRD"),
    moves("SpaceToDepth", real(1, 3, 4, 6), blocksize=2),
    moves("Identity", int8(3)),
    moves("Shape", real(2, 3, 4)),
    moves("Shape", real(2, 3, 4), start=-2, end=-1),
    moves("Size", real(2, 3, 4)),
    moves("ConstantOfShape", ints(2, 3)),
    moves("ConstantOfShape", ints(2, 3), value=np.array([7], np.int64)),
    moves("Range", np.int64(7), np.int64(-2), np.int64(-3)),
    case("Range", np.float32(1), np.float32(2.5), np.float32(0.25)),
    moves("Trilu", real(3, 4)),
    moves("Trilu", real(2, 4, 4), np.int64(-1), upper=0),
]

COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
RESIZE = [
    *(
        moves(
            "Resize", real(1, 2, 4, 6), None, np.array([1, 1, 2, 0.5], np.float32),
            nearest_mode=nearest, coordinate_transformation_mode=coordinates,
        )
        for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        for coordinates in COORDINATES
    ),
    *(
        case(
            "Resize", real(1, 2, 5, 7), None, None, ints(1, 2, 8, 4),
            mode=mode, coordinate_transformation_mode=coordinates,
        )
        for mode in ("linear", "cubic")
        for coordinates in (*COORDINATES, "half_pixel_symmetric")
        if (mode, coordinates) != ("cubic", "half_pixel_symmetric")
    ),
    case("Resize", real(1, 2, 5, 7), None, None, ints(8, 4), mode="linear", axes=[2, 3]),
    case("Resize", real(1, 1, 5, 7), None, np.array([1, 1, 1.3, 0.7], np.float32), mode="linear"),
    case(
        "Resize", real(1, 1, 5, 7), None, np.array([1, 1, 1.3, 0.7], np.float32),
        mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1,
    ),
    case(
        "Resize", real(1, 1, 5, 7), np.array([0, 0, 0.2, -0.35, 1, 1, 0.7, 1.2], np.float32), None,
        ints(1, 1, 4, 6), mode="linear", coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=9.0,
    ),
    *(
        by_reference(
            "Resize", real(1, 1, 5, 7), None, None, ints(9, 9),
            mode="linear", axes=[2, 3], keep_aspect_ratio_policy=policy,
        )
        for policy in ("not_larger", "not_smaller")
    ),
]  # fmt: skip


def pick(*choices: Any) -> Any:
    return choices[RNG.integers(len(choices))]


def random_conv() -> Case:
    rank, groups = pick(1, 2, 3), pick(1, 2, 3)
    kernel = RNG.integers(1, 4, rank)
    sizes = RNG.integers(6, 11, rank)
    channels, outputs = groups * pick(1, 2, 3), groups * pick(1, 2)
    return case(
        "Conv", real(pick(1, 2), channels, *sizes),
        real(outputs, channels // groups, *kernel), pick(None, real(outputs)),
        group=groups, strides=RNG.integers(1, 4, rank).tolist(),
        dilations=RNG.integers(1, 3, rank).tolist(), pads=RNG.integers(0, 3, 2 * rank).tolist(),
    )  # fmt: skip


def random_max_pool() -> Case:
    rank = pick(1, 2, 3)
    return moves(
        "MaxPool", real(pick(1, 2), 3, *RNG.integers(6, 12, rank)), ceil_mode=pick(0, 1),
        kernel_shape=RNG.integers(2, 4, rank).tolist(), strides=RNG.integers(1, 4, rank).tolist(),
        pads=RNG.integers(0, 2, 2 * rank).tolist(),
    )  # fmt: skip


def random_reduction() -> Case:
    rank = pick(2, 3, 4)
    axes = RNG.permutation(rank)[: pick(1, 2)]
    shape = RNG.integers(1, 6, rank)
    return case(pick("ReduceMean", "ReduceL2", "ReduceMax"), real(*shape), axes.astype(np.int64))


def random_slice() -> Case:
    bounds = [RNG.integers(-9, 10, 2).astype(np.int64) for _ in range(2)]
    steps = np.array([pick(-2, -1, 1, 2), pick(-3, 1, 3)], np.int64)
    return moves("Slice", real(6, 7), *bounds, ints(0, 1), steps)


RANDOM = [
    make()
    for make in (random_conv, random_max_pool, random_reduction, random_slice)
    for _ in range(12)
]
CASES = [
    *ELEMENTWISE, *REDUCTIONS, *NORMALIZATION, *MATRIX, *POOLING, *MOVEMENT, *RESIZE, *RANDOM,
]  # fmt: skip


def expected(item: Case) -> list[np.ndarray]:
    names = ["" if value is None else f"x{i}" for i, value in enumerate(item.inputs)]
    outputs = [f"y{i}" for i in range(item.outputs)]
    attributes = {
        key: onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for key, value in item.attributes.items()
    }
    node = helper.make_node(item.op, names, outputs, **attributes)
    feeds = {name: np.asarray(v) for name, v in zip(names, item.inputs, strict=True) if name}
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in feeds.items()
    ]
    untyped = [helper.make_value_info(name, onnx.TypeProto()) for name in outputs]
    graph = helper.make_graph([node], "one", declared, untyped)
    opset = [helper.make_opsetid("", 24)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    if item.oracle == "reference":
        return list(ReferenceEvaluator(model).run(None, feeds))
    inferred = onnx.shape_inference.infer_shapes(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        inferred.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, feeds))


def call(item: Case) -> Call:
    attributes = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in item.attributes.items()
    }
    op = FloatOp(
        name="node",
        op_type=item.op,
        inputs=tuple(f"x{i}" for i in range(len(item.inputs))),
        outputs=tuple(f"y{i}" for i in range(item.outputs)),
        attributes=attributes,
    )
    inputs = (None if value is None else np.asarray(value) for value in item.inputs)
    return Call(op=op, inputs=tuple(inputs))


@pytest.mark.parametrize("item", CASES, ids=[f"{c.op}-{i}" for i, c in enumerate(CASES)])
def test_operator_agrees_with_the_oracle(item: Case) -> None:
    made = call(item)
    results = evaluate(made.op, made.inputs)
    said = RULES[item.op](made)
    assert [(r.shape, r.dtype.name) for r in results] == [(s, str(d)) for s, d in said][
        : item.outputs
    ]
    for want, got in zip(expected(item), results, strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        if item.exact:
            np.testing.assert_array_equal(got, want)
        else:
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-5)


def test_every_supported_operator_has_a_case() -> None:
    assert {item.op for item in CASES} == SUPPORTED
