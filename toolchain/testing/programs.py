"""Small programs of one operation: an example of every record, right in all parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
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
    ToFloat,
    WideSoftmax,
)

_IO: dict[str, Any] = {"name": "op", "inputs": ("x",), "outputs": ("y",)}
FINISH = Requantize(factor="one", zero_point=0, low=-128, high=127)
IMAGE, SMALL = (1, 2, 4, 4), (1, 2, 3, 3)
_WINDOW: dict[str, Any] = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
CONSTANTS: Mapping[str, Array] = {
    "one": np.full((), 1, np.float32),
    "minus": np.full((), -1, np.float32),
    "nan": np.full((), np.nan, np.float32),
    "w": np.ones((2, 2, 2, 2), np.int8),
    "wide": np.ones((2, 2, 2, 2), np.int32),
    "empty": np.ones((0, 2, 2, 2), np.int8),
    "bias": np.zeros(2, np.int32),
    "bias3": np.zeros(3, np.int32),
    "most": np.full(2, 2**31 - 1, np.int32),
    "zeros": np.full(2, 200, np.int32),
    "m": np.ones((4, 3), np.int8),
    "blocks": np.ones((2, 3), np.float32),
    "taps": np.ones((2, 1, 2, 2), np.float32),
    "t8": np.zeros(256, np.int8),
    "t38": np.zeros((3, 256), np.int8),
    "t100": np.zeros(100, np.int8),
    "t16": np.zeros(256, np.int16),
    "exp": np.full(256, 2**30, np.int32),
    "none": np.zeros(256, np.int32),
    "i": np.array([0, 1], np.int64),
    "i9": np.array([9], np.int64),
    "low": np.array([0, 0, 1], np.int32),
    "low9": np.array([0, 0, 9], np.int32),
    "tap": np.array([[0, 0, 1]], np.int32),
    "f3": np.zeros(3, np.float32),
    "f13": np.zeros((1, 3), np.float32),
    "shape": np.array([3, 2], np.int64),
}


def tensor(name: str, dtype: DType, shape: tuple[int, ...], scale: float | None = 1.0) -> Tensor:
    """A tensor with the zero point 0."""
    return Tensor(name=name, dtype=dtype, shape=shape, scale=scale)


def single_program(op: Operation, x: Tensor, *others: Tensor, **more: Any) -> Program:
    """A program of one operation on `x` and others, with all of `CONSTANTS`."""
    tensors = {t.name: t for t in (x, *others)}
    return Program(
        name="single",
        rounding=Rounding.HALF_EVEN,
        inputs=tuple(name for name in tensors if name in op.inputs),
        outputs=tuple(name for name in op.outputs if name),
        tensors=tensors,
        constants=CONSTANTS,
        operations=(op,),
        **more,
    )


def i8(shape: tuple[int, ...], name: str = "x") -> Tensor:
    """An int8 tensor of scale 1."""
    return tensor(name, DType.INT8, shape)


def f32(shape: tuple[int, ...], name: str = "x") -> Tensor:
    """A float tensor."""
    return tensor(name, DType.FLOAT32, shape, None)


CONV = Conv(
    **_IO,
    **_WINDOW,
    weight="w",
    weight_zero_point=None,
    bias="bias",
    x_zero_point=0,
    groups=1,
    finish=FINISH,
)
UP = ConvTranspose(
    **_IO,
    **_WINDOW,
    weight="w",
    weight_zero_point=None,
    bias=None,
    x_zero_point=0,
    groups=1,
    finish=FINISH,
)
BLOCKED = BlockedConv(
    **_IO,
    **_WINDOW,
    weight="w",
    weight_zero_point=None,
    bias=None,
    x_zero_point=0,
    block_size=2,
    groups=1,
    finish=replace(FINISH, factor="taps"),
)
MATMUL = MatMul(**_IO, b="m", a_zero_point=0, b_zero_point=None, bias=None, finish=FINISH)
BLOCKS = BlockedMatMul(
    **_IO,
    b="m",
    b_zero_point=None,
    bias="f3",
    a_zero_point=0,
    block_size=2,
    finish=replace(FINISH, factor="blocks"),
)
POOL = Pool(
    **_IO,
    **_WINDOW,
    kind=PoolKind.AVERAGE,
    kernel=(2, 2),
    count_include_pad=False,
    x_zero_point=0,
    factor=1.0,
    zero_point=0,
    low=-128,
    high=127,
)
BINARY = Binary(
    name="op",
    inputs=("x", "x"),
    outputs=("y",),
    kind=BinaryKind.MUL,
    a_zero_point=0,
    b_zero_point=0,
    a_factor=1.0,
    b_factor=1.0,
    zero_point=0,
    low=-128,
    high=127,
)
TABLE = Table(**_IO, table="t8")
TABLES = Table(**_IO, table="t38", axis=1)
SOFTMAX = Softmax(**_IO, axis=1, exponentials="exp", factor=1.0, zero_point=0)
WIDE = WideSoftmax(**_IO, axis=1, high="exp", low="exp", factor=1.0, zero_point=0)
FUNCTION = Function(**_IO, op_type="Clip", constants={1: "one"})
NORMALIZE = Normalize(
    **_IO,
    length=3,
    centred=True,
    x_zero_point=0,
    epsilon=0.0,
    gain="f3",
    offset=None,
    zero_point=0,
)
SLOPE = Slope(**_IO, x_zero_point=0, factor=1.0, negative="f3", zero_point=0)
REDUCE = Reduce(**_IO, kind=ReduceKind.SUM, axes=(1,), x_zero_point=0, factor=1.0, zero_point=0)
ARG = ArgExtreme(**_IO, axis=1, smallest=False, last=False)
RESIZE = Resize(
    **_IO,
    axes=(1,),
    low=("low",),
    high=("low",),
    weights=("f3",),
    x_zero_point=0,
    factor=1.0,
    zero_point=0,
)
INTERPOLATE = Interpolate(
    **_IO,
    axes=(1,),
    positions=("tap",),
    weights=("f13",),
    outside=(),
    fill=0,
    x_zero_point=0,
    factor=1.0,
    zero_point=0,
)
QUANTIZE, DEQUANTIZE = Quantize(**_IO), Dequantize(**_IO)
RESCALE = Rescale(**_IO, x_zero_point=0, factor=1.0, zero_point=0)
ISLAND = FloatOp(**_IO, op_type="Relu")


def move(kind: MoveKind, **arguments: tuple[int, ...]) -> Move:
    """A movement of x to y."""
    return Move(**_IO, kind=kind, arguments=arguments)


SPLIT = replace(move(MoveKind.SPLIT, axis=(0,), sizes=(1, 1)), outputs=("y", "z"))
CONCAT = replace(move(MoveKind.CONCAT, axis=(0,)), inputs=("x", "x"))
GATHER = replace(move(MoveKind.GATHER, axis=(0,)), indices="i")
EXAMPLES: Mapping[str, tuple[Operation, tuple[Tensor, ...]]] = {
    "conv": (CONV, (i8(IMAGE), i8(SMALL, "y"))),
    "float conv": (replace(CONV, finish=ToFloat(factor="one")), (i8(IMAGE), f32(SMALL, "y"))),
    "up": (UP, (i8(SMALL), i8(IMAGE, "y"))),
    "blocked": (BLOCKED, (i8(IMAGE), i8(SMALL, "y"))),
    "matmul": (MATMUL, (i8((2, 4)), i8((2, 3), "y"))),
    "pair": (
        replace(MATMUL, inputs=("x", "z"), b=None),
        (i8((5, 2, 4)), i8((1, 4, 3), "z"), i8((5, 2, 3), "y")),
    ),
    "blocks": (BLOCKS, (i8((2, 4)), i8((2, 3), "y"))),
    "pool": (POOL, (i8(IMAGE), i8(SMALL, "y"))),
    "max": (replace(POOL, kind=PoolKind.MAX), (i8(IMAGE), i8(SMALL, "y"))),
    "binary": (BINARY, (i8((2, 3)), i8((2, 3), "y"))),
    "table": (TABLE, (i8((2, 3)), i8((2, 3), "y"))),
    "tables": (TABLES, (i8((2, 3)), i8((2, 3), "y"))),
    "softmax": (SOFTMAX, (i8((2, 3)), i8((2, 3), "y"))),
    "wide": (WIDE, (tensor("x", DType.INT16, (2, 3)), tensor("y", DType.INT16, (2, 3)))),
    "function": (FUNCTION, (tensor("x", DType.INT16, (2, 3)), i8((2, 3), "y"))),
    "normalize": (NORMALIZE, (i8((2, 3)), i8((2, 3), "y"))),
    "slope": (SLOPE, (i8((2, 3)), i8((2, 3), "y"))),
    "reduce": (REDUCE, (i8((2, 3)), i8((2,), "y"))),
    "largest": (replace(REDUCE, kind=ReduceKind.MAX), (i8((2, 3)), i8((2, 1), "y"))),
    "arg": (ARG, (i8((2, 3)), tensor("y", DType.INT64, (2,), None))),
    "resize": (RESIZE, (i8((2, 2)), i8((2, 3), "y"))),
    "nearest": (replace(RESIZE, high=(), weights=()), (i8((2, 2)), i8((2, 3), "y"))),
    "interpolate": (INTERPOLATE, (i8((2, 2)), i8((2, 3), "y"))),
    "quantize": (QUANTIZE, (f32((2, 3)), i8((2, 3), "y"))),
    "dequantize": (DEQUANTIZE, (i8((2, 3)), f32((2, 3), "y"))),
    "rescale": (RESCALE, (i8((2, 3)), i8((2, 3), "y"))),
    "island": (ISLAND, (f32((2, 3)), f32((2, 3), "y"))),
    "reshape": (move(MoveKind.RESHAPE), (i8((2, 3)), i8((6,), "y"))),
    "transpose": (move(MoveKind.TRANSPOSE, perm=(1, 0)), (i8((2, 3)), i8((3, 2), "y"))),
    "slice": (
        move(MoveKind.SLICE, starts=(2,), ends=(-9,), axes=(1,), steps=(-2,)),
        (i8((2, 3)), i8((2, 2), "y")),
    ),
    "split": (SPLIT, (i8((2, 3)), i8((1, 3), "y"), i8((1, 3), "z"))),
    "concat": (CONCAT, (i8((2, 3)), i8((4, 3), "y"))),
    "pad": (move(MoveKind.PAD, pads=(0, 1, 0, -1)), (i8((2, 3)), i8((2, 3), "y"))),
    "gather": (GATHER, (i8((2, 3)), i8((2, 3), "y"))),
    "expand": (move(MoveKind.EXPAND), (i8((1, 3)), i8((5, 2, 3), "y"))),
    "tile": (move(MoveKind.TILE, repeats=(1, 2)), (i8((2, 3)), i8((2, 6), "y"))),
    "depth": (
        move(MoveKind.DEPTH_TO_SPACE, blocksize=(2,), crd=(0,)),
        (i8((1, 8, 2, 2)), i8((1, 2, 4, 4), "y")),
    ),
    "space": (
        move(MoveKind.SPACE_TO_DEPTH, blocksize=(2,)),
        (i8((1, 2, 4, 4)), i8((1, 8, 2, 2), "y")),
    ),
    "copy": (move(MoveKind.COPY), (i8((2, 3)), i8((2, 3), "y"))),
}
"""An operation with its tensors, by a name; all kinds of `Move` are there."""
