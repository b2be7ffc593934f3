"""Files of XIR, read back by the protobuf runtime with messages of the public schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

from tc_target_dpu.xir import encode_graph
from tc_target_dpu.xmodel import xir_graph
from tc_target_dpu.xmodel_tensors import NoOperatorError
from toolchain.accelerator.container.records import HostSegment, MachineSegment
from toolchain.accelerator.isa.code import Code
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    Conv,
    Dequantize,
    FloatOp,
    MatMul,
    Move,
    MoveKind,
    Operation,
    Program,
    Quantize,
    Requantize,
    Table,
    Tensor,
)

FIELDS = {
    "Graph": "graph_name:1:string op_node:5:*OPNode subg_root:10:SubGraph graph_attr:11:@AttrValue",
    "OPNode": (
        "op_name:1:string op_type:2:string op_attr:3:@AttrValue args:4:*OpArg "
        "output_tensor:5:Tensor"
    ),
    "OpArg": "arg_name:1:string arg_ops:2:*string",
    "Tensor": (
        "tensor_name:1:string tensor_dim:2:*uint32 data_type:5:int32 tensor_bit_width:6:int32 "
        "tensor_attr:10:@AttrValue"
    ),
    "SubGraph": (
        "subgraph_name:1:string op_name:3:*string subg_attr:5:@AttrValue subg_child:10:*SubGraph"
    ),
    "AttrValue": (
        "bool_value:4:bool int32_value:5:int32 float_value:9:float string_value:11:string "
        "bytes_value:12:Bytes int32_vec_value:14:Int32Vec"
    ),
    "Bytes": "value:1:bytes",
    "Int32Vec": "value:1:*int32",
}
"""Messages of graph_proto_v2 as far as they are used: name, number and type; * repeated, @ map."""


def schema() -> Any:
    """The class of graphs."""
    file = descriptor_pb2.FileDescriptorProto(name="x.proto", package="x", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        if name == "AttrValue":
            message.oneof_decl.add(name="value")
        for each in fields.split():
            _field(message, each)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("x.Graph"))


def _field(message: Any, text: str) -> None:
    name, number, kind = text.split(":")
    made = message.field.add(name=name, number=int(number), label=1 + 2 * (kind[0] in "*@"))
    plain = kind.lstrip("*")
    if kind[0] == "@":
        camel = "".join(part.title() for part in name.split("_"))
        entry = message.nested_type.add(name=f"{camel}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=1, type=9)
        entry.field.add(name="value", number=2, label=1, type=11, type_name=f".x.{kind[1:]}")
        made.type, made.type_name = 11, f".x.{message.name}.{entry.name}"
    elif plain in FIELDS:
        made.type, made.type_name = 11, f".x.{plain}"
    else:
        made.type = {"string": 9, "uint32": 13, "int32": 5, "bool": 8, "float": 2, "bytes": 12}[
            plain
        ]
    if message.name == "AttrValue":
        made.oneof_index = 0


Values = NDArray[Any]


def computed(graph: Any, images: dict[str, Values]) -> dict[str, Values]:
    """What every operator computes by the formulas of VART's cpu-runner; channels last."""
    found: dict[str, Values] = {}
    for node in graph.op_node:
        read = {arg.arg_name: [found[name] for name in arg.arg_ops] for arg in node.args}
        positions = {
            each.op_name: each.output_tensor.tensor_attr["fix_point"].int32_value
            for each in graph.op_node
        }
        at = {arg.arg_name: [positions[name] for name in arg.arg_ops] for arg in node.args}
        shape = tuple(node.output_tensor.tensor_dim)
        found[node.op_name] = _value(node, read, at, images).reshape(shape)
    return found


def _value(node: Any, read: dict[str, list[Values]], at: dict[str, Any], images: Any) -> Values:
    own = node.output_tensor.tensor_attr["fix_point"].int32_value
    if node.op_type == "data":
        return images[node.op_name]
    if node.op_type == "const-fix":
        return np.frombuffer(node.op_attr["data"].bytes_value.value, np.int8).astype(float)
    x, position = read["input"][0], at["input"][0]
    if "conv2d" in node.op_type:
        return _convolution(node, read, at, own)
    moved = {
        "float2fix": lambda: _away(x * 2.0**own),
        "fix2float": lambda: x * 2.0**-position,
        "transpose": lambda: x.transpose(_ints(node, "order")),
        "reshape-fix": lambda: x,
    }
    return moved[node.op_type]()


