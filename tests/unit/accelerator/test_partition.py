"""Parts of small programs, counted by hand, and run one after the other like the whole."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.accelerator.partition import Part, PartKind, partition
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    Dequantize,
    FloatOp,
    Move,
    MoveKind,
    Operation,
    Program,
    Quantize,
    Table,
    Tensor,
)

SHAPE = (1, 4)


def quantize(name: str, x: str) -> Quantize:
    return Quantize(name=name, inputs=(x,), outputs=(f"{name}_y",))


def dequantize(name: str, x: str) -> Dequantize:
    return Dequantize(name=name, inputs=(x,), outputs=(f"{name}_y",))


def table(name: str, x: str) -> Table:
    return Table(name=name, inputs=(x,), outputs=(f"{name}_y",), table="halves")


def copy(name: str, *x: str) -> Move:
    return Move(name=name, inputs=x, outputs=(f"{name}_y",), kind=MoveKind.COPY)


def absolute(name: str, x: str) -> FloatOp:
    return FloatOp(name=name, inputs=(x,), outputs=(f"{name}_y",), op_type="Abs")


def program(*operations: Operation, outputs: tuple[str, ...], x: DType = DType.FLOAT32) -> Program:
    """Operations on (1, 4); what Dequantize and FloatOp write, and Move of it, is float."""
    tensors = {"x": Tensor(name="x", dtype=x, shape=SHAPE, scale=None if x.is_float else 1.0)}
    for op in operations:
        floats = isinstance(op, (Dequantize, FloatOp)) or (
            isinstance(op, Move) and tensors[op.inputs[0]].dtype.is_float
        )
        for name in op.outputs:
            dtype, scale = (DType.FLOAT32, None) if floats else (DType.INT8, 1.0)
            tensors[name] = Tensor(name=name, dtype=dtype, shape=SHAPE, scale=scale)
    halves = (np.arange(-128, 128) // 2).astype(np.int8)
    return Program(
        name="small",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=outputs,
        tensors=tensors,
        constants={"halves": halves, "unused": np.zeros(3, np.int8)},
        operations=operations,
    )


def shapes(parts: tuple[Part, ...]) -> list[tuple[str, str]]:
    """Executor and operations of every part."""
    return [
        (part.kind.value, " ".join(op.name for op in part.program.operations)) for part in parts
    ]


def everything(op: Operation, program: Program) -> None:
    del op, program


def test_conversions_belong_to_the_host() -> None:
    whole = program(quantize("q", "x"), table("t", "q_y"), dequantize("d", "t_y"), outputs=("d_y",))
    first, middle, last = partition(whole, everything)
    assert [part.kind for part in (first, middle, last)] == [
        PartKind.HOST,
        PartKind.MACHINE,
        PartKind.HOST,
    ]
    assert first.reasons == {"q": "turns float numbers into integers"}
    assert last.reasons == {"d": "turns integers into float numbers"}
    assert middle.reasons == {}
    assert (middle.program.inputs, middle.program.outputs) == (("q_y",), ("t_y",))
    assert set(middle.program.tensors) == {"q_y", "t_y"}
    assert set(middle.program.constants) == {"halves"}
    assert first.program.constants == {}


def test_what_the_machine_cannot_do_goes_to_the_host_with_its_reason() -> None:
    whole = program(
        table("a", "x"), table("b", "a_y"), table("c", "b_y"), outputs=("c_y",), x=DType.INT8
    )
    parts = partition(whole, lambda op, _: "too wide" if op.name == "b" else None)
    assert shapes(parts) == [("machine", "a"), ("host", "b"), ("machine", "c")]
    assert parts[1].reasons == {"b": "too wide"}


def test_branches_join_large_parts() -> None:
    # In the order of the program the executors change at every operation.
    whole = program(
        quantize("q1", "x"),
        table("t1", "q1_y"),
        dequantize("d1", "t1_y"),
        quantize("q2", "x"),
        table("t2", "q2_y"),
        dequantize("d2", "t2_y"),
        outputs=("d1_y", "d2_y"),
    )
    parts = partition(whole, everything)
    assert shapes(parts) == [("host", "q1 q2"), ("machine", "t1 t2"), ("host", "d1 d2")]


def test_the_first_executor_is_the_one_with_fewer_parts() -> None:
    # With the machine first: t | h | u.
    whole = program(
        table("t", "x"), table("h", "x"), table("u", "h_y"), outputs=("t_y", "u_y"), x=DType.INT8
    )
    parts = partition(whole, lambda op, _: "odd" if op.name == "h" else None)
    assert shapes(parts) == [("host", "h"), ("machine", "t u")]


def test_equally_many_parts_begin_with_the_machine() -> None:
    whole = program(table("h", "x"), table("t", "x"), outputs=("h_y", "t_y"), x=DType.INT8)
    parts = partition(whole, lambda op, _: "odd" if op.name == "h" else None)
    assert shapes(parts) == [("machine", "t"), ("host", "h")]


@pytest.mark.parametrize("moves", [1, 3])
def test_movements_go_to_the_machine_next_to_them(moves: int) -> None:
    before, after = [], []
    last = "q_y"
    for index in range(moves):
        before.append(copy(f"m{index}", last))
        last = f"m{index}_y"
    middle = table("t", last)
    last = "t_y"
    for index in range(moves):
        after.append(copy(f"n{index}", last))
        last = f"n{index}_y"
    whole = program(
        quantize("q", "x"), *before, middle, *after, dequantize("d", last), outputs=("d_y",)
    )
    names = " ".join(op.name for op in (*before, middle, *after))
    assert shapes(partition(whole, everything)) == [
        ("host", "q"),
        ("machine", names),
        ("host", "d"),
    ]


def test_movements_among_operations_of_the_host_stay_there() -> None:
    whole = program(quantize("q", "x"), copy("m", "q_y"), dequantize("d", "m_y"), outputs=("d_y",))
    (part,) = partition(whole, everything)
    assert part.kind is PartKind.HOST
    assert part.reasons["m"] == "only moves data, beside operations of the CPU"


def test_movements_alone_are_not_worth_the_machine() -> None:
    whole = program(copy("m", "x"), table("h", "m_y"), outputs=("h_y",), x=DType.INT8)
    parts = partition(whole, lambda op, _: "odd" if op.name == "h" else None)
    assert shapes(parts) == [("host", "m h")]
    alone = program(copy("m", "x"), outputs=("m_y",), x=DType.INT8)
    assert shapes(partition(alone, everything)) == [("host", "m")]


def test_a_movement_read_by_both_stays_where_its_first_reader_needs_it() -> None:
    whole = program(
        quantize("q", "x"),
        copy("m", "q_y"),
        dequantize("d", "m_y"),
        table("t", "m_y"),
        outputs=("d_y", "t_y"),
    )
    assert shapes(partition(whole, everything)) == [("host", "q m d"), ("machine", "t")]


def test_movements_of_float_numbers_belong_to_the_host() -> None:
    whole = program(copy("m", "x"), quantize("q", "m_y"), table("t", "q_y"), outputs=("t_y",))
    parts = partition(whole, everything)
    assert shapes(parts) == [("host", "m q"), ("machine", "t")]
    assert parts[0].reasons["m"] == "moves float numbers"


def test_parts_compute_what_the_whole_does() -> None:
    whole = program(
        quantize("q", "x"),
        table("t", "q_y"),
        copy("m", "q_y"),
        dequantize("d", "t_y"),
        absolute("f", "d_y"),
        quantize("r", "f_y"),
        table("u", "r_y"),
        copy("n", "m_y"),
        outputs=("n_y", "f_y", "u_y"),
    )
    parts = partition(whole, everything)
    assert shapes(parts) == [
        ("host", "q m n"),
        ("machine", "t"),
        ("host", "d f r"),
        ("machine", "u"),
    ]
    assert parts[2].reasons["f"] == "Abs is computed in float"
    feeds: dict[str, Array] = {"x": np.array([[-7, 3.5, 100, 1000]], np.float32)}
    values = dict(feeds)
    for part in parts:
        read = {name: values[name] for name in part.program.inputs}
        values.update(Interpreter(part.program).run(read))
    expected = Interpreter(whole).run(feeds)
    for name in whole.outputs:
        np.testing.assert_array_equal(values[name], expected[name])


def test_many_alternating_operations_are_split_quickly() -> None:
    operations: list[Operation] = []
    last = "x"
    for index in range(500):
        operations.append(table(f"t{index}", last))
        last = f"t{index}_y"
    whole = program(*operations, outputs=(last,), x=DType.INT8)
    parts = partition(whole, lambda op, _: "odd" if int(op.name[1:]) % 2 else None)
    assert len(parts) == 500
