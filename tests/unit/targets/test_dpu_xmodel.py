"""Files of XIR, read back by the protobuf runtime with messages of the public schema."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tc_target_dpu.xir import encode_graph
from tc_target_dpu.xmodel import NoOperatorError, xir_graph
from toolchain.accelerator.container.records import HostSegment, MachineSegment
from toolchain.accelerator.isa.code import Code
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
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


def program(*extra: Operation) -> Program:
    """Positions: x 5, weights 7, c 4, bias 6; matrix 6, y 2."""
    tensors = (
        Tensor(name="image", dtype=DType.FLOAT32, shape=(1, 2, 4, 5)),
        Tensor(name="x", dtype=DType.INT8, shape=(1, 2, 4, 5), scale=2.0**-5),
        Tensor(name="c", dtype=DType.INT8, shape=(1, 3, 3, 6), scale=2.0**-4),
        Tensor(name="r", dtype=DType.INT8, shape=(1, 54), scale=2.0**-4),
        Tensor(name="y", dtype=DType.INT8, shape=(1, 7), scale=2.0**-2),
        Tensor(name="real", dtype=DType.FLOAT32, shape=(1, 7)),
        Tensor(name="end", dtype=DType.FLOAT32, shape=(1, 7)),
    )
    return Program(
        name="m",
        rounding=Rounding.HALF_UP,
        inputs=("image",),
        outputs=("end" if extra else "real",),
        tensors={each.name: each for each in tensors},
        constants={
            "w": np.arange(3 * 2 * 3 * 3, dtype=np.int8).reshape(3, 2, 3, 3),
            # As int8 of position 6: 1, -2, 3; the accumulator has position 12.
            "b": np.array([64, -128, 192], np.int32),
            "f": np.float32(2.0**-8).reshape(()),
            "m": np.ones((54, 7), np.int8),
            # Position 4 + 6 - 2 = 8 behind the point, and a guard bit.
            "g": np.float32(2.0**-9).reshape(()),
        },
        operations=(INTO, CONV, RESHAPE, MATMUL, OUT, *extra),
    )


def written(*extra: Operation) -> bytes:
    whole = program(*extra)
    names = ("conv", "flat", "fc")
    code = Code(machine="b", operations=names, queues={}, sizes={})
    behind = dict.fromkeys(("out", *(op.name for op in extra)), "float")
    segments = (
        HostSegment(program=whole, reasons={"in": "float"}),
        MachineSegment(code=code, inputs=(), outputs=()),
        HostSegment(program=whole, reasons=behind),
    )
    return encode_graph(xir_graph(whole, segments, {"conv": 6}, "net"))


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