def _away(v: Values) -> Values:
    """STD_ROUND to int8: half away from zero."""
    return np.clip(np.sign(v) * np.floor(np.abs(v) + 0.5), -128, 127)


def _round(v: Values) -> Values:
    """DPU_ROUND to int8: half towards plus infinity."""
    return np.clip(np.floor(v + 0.5), -128, 127)


def _ints(node: Any, name: str) -> list[int]:
    return list(node.op_attr[name].int32_vec_value.value)


def _activated(node: Any, v: Values, own: int) -> Values:
    kind = node.op_attr["nonlinear"].string_value
    if kind == "RELU":
        return _round(np.maximum(v, 0))
    if kind == "RELU6":
        return _round(np.clip(v, 0, 6 * 2.0**own))
    if kind in ("HSIGMOID", "HSWISH"):
        x, into = _round(v), node.op_attr["hsigmoid_in"].int32_value
        inner = np.maximum(0, x * 2731 + 3 * 2731 * 2.0**into)
        inner = _round(inner * 2.0 ** -node.op_attr["shift_hsigmoid"].int32_value)
        if kind == "HSIGMOID":
            return inner
        return _round(x * inner * 2.0 ** -node.op_attr["shift_hswish"].int32_value)
    return _round(v)


def _convolution(node: Any, read: dict[str, list[Values]], at: dict[str, Any], own: int) -> Values:
    x, weights = read["input"][0], read["weights"][0]
    left, right, top, bottom = _ints(node, "pad")
    width, height = _ints(node, "kernel")
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    over, down = _ints(node, "stride")
    _, rows, columns, _ = node.output_tensor.tensor_dim
    total: Any = 0
    for i in range(height):
        for j in range(width):
            part = padded[:, i : i + down * rows : down, j : j + over * columns : over]
            part = part[:, :rows, :columns]
            if node.op_type == "depthwise-conv2d-fix":
                total = total + part * weights[0, i, j]
            else:
                total = total + part @ weights[:, i, j].T
    product = at["input"][0] + at["weights"][0]
    if "bias" in read:
        total = total + read["bias"][0] * 2.0 ** (product - at["bias"][0])
    hidden = node.op_attr["nonlinear"].string_value in ("HSIGMOID", "HSWISH")
    stored = node.op_attr["hsigmoid_in"].int32_value if hidden else own
    return _activated(node, total / 2.0 ** (product - stored), own)


CONV = Conv(
    name="conv", inputs=("x",), outputs=("c",), weight="w", weight_zero_point=None, bias="b",
    x_zero_point=0, strides=(2, 1), pads=(1, 0, 2, 3), dilations=(1, 1), groups=1,
    finish=Requantize(factor="f", zero_point=0, low=0, high=127),
)  # fmt: skip
RESHAPE = Move(name="flat", inputs=("c",), outputs=("r",), kind=MoveKind.RESHAPE)
MATMUL = MatMul(
    name="fc", inputs=("r",), outputs=("y",), b="m", a_zero_point=0, b_zero_point=None, bias=None,
    finish=Requantize(factor="g", zero_point=0, low=-128, high=127, guard_bits=1),
)  # fmt: skip
INTO = Quantize(name="in", inputs=("image",), outputs=("x",), rounding=Rounding.HALF_AWAY)
OUT = Dequantize(name="out", inputs=("y",), outputs=("real",))


