"""A small compiled model, made by hand: float32 (n, 3), halved as integers on a machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.accelerator.container.records import (
    Container,
    HostSegment,
    MachineSegment,
    Port,
    Variant,
)
from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.instructions import Copy, Lookup
from toolchain.accelerator.isa.operands import Engine, Queue, Space, View, Wait
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Dequantize, FloatOp, Operation, Program, Quantize, Tensor

MACHINE = "toy-2"
TABLE_AT, HALVES_AT, OUTPUT_AT = 64, 512, 16
TRANSFERS, TENSORS = Queue(0, Engine.TRANSFER, 0), Queue(0, Engine.TENSOR, 0)


def sample_container(batches: Sequence[int] = (1, 2), groups: int = 1) -> Container:
    """Input x float32 (n, 3); q = round(2 * x), h = floor(q / 2), output y = h / 2 + bias, float32.

    The table lies in the constants at 64, with zeros before it. `h` leaves the machine with its
    axes swapped, 16 bytes behind the begin of the outputs.
    """
    halves = (np.arange(-128, 128) // 2).astype(np.int8)
    return Container(
        name="sample",
        machine=MACHINE,
        constants=bytes(TABLE_AT) + halves.tobytes(),
        variants=tuple(
            Variant(
                group=group,
                batch=batch,
                inputs=("x",),
                outputs=("y",),
                segments=(_quantize(batch), _machine(batch), _dequantize(batch)),
            )
            for group in range(groups)
            for batch in sorted(batches)
        ),
    )


def _machine(batch: int) -> MachineSegment:
    shape = (batch, 3)
    return MachineSegment(
        code=_code(batch),
        inputs=(Port(name="q", dtype=DType.INT8, shape=shape, order=(0, 1), offset=0),),
        outputs=(Port(name="h", dtype=DType.INT8, shape=shape, order=(1, 0), offset=OUTPUT_AT),),
    )


def _code(batch: int) -> Code:
    """Copy q in, the table in, look up, copy h out with its axes swapped."""
    q, h = _view(Space.MEMORY, batch), _view(Space.MEMORY, batch, 128)
    swapped = _view(Space.OUTPUT, batch, OUTPUT_AT, strides=(1, batch))
    looked_up = Lookup(
        operation=0,
        waits=(Wait(TRANSFERS, 2),),
        target=h,
        source=q,
        table=_table(Space.MEMORY, HALVES_AT),
    )
    first, last = _columns(h, 0, 2), _columns(h, 2, 3)
    return Code(
        machine=MACHINE,
        operations=("halve",),
        queues={
            TRANSFERS: (
                Copy(operation=0, target=q, source=_view(Space.INPUT, batch)),
                Copy(
                    operation=0,
                    target=_table(Space.MEMORY, HALVES_AT),
                    source=_table(Space.CONSTANTS, TABLE_AT),
                ),
                Copy(operation=0, waits=(Wait(TENSORS, 1),), target=swapped, source=h),
            ),
            TENSORS: (looked_up,),
        },
        sizes={
            Space.CONSTANTS: TABLE_AT + 256,
            Space.INPUT: 3 * batch,
            Space.OUTPUT: OUTPUT_AT + 3 * batch,
            Space.MEMORY: 1024,
        },
        probes=(
            Probe(queue=TENSORS, index=0, tensor="h", starts=(0, 0), view=first),
            Probe(queue=TENSORS, index=0, tensor="h", starts=(0, 2), view=last),
        ),
    )


def _view(space: Space, batch: int, offset: int = 0, strides: tuple[int, int] = (3, 1)) -> View:
    return View(space=space, offset=offset, dtype=DType.INT8, shape=(batch, 3), strides=strides)


def _columns(view: View, begin: int, end: int) -> View:
    return View(
        space=view.space,
        offset=view.offset + begin,
        dtype=view.dtype,
        shape=(view.shape[0], end - begin),
        strides=view.strides,
    )


def _table(space: Space, offset: int) -> View:
    return View(space=space, offset=offset, dtype=DType.INT8, shape=(256,), strides=(1,))


def _quantize(batch: int) -> HostSegment:
    quantize = Quantize(name="quantize", inputs=("x",), outputs=("q",))
    return HostSegment(
        program=_program("sample.0", batch, ("x",), ("q",), quantize),
        reasons={"quantize": "turns float numbers into integers"},
    )


def _dequantize(batch: int) -> HostSegment:
    dequantize = Dequantize(name="dequantize", inputs=("h",), outputs=("d",))
    add = FloatOp(
        name="add", inputs=("d", ""), outputs=("y",), op_type="Add", constants={1: "bias"}
    )
    return HostSegment(
        program=_program("sample.2", batch, ("h",), ("d", "y"), dequantize, add),
        reasons={
            "add": "Add is computed in float",
            "dequantize": "turns integers into float numbers",
        },
    )


def _program(
    name: str, batch: int, inputs: tuple[str, ...], written: tuple[str, ...], *ops: Operation
) -> Program:
    tensors = {
        each: Tensor(name=each, dtype=DType.INT8, shape=(batch, 3), scale=0.5)
        if each in "qh"
        else Tensor(name=each, dtype=DType.FLOAT32, shape=(batch, 3))
        for each in (*inputs, *written)
    }
    bias = np.array([10, 20, 30], np.float32)
    return Program(
        name=name,
        rounding=Rounding.HALF_EVEN,
        inputs=inputs,
        outputs=written[-1:],
        tensors=tensors,
        constants={"bias": bias} if "y" in written else {},
        operations=ops,
    )
