"""What operations read, write and compute, counted by hand for every kind."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.cost import MatrixShape
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program import records
from toolchain.program.cost import operation_cost
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BinaryKind,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    FloatOp,
    Function,
    Interpolate,
    MatMul,
    Move,
    MoveKind,
    Normalize,
    Operation,
    Pool,
    PoolKind,
    Program,
    Quantize,
    Reduce,
    ReduceKind,
    Requantize,
    Rescale,
    Resize,
    Slope,
    Softmax,
    Table,
    Tensor,
    WideSoftmax,
)

I8, I16, F32 = DType.INT8, DType.INT16, DType.FLOAT32
FINISH = Requantize(factor="f", zero_point=0, low=-128, high=127)
WINDOW = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}

CONSTANTS = {
    "f": np.ones((), np.float32),  # 4 bytes
    "f6": np.ones(6, np.float32),  # 24
    "bias": np.zeros(6, np.int32),  # 24
    "w": np.zeros((6, 4, 3, 3), np.int8),  # 216
    "dw": np.zeros((4, 1, 3, 3), np.int8),  # 36
    "up": np.zeros((4, 3, 2, 2), np.int8),  # 48
    "m": np.zeros((8, 6), np.int8),  # 48
    "fw": np.zeros((6, 4, 1, 1), np.float32),  # 96
    "fm": np.zeros((8, 6), np.float32),  # 192
    "table": np.zeros(256, np.int8),
    "tables": np.zeros((2, 256), np.int8),
    "exp": np.zeros(256, np.int32),
    "index": np.zeros(5, np.int32),  # 20
    "taps": np.zeros((4, 5), np.float32),  # 80
    "positions": np.zeros((4, 5), np.int32),  # 80
    "picked": np.zeros(2, np.int64),  # 16
    "one": np.ones(1, np.float32),  # 4
    "k": np.zeros((1, 4, 1, 1), np.int8),  # 4
}


def program_of(op: Operation, **shapes: tuple[DType, tuple[int, ...]]) -> Program:
    tensors = {n: Tensor(name=n, dtype=dtype, shape=shape) for n, (dtype, shape) in shapes.items()}
    return Program(
        name="single",
        rounding=Rounding.HALF_EVEN,
        inputs=tuple(name for name in op.inputs if name in tensors),
        outputs=op.outputs,
        tensors=tensors,
        constants=CONSTANTS,
        operations=(op,),
    )


def conv(**changes: object) -> Conv:
    values = {
        "weight": "w",
        "weight_zero_point": None,
        "bias": "bias",
        "x_zero_point": 0,
        "groups": 1,
        "finish": FINISH,
        **WINDOW,
    }
    return Conv(name="op", inputs=("x",), outputs=("y",), **{**values, **changes})


def of(record: type[Operation], /, *inputs: str, **fields: object) -> Operation:
    return record(name="op", inputs=inputs or ("x",), outputs=("y",), **fields)


def binary(kind: BinaryKind, a: str, b: str) -> Operation:
    more = {"a_zero_point": 0, "b_zero_point": 0, "a_factor": 1.0, "b_factor": 1.0}
    return of(Binary, a, b, kind=kind, zero_point=0, low=-128, high=127, **more)


def matmul(*inputs: str, b: str | None = None, bias: str | None = None) -> Operation:
    more = {"a_zero_point": 0, "b_zero_point": None, "finish": FINISH}
    return of(MatMul, *inputs, b=b, bias=bias, **more)


def pool(kernel: tuple[int, ...]) -> Operation:
    more = {"count_include_pad": False, "x_zero_point": 0, "factor": 1.0, "zero_point": 0}
    return of(Pool, kind=PoolKind.AVERAGE, kernel=kernel, low=-128, high=127, **{**WINDOW, **more})


PLAIN = {"x_zero_point": 0, "factor": 1.0, "zero_point": 0}
X = (I8, (1, 4, 5, 5))  # 100 elements
CASES = {
    # name: operation, tensors, kind, dtype, products, steps, weight bytes, read, written
    "conv": (
        conv(),
        {"x": X, "y": (I8, (1, 6, 3, 3))},
        (
            "Conv",
            I8,
            MatrixShape(count=1, rows=9, depth=36, columns=6, window=9),
            54,
            216 + 24 + 4,
            100,
            54,
        ),
    ),
    "depthwise conv": (
        conv(weight="dw", groups=4, bias=None),
        {"x": X, "y": (I8, (1, 4, 3, 3))},
        (
            "Conv",
            I8,
            MatrixShape(count=4, rows=9, depth=9, columns=1, window=9),
            36,
            36 + 4,
            100,
            36,
        ),
    ),
    "conv of 16-bit activations": (
        conv(bias=None),
        {"x": (I16, (2, 4, 5, 5)), "y": (I16, (2, 6, 3, 3))},
        (
            "Conv",
            I16,
            MatrixShape(count=1, rows=18, depth=36, columns=6, window=9),
            108,
            220,
            400,
            216,
        ),
    ),
    "conv transpose": (
        of(
            ConvTranspose,
            weight="up",
            weight_zero_point=None,
            bias=None,
            x_zero_point=0,
            groups=2,
            finish=FINISH,
            **WINDOW,
        ),
        {"x": X, "y": (I8, (1, 6, 6, 6))},
        (
            "ConvTranspose",
            I8,
            MatrixShape(count=2, rows=25, depth=2, columns=12),
            216,
            52,
            100,
            216,
        ),
    ),
    "matmul by a constant": (
        matmul("x", b="m", bias="bias"),
        {"x": (I8, (2, 3, 8)), "y": (I8, (2, 3, 6))},
        ("MatMul", I8, MatrixShape(count=1, rows=6, depth=8, columns=6), 36, 48 + 24 + 4, 48, 36),
    ),
    "matmul of activations": (
        matmul("x", "z"),
        {"x": (I8, (2, 3, 8)), "z": (I8, (2, 8, 5)), "y": (I8, (2, 3, 5))},
        ("MatMul", I8, MatrixShape(count=2, rows=3, depth=8, columns=5), 30, 4, 48 + 80, 30),
    ),
    "matmul by a vector": (
        matmul("x", "z"),
        {"x": (I8, (3, 8)), "z": (I8, (8,)), "y": (I8, (3,))},
        ("MatMul", I8, MatrixShape(count=1, rows=3, depth=8, columns=1), 3, 4, 24 + 8, 3),
    ),
    "blocked conv": (
        of(
            BlockedConv,
            weight="w",
            weight_zero_point=None,
            bias=None,
            x_zero_point=0,
            block_size=3,
            groups=1,
            finish=FINISH,
            **WINDOW,
        ),
        {"x": X, "y": (I8, (1, 6, 3, 3))},  # 2 blocks of 4 channels, 9 kernel elements
        (
            "BlockedConv",
            I8,
            MatrixShape(count=1, rows=9, depth=36, columns=6, window=9),
            972,
            220,
            100,
            54,
        ),
    ),
    "blocked matmul": (
        of(
            BlockedMatMul,
            b="m",
            b_zero_point=None,
            bias=None,
            a_zero_point=0,
            block_size=3,
            finish=FINISH,
        ),
        {"x": (I8, (2, 8)), "y": (I8, (2, 6))},  # 3 blocks of 8 rows
        ("BlockedMatMul", I8, MatrixShape(count=1, rows=2, depth=8, columns=6), 36, 52, 16, 12),
    ),
    "sum of activations": (
        binary(BinaryKind.ADD, "x", "z"),
        {"x": X, "z": (I8, (1, 4, 1, 1)), "y": X},
        ("Binary add", I8, None, 100, 0, 104, 100),
    ),
    "product with a constant": (
        binary(BinaryKind.MUL, "x", "k"),
        {"x": X, "y": X},
        ("Binary mul", I8, None, 100, 4, 100, 100),
    ),
    "square: a tensor read twice": (
        binary(BinaryKind.MUL, "x", "x"),
        {"x": X, "y": X},
        ("Binary mul", I8, None, 100, 0, 100, 100),
    ),
    "table": (of(Table, table="table"), {"x": X, "y": X}, ("Table", I8, None, 100, 256, 100, 100)),
    "tables of channels": (
        of(Table, table="tables", axis=1),
        {"x": (I8, (1, 2, 50)), "y": (I8, (1, 2, 50))},
        ("Table", I8, None, 100, 512, 100, 100),
    ),
    "softmax": (
        of(Softmax, axis=1, exponentials="exp", factor=1.0, zero_point=0),
        {"x": X, "y": X},
        ("Softmax", I8, None, 100, 1024, 100, 100),
    ),
    "wide softmax": (
        of(WideSoftmax, axis=1, high="exp", low="exp", factor=1.0, zero_point=0),
        {"x": (I16, (1, 10)), "y": (I16, (1, 10))},
        ("WideSoftmax", I16, None, 10, 1024, 20, 20),
    ),
    "function": (
        of(Function, op_type="Clip", constants={1: "one"}),
        {"x": (I16, (1, 10)), "y": (I16, (1, 10))},
        ("Function", I16, None, 10, 4, 20, 20),
    ),
    "slope": (
        of(Slope, negative="f6", **PLAIN),
        {"x": (I8, (2, 6)), "y": (I8, (2, 6))},
        ("Slope", I8, None, 12, 24, 12, 12),
    ),
    "normalize": (
        of(
            Normalize,
            length=6,
            centred=True,
            x_zero_point=0,
            epsilon=0.0,
            gain="f6",
            offset=None,
            zero_point=0,
        ),
        {"x": (I8, (2, 6)), "y": (I8, (2, 6))},
        ("Normalize", I8, None, 12, 24, 12, 12),
    ),
    "pool": (
        pool((3, 3)),
        {"x": X, "y": (I8, (1, 4, 3, 3))},
        ("Pool average", I8, None, 324, 0, 100, 36),
    ),
    "reduce": (
        of(Reduce, kind=ReduceKind.SUM, axes=(2, 3), **PLAIN),
        {"x": X, "y": (I8, (1, 4))},
        ("Reduce sum", I8, None, 100, 0, 100, 4),
    ),
    "argmax": (
        of(ArgExtreme, axis=1, smallest=False, last=False),
        {"x": X, "y": (DType.INT64, (1, 5, 5))},
        ("ArgExtreme", I8, None, 100, 0, 100, 200),
    ),
    "nearest": (
        of(
            Resize,
            axes=(1,),
            low=("index",),
            high=(),
            weights=(),
            x_zero_point=0,
            factor=1.0,
            zero_point=0,
        ),
        {"x": (I8, (1, 3)), "y": (I8, (1, 5))},
        ("Resize", I8, None, 0, 20, 3, 5),
    ),
    "linear": (
        of(Resize, axes=(1,), low=("index",), high=("index",), weights=("index",), **PLAIN),
        {"x": (I8, (1, 3)), "y": (I8, (1, 5))},
        ("Resize", I8, None, 10, 20, 3, 5),
    ),
    "interpolate": (
        of(
            Interpolate,
            axes=(1,),
            positions=("positions",),
            weights=("taps",),
            outside=(),
            fill=0,
            **PLAIN,
        ),
        {"x": (I8, (1, 3)), "y": (I8, (1, 5))},
        ("Interpolate", I8, None, 20, 160, 3, 5),
    ),
    "quantize": (
        of(Quantize),
        {"x": (F32, (1, 10)), "y": (I8, (1, 10))},
        ("Quantize", F32, None, 10, 0, 40, 10),
    ),
    "dequantize": (
        of(Dequantize),
        {"x": (I8, (1, 10)), "y": (F32, (1, 10))},
        ("Dequantize", I8, None, 10, 0, 10, 40),
    ),
    "rescale": (
        of(Rescale, **PLAIN),
        {"x": (I16, (1, 10)), "y": (I8, (1, 10))},
        ("Rescale", I16, None, 10, 0, 20, 10),
    ),
    "reshape": (
        of(Move, kind=MoveKind.RESHAPE),
        {"x": X, "y": (I8, (1, 100))},
        ("Move reshape", I8, None, 0, 0, 0, 0),
    ),
    "transpose": (
        of(Move, kind=MoveKind.TRANSPOSE, arguments={"perm": (0, 2, 3, 1)}),
        {"x": X, "y": (I8, (1, 5, 5, 4))},
        ("Move transpose", I8, None, 0, 0, 100, 100),
    ),
    "gather": (
        of(Move, kind=MoveKind.GATHER, arguments={"axis": (1,)}, indices="picked"),
        {"x": X, "y": (I8, (1, 2, 5, 5))},
        ("Move gather", I8, None, 0, 16, 50, 50),
    ),
    "concat": (
        of(Move, "x", "z", kind=MoveKind.CONCAT, arguments={"axis": (1,)}),
        {"x": X, "z": X, "y": (I8, (1, 8, 5, 5))},
        ("Move concat", I8, None, 0, 0, 200, 200),
    ),
    "float conv": (
        of(FloatOp, "x", "", op_type="Conv", attributes={"group": 1}, constants={1: "fw"}),
        {"x": (F32, (1, 4, 5, 5)), "y": (F32, (1, 6, 5, 5))},
        ("float Conv", F32, MatrixShape(count=1, rows=25, depth=4, columns=6), 150, 96, 400, 600),
    ),
    "float conv transpose": (
        of(FloatOp, "x", "", op_type="ConvTranspose", constants={1: "fw"}),
        {"x": (F32, (1, 6, 5, 5)), "y": (F32, (1, 4, 5, 5))},
        (
            "float ConvTranspose",
            F32,
            MatrixShape(count=1, rows=25, depth=6, columns=4),
            100,
            96,
            600,
            400,
        ),
    ),
    "float gemm": (
        of(FloatOp, "x", "", op_type="Gemm", attributes={"transA": 1}, constants={1: "fm"}),
        {"x": (F32, (8, 3)), "y": (F32, (3, 6))},
        ("float Gemm", F32, MatrixShape(count=1, rows=3, depth=8, columns=6), 18, 192, 96, 72),
    ),
    "float matmul": (
        of(FloatOp, "x", "z", op_type="MatMul"),
        {"x": (F32, (2, 3, 8)), "z": (F32, (2, 8, 5)), "y": (F32, (2, 3, 5))},
        ("float MatMul", F32, MatrixShape(count=2, rows=3, depth=8, columns=5), 30, 0, 512, 120),
    ),
    "float pool": (
        of(FloatOp, op_type="AveragePool", attributes={"kernel_shape": (3, 3)}),
        {"x": (F32, (1, 4, 5, 5)), "y": (F32, (1, 4, 3, 3))},
        ("float AveragePool", F32, None, 324, 0, 400, 144),
    ),
    "float reduction": (
        of(FloatOp, op_type="ReduceMean"),
        {"x": (F32, (1, 4, 5, 5)), "y": (F32, (1, 1))},
        ("float ReduceMean", F32, None, 100, 0, 400, 4),
    ),
    "float movement": (
        of(FloatOp, op_type="Transpose"),
        {"x": (F32, (1, 4, 5, 5)), "y": (F32, (5, 5, 4, 1))},
        ("float Transpose", F32, None, 0, 0, 400, 400),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_operation(name: str) -> None:
    op, tensors, expected = CASES[name]
    cost = operation_cost(op, program_of(op, **tensors))
    assert (
        cost.kind,
        cost.dtype,
        cost.products,
        cost.element_steps,
        cost.weight_bytes,
        cost.input_bytes,
        cost.output_bytes,
    ) == expected
    assert cost.name == "op"
    assert cost.macs == (0 if cost.products is None else cost.products.macs)


def test_every_kind_is_counted_here() -> None:
    kinds = {kind for name in records.__all__ if isinstance(kind := getattr(records, name), type)}
    counted = {type(op) for op, *_ in CASES.values()}
    assert {kind for kind in kinds if issubclass(kind, Operation)} - {Operation} == counted
