"""Every number here was computed by hand from the figures of the fixture `toy`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.accelerator.bounds import Engine, program_bound, transfer_cycles
from toolchain.core.dtypes import DType
from toolchain.core.machine import DepthwiseArray, Machine, TransferEngine
from toolchain.core.quant import Rounding
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Conv,
    FloatOp,
    Move,
    MoveKind,
    Operation,
    Program,
    Quantize,
    Requantize,
    Tensor,
)

FINISH = Requantize(factor="f", zero_point=0, low=-128, high=127)


def test_transfers_take_the_narrower_of_memory_and_channels(toy: Machine) -> None:
    # 300 MB/s at 100 MHz are 3 bytes per cycle; two cores have 2 bytes each.
    assert transfer_cycles(0, toy) == 0
    assert transfer_cycles(3, toy) == 1
    assert transfer_cycles(4, toy) == 2
    assert transfer_cycles(300, toy) == 100
    assert transfer_cycles(300, replace(toy, cores=1)) == 150
    wide = TransferEngine(count=2, bytes_per_cycle=2, burst_bytes=64, alignment=16)
    assert transfer_cycles(300, replace(toy, cores=1, transfer=wide)) == 100


def tensor(name: str, *shape: int, dtype: DType = DType.INT8) -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


def conv(name: str, x: str, y: str, weight: str, groups: int = 1) -> Conv:
    return Conv(
        name=name,
        inputs=(x,),
        outputs=(y,),
        weight=weight,
        weight_zero_point=None,
        bias=None,
        strides=(1, 1),
        pads=(1, 1, 1, 1),
        dilations=(1, 1),
        groups=groups,
        x_zero_point=0,
        finish=FINISH,
    )


def add(name: str, a: str, b: str, y: str) -> Binary:
    return Binary(
        name=name, inputs=(a, b), outputs=(y,), kind=BinaryKind.ADD,
        a_zero_point=0, b_zero_point=0, a_factor=1.0, b_factor=1.0, zero_point=0,
        low=-128, high=127,
    )  # fmt: skip


def program(
    tensors: list[Tensor], operations: list[Operation], inputs: tuple[str, ...],
    outputs: tuple[str, ...],
) -> Program:  # fmt: skip
    return Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=inputs,
        outputs=outputs,
        tensors={each.name: each for each in tensors},
        constants={
            "w": np.zeros((32, 32, 3, 3), np.int8),
            "f": np.ones((), np.float32),
        },
        operations=tuple(operations),
    )


def test_a_program(toy: Machine) -> None:
    """Two convolutions that share a weight, and an addition; only x, w, f and y cross the DDR."""
    names = [tensor(name, 1, 32, 4, 4) for name in "xaby"]
    chain = [conv("c1", "x", "a", "w"), conv("c2", "a", "b", "w"), add("s", "a", "b", "y")]
    found = program_bound(program(names, chain, ("x",), ("y",)), toy)
    # A convolution: 4 steps of positions, 9 * 4 of inputs, 2 of outputs, on 4 arrays.
    assert [op.busy_cycles for op in found.operations] == [288, 288, 103]
    assert [op.compute_cycles for op in found.operations] == [72, 72, 18]
    assert [op.engine for op in found.operations] == [Engine.CONVOLUTION] * 2 + [Engine.TENSOR]
    # 512 of the input, 9216 of the weight, 4 of the factor; then the output.
    assert [op.transfer_bytes for op in found.operations] == [9732, 0, 512]
    assert found.transfer_bytes == 10_244
    assert found.compute_cycles == 144
    assert found.transfer_cycles == 3415
    assert found.cycles == 3415
    assert found.latency_us == 34.15
    assert found.macs == 2 * 16 * 288 * 32
    assert found.host == ()


def test_the_larger_kind_of_engine_bounds(toy: Machine) -> None:
    """512 additions are 103 steps of 5; ten of them outlast a convolution: 1030 / 6."""
    names = [tensor(name, 1, 32, 4, 4) for name in "xa0123456789"]
    adds = [add(f"s{i}", "a", "a", str(i)) for i in range(10)]
    found = program_bound(program(names, [conv("c", "x", "a", "w"), *adds], ("x",), ("9",)), toy)
    assert found.compute_cycles == 172


def test_a_slice_reads_a_part_and_a_reshape_is_no_copy(toy: Machine) -> None:
    names = [tensor("x", 1, 32, 8, 4), tensor("r", 1, 32, 32), tensor("p", 1, 32, 4)]
    moves: list[Operation] = [
        Move(name="r", inputs=("x",), outputs=("r",), kind=MoveKind.RESHAPE),
        Move(name="p", inputs=("r",), outputs=("p",), kind=MoveKind.SLICE),
    ]
    found = program_bound(program(names, moves, ("x",), ("p",)), toy)
    assert [op.engine for op in found.operations] == [Engine.MOVEMENT] * 2
    assert [op.transfer_bytes for op in found.operations] == [128, 128]
    assert found.compute_cycles == 0


def test_an_output_behind_a_reshape_is_written_once(toy: Machine) -> None:
    names = [tensor(name, 1, 32, 4, 4) for name in "xy"]
    names.append(tensor("z", 1, 512))
    operations: list[Operation] = [
        conv("c", "x", "y", "w"),
        Move(name="z", inputs=("y",), outputs=("z",), kind=MoveKind.RESHAPE),
    ]
    found = program_bound(program(names, operations, ("x",), ("z",)), toy)
    assert [op.transfer_bytes for op in found.operations] == [512 + 9216 + 4 + 512, 0]


def test_float_operations_are_left_to_the_host(toy: Machine) -> None:
    """What the host makes and reads crosses the DDR as what comes from outside does."""
    names = [
        tensor("image", 1, 32, 4, 4, dtype=DType.FLOAT32),
        tensor("x", 1, 32, 4, 4),
        tensor("a", 1, 32, 4, 4),
        tensor("y", 1, 32, 4, 4, dtype=DType.FLOAT32),
    ]
    operations: list[Operation] = [
        Quantize(name="q", inputs=("image",), outputs=("x",)),
        conv("c", "x", "a", "w"),
        FloatOp(name="n", inputs=("a",), outputs=("y",), op_type="Neg"),
    ]
    found = program_bound(program(names, operations, ("image",), ("y",)), toy)
    assert [op.name for op in found.host] == ["q", "n"]
    assert [op.transfer_bytes for op in found.operations] == [0, 512 + 9216 + 4 + 512, 0]
    assert found.macs == 16 * 288 * 32


def test_widths_without_passes_are_left_to_the_host(toy: Machine) -> None:
    names = [tensor(name, 1, 32, 4, 4, dtype=DType.INT16) for name in "xy"]
    chain: list[Operation] = [conv("c", "x", "y", "w")]
    wide = program(names, chain, ("x",), ("y",))
    (found,) = program_bound(wide, toy).operations
    assert (found.engine, found.busy_cycles) == (Engine.CONVOLUTION, 3 * 288)
    narrow = replace(toy, convolution=replace(toy.convolution, passes={8: 1}))
    left = program_bound(wide, narrow)
    assert [op.name for op in left.host] == ["c"]
    assert (left.cycles, left.macs, left.transfer_bytes) == (0, 0, 0)


def test_depthwise_convolutions_of_the_tensor_engine(toy: Machine) -> None:
    machine = replace(
        toy,
        convolution=replace(toy.convolution, depthwise=None),
        tensor=replace(toy.tensor, depthwise=DepthwiseArray(pixels=2, channels=16)),
    )
    names = [tensor(name, 1, 32, 4, 4) for name in "xy"]
    whole = program(names, [conv("c", "x", "y", "dw", groups=32)], ("x",), ("y",))
    weights = {**whole.constants, "dw": np.zeros((32, 1, 3, 3), np.int8)}
    (found,) = program_bound(replace(whole, constants=weights), machine).operations
    assert found.engine is Engine.TENSOR
    # 8 steps of positions, 9 of the kernel, 2 of channels, on 3 engines of 2 cores.
    assert (found.busy_cycles, found.compute_cycles) == (144, 24)
