"""In which order the axes of tensors lie in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.views import Order, channels_last, row_major
from toolchain.program.records import (
    Binary,
    BlockedConv,
    Conv,
    ConvTranspose,
    Move,
    MoveKind,
    Pool,
    Rescale,
    Resize,
    Slope,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.program.records import Operation, Program

_KEEPING = frozenset(
    {
        MoveKind.SLICE,
        MoveKind.SPLIT,
        MoveKind.CONCAT,
        MoveKind.PAD,
        MoveKind.EXPAND,
        MoveKind.TILE,
        MoveKind.COPY,
        MoveKind.DEPTH_TO_SPACE,
        MoveKind.SPACE_TO_DEPTH,
    }
)


def orders(program: Program) -> Mapping[str, Order]:
    """Channels last for tensors that windows step over and all that come from them or go there.

    Other tensors are row-major. Operations on elements read and write one order, so that nothing
    is rearranged but where a movement does so anyway.
    """
    parents = {name: name for name in program.tensors}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    spatial: set[str] = set()
    for op in program.operations:
        names = [n for n in (*op.inputs, *op.outputs) if n in parents]
        if isinstance(op, (BlockedConv, Conv, ConvTranspose, Pool, Resize)):
            spatial.update(names)
        if _keeps(op):
            ranked = [n for n in names if len(program.tensors[n].shape) > 2]
            for name in ranked[1:]:
                if len(program.tensors[name].shape) == len(program.tensors[ranked[0]].shape):
                    parents[root(name)] = root(ranked[0])
    wanted = {root(name) for name in spatial}
    return {
        name: channels_last(len(tensor.shape))
        if root(name) in wanted and len(tensor.shape) > 2
        else row_major(len(tensor.shape))
        for name, tensor in program.tensors.items()
    }


def _keeps(op: Operation) -> bool:
    if isinstance(op, Move):
        return op.kind in _KEEPING
    return isinstance(
        op, (Binary, BlockedConv, Conv, ConvTranspose, Pool, Rescale, Resize, Slope, Table)
    )