def program(*extra: Operation, swish: bool = False) -> Program:
    """Positions: x 5, weights 7, c 4, bias 6; matrix 6, y 2; with HardSwish instead of Relu s 3."""
    layers = (
        replace(CONV, finish=replace(CONV.finish, low=-128)),
        Table(name="act", inputs=("c",), outputs=("s",), table="t"),
        replace(RESHAPE, inputs=("s",)),
    )
    tensors = (
        Tensor(name="image", dtype=DType.FLOAT32, shape=(1, 2, 4, 5)),
        Tensor(name="x", dtype=DType.INT8, shape=(1, 2, 4, 5), scale=2.0**-5),
        Tensor(name="c", dtype=DType.INT8, shape=(1, 3, 3, 6), scale=2.0**-4),
        Tensor(name="s", dtype=DType.INT8, shape=(1, 3, 3, 6), scale=2.0**-3),
        Tensor(name="r", dtype=DType.INT8, shape=(1, 54), scale=2.0**-4),
        Tensor(name="y", dtype=DType.INT8, shape=(1, 7), scale=2.0**-2),
        Tensor(name="real", dtype=DType.FLOAT32, shape=(1, 7)),
        Tensor(name="end", dtype=DType.FLOAT32, shape=(1, 7)),
    )
    operations = (INTO, *(layers if swish else (CONV, RESHAPE)), MATMUL, OUT, *extra)
    used = {name for op in operations for name in (*op.inputs, *op.outputs)}
    return Program(
        name="m",
        rounding=Rounding.HALF_UP,
        requantization=Requantization.SHIFT,
        inputs=("image",),
        outputs=("end" if extra else "real",),
        tensors={each.name: each for each in tensors if each.name in used},
        constants={
            "w": np.arange(3 * 2 * 3 * 3, dtype=np.int8).reshape(3, 2, 3, 3),
            # As int8 of position 6: 1, -2, 3; the accumulator has position 12.
            "b": np.array([64, -128, 192], np.int32),
            "f": np.float32(2.0**-8).reshape(()),
            "m": np.ones((54, 7), np.int8),
            # Position 4 + 6 - 2 = 8 behind the point, and a guard bit.
            "g": np.float32(2.0**-9).reshape(()),
            "t": hard_swish(),
        },
        operations=operations,
    )


def hard_swish() -> np.ndarray:
    """Of every int8 of position 4, as int8 of position 3: VART's formula in integers.

    The inner function has 14 + 4 bits behind the point, of which 7 stay; the product has 4 + 7.
    """
    x = np.arange(-128, 128)
    inner = np.minimum((np.maximum(0, x * 2731 + 3 * 2731 * 16) + (1 << 10)) >> 11, 127)
    return np.clip((x * inner + (1 << 7)) >> 8, -128, 127).astype(np.int8)


def written(*extra: Operation, swish: bool = False) -> bytes:
    whole = program(*extra, swish=swish)
    names = ("conv", "act", "flat", "fc") if swish else ("conv", "flat", "fc")
    code = Code(machine="b", operations=names, queues={}, sizes={})
    behind = dict.fromkeys(("out", *(op.name for op in extra)), "float")
    segments = (
        HostSegment(program=whole, reasons={"in": "float"}),
        MachineSegment(code=code, inputs=(), outputs=()),
        HostSegment(program=whole, reasons=behind),
    )
    return encode_graph(
        xir_graph(whole, segments, "net", biases={"conv": 6}, kinds={"act": "HardSwish"})
    )


@pytest.fixture
def graph() -> Any:
    found = schema()()
    found.ParseFromString(written())
    return found


def test_nothing_is_left_unread(graph: Any) -> None:
    assert graph.graph_name == "net"
    graph.DiscardUnknownFields()
    assert graph.ByteSize() == len(written())
    assert written() == written()


def test_subgraphs(graph: Any) -> None:
    root = graph.subg_root
    assert root.subgraph_name == "root"
    devices = [child.subg_attr["device"].string_value for child in root.subg_child]
    assert devices == ["USER", "CPU", "DPU", "CPU"]
    assert [child.subgraph_name for child in root.subg_child] == [
        "subgraph_image",
        "subgraph_in",
        "subgraph_conv",
        "subgraph_out",
    ]
    names = [name for child in root.subg_child for name in child.op_name]
    assert names == [node.op_name for node in graph.op_node]
    assert len(set(names)) == len(names)


def test_every_operator_comes_after_what_it_reads(graph: Any) -> None:
    seen: set[str] = set()
    for node in graph.op_node:
        assert {name for arg in node.args for name in arg.arg_ops} <= seen
        seen.add(node.op_name)


def test_a_convolution(graph: Any) -> None:
    nodes = {node.op_name: node for node in graph.op_node}
    conv = nodes["conv"]
    assert conv.op_type == "conv2d-fix"
    attributes = {
        k: list(conv.op_attr[k].int32_vec_value.value) for k in ("kernel", "stride", "pad")
    }
    # Width before height; left, right, top, bottom.
    assert attributes == {"kernel": [3, 3], "stride": [1, 2], "pad": [0, 3, 1, 2]}
    assert conv.op_attr["nonlinear"].string_value == "RELU"
    # 5 + 7 - 4 and 5 + 7 - 6.
    assert conv.op_attr["shift_cut"].int32_value == 8
    assert conv.op_attr["shift_bias"].int32_value == 6
    assert [arg.arg_name for arg in conv.args] == ["input", "weights", "bias"]
    assert list(conv.output_tensor.tensor_dim) == [1, 3, 6, 3]
    assert (conv.output_tensor.data_type, conv.output_tensor.tensor_bit_width) == (2, 8)
    assert conv.output_tensor.tensor_attr["fix_point"].int32_value == 4
    weights, bias = nodes["conv/weights"], nodes["conv/bias"]
    assert list(weights.output_tensor.tensor_dim) == [3, 3, 3, 2]
    stored = np.frombuffer(weights.op_attr["data"].bytes_value.value, np.int8)
    # Of the first output: both inputs at the first position, then at the second.
    assert stored[:4].tolist() == [0, 9, 1, 10]
    assert weights.output_tensor.tensor_attr["fix_point"].int32_value == 7
    assert np.frombuffer(bias.op_attr["data"].bytes_value.value, np.int8).tolist() == [1, -2, 3]


def test_rows_are_in_the_order_of_the_program(graph: Any) -> None:
    """Channels come first again before pixels are joined with them."""
    nodes = {node.op_name: node for node in graph.op_node}
    assert list(nodes["flat/first"].op_attr["order"].int32_vec_value.value) == [0, 3, 1, 2]
    assert list(nodes["flat"].args[0].arg_ops) == ["flat/first"]
    assert list(nodes["fc"].output_tensor.tensor_dim) == [1, 1, 1, 7]
    assert nodes["fc/weights"].output_tensor.tensor_attr["fix_point"].int32_value == 6
    assert list(nodes["out"].args[0].arg_ops) == ["fc/rows"]


def test_between_float_and_integers(graph: Any) -> None:
    nodes = {node.op_name: node for node in graph.op_node}
    assert nodes["image"].op_attr["data_type"].string_value == "FLOAT32"
    assert list(nodes["image"].output_tensor.tensor_dim) == [1, 4, 5, 2]
    assert nodes["in"].op_type == "float2fix"
    assert nodes["in"].op_attr["fix_point"].int32_value == 5
    assert nodes["in"].op_attr["round_mode"].string_value == "STD_ROUND"
    assert nodes["out"].op_type == "fix2float"
    assert nodes["out"].op_attr["fix_point"].int32_value == 2


def test_what_xir_cannot_say() -> None:
    odd = FloatOp(
        name="odd",
        inputs=("real",),
        outputs=("end",),
        op_type="CumSum",
        attributes={},
        constants={},
    )
    with pytest.raises(NoOperatorError, match="`odd`: XIR has no operator for float CumSum"):
        written(odd)


@pytest.mark.parametrize("swish", [False, True])
def test_the_graph_computes_what_the_program_does(swish: bool) -> None:
    found = schema()()
    found.ParseFromString(written(swish=swish))
    image = np.random.default_rng(1).integers(-128, 128, (1, 2, 4, 5)).astype(np.float32) / 32
    whole = program(swish=swish)
    name = "s" if swish else "c"
    expected = Interpreter(whole).run({"image": image}, observe=[name, "r", "real"])
    values = computed(found, {"image": image.transpose(0, 2, 3, 1)})
    layer = expected[name].transpose(0, 2, 3, 1)
    assert len(np.unique(layer)) > 10
    np.testing.assert_array_equal(values["conv"], layer)
    np.testing.assert_array_equal(values["flat"], expected["r"])
    np.testing.assert_array_equal(values["out"], expected["real"])


def test_a_function_is_part_of_the_convolution() -> None:
    found = schema()()
    found.ParseFromString(written(swish=True))
    (conv,) = (node for node in found.op_node if node.op_name == "conv")
    assert conv.op_attr["nonlinear"].string_value == "HSWISH"
    names = ("hsigmoid_in", "shift_hsigmoid", "shift_hswish")
    # 14 + 4 - 7 and 4 + 7 - 3.
    assert [conv.op_attr[name].int32_value for name in names] == [4, 11, 8]
    assert conv.output_tensor.tensor_name == "s"
