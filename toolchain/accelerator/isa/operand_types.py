"""Types and ranks of the operands of every instruction: docs/isa.md, Operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from toolchain.accelerator.isa.fields import DTYPES
from toolchain.accelerator.isa.instructions import (
    Blend,
    BlockedConvolve,
    Combine,
    Convolve,
    Copy,
    Extreme,
    Fill,
    Gather,
    Instruction,
    Lookup,
    Multiply,
    Normalize,
    Pool,
    Reduce,
    Scale,
    Softmax,
)
from toolchain.core.dtypes import DType


@dataclass(frozen=True, slots=True)
class Operand:
    """What a view may be.

    Attributes:
        dtypes: Types of its elements.
        rank: Its axes; None: any number.
    """

    dtypes: tuple[DType, ...]
    rank: int | None = None


BYTES = (DType.INT8, DType.UINT8)
NARROW = (*BYTES, DType.INT16, DType.UINT16)
WIDE = (*NARROW, DType.INT32)
INTEGERS = (*WIDE, DType.INT64)
RESULTS = (*INTEGERS, DType.FLOAT32)

_ANY = Operand(DTYPES)
_MAP = Operand(NARROW, 4)
_VECTOR = Operand((DType.INT32,), 1)
_FACTORS = Operand((DType.FLOAT32,), 1)

OPERANDS: Mapping[type[Instruction], Mapping[str, Operand]] = MappingProxyType(
    {
        Copy: {"target": _ANY, "source": _ANY},
        Fill: {"target": _ANY},
        Gather: {"target": _ANY, "source": _ANY, "indices": _VECTOR},
        Convolve: {
            "target": Operand(RESULTS, 4),
            "source": _MAP,
            "weights": _MAP,
            "weight_zero": _VECTOR,
            "bias": _VECTOR,
            "factor": _FACTORS,
        },
        Multiply: {
            "target": Operand(RESULTS, 3),
            "a": Operand(NARROW, 3),
            "b": Operand(NARROW, 3),
            "b_zero": _VECTOR,
            "bias": _VECTOR,
            "factor": _FACTORS,
        },
        Pool: {"target": Operand(INTEGERS, 4), "source": Operand(WIDE, 4)},
        Combine: {"target": Operand(INTEGERS), "a": Operand(WIDE), "b": Operand(WIDE)},
        Lookup: {"target": _ANY, "source": Operand(NARROW), "table": _ANY},
        Scale: {
            "target": Operand(INTEGERS),
            "source": Operand(INTEGERS),
            "negative": Operand((DType.FLOAT32,)),
        },
        Reduce: {"target": Operand(INTEGERS), "source": Operand(INTEGERS)},
        Extreme: {"target": Operand((DType.INT64,)), "source": Operand(INTEGERS)},
        Softmax: {
            "target": Operand(INTEGERS),
            "source": Operand(NARROW),
            "exponentials": _VECTOR,
            "low": _VECTOR,
        },
        Normalize: {
            "target": Operand(INTEGERS),
            "source": Operand(NARROW),
            "gain": Operand((DType.FLOAT32,)),
            "offset": Operand((DType.FLOAT32,)),
        },
        Blend: {
            "target": Operand(INTEGERS, 4),
            "source": _MAP,
            "row_low": _VECTOR,
            "row_high": _VECTOR,
            "row_weights": _FACTORS,
            "column_low": _VECTOR,
            "column_high": _VECTOR,
            "column_weights": _FACTORS,
        },
        BlockedConvolve: {
            "target": Operand(RESULTS, 4),
            "source": _MAP,
            "weights": _MAP,
            "weight_zero": Operand((DType.INT32,), 4),
            "bias": _FACTORS,
            "factor": Operand((DType.FLOAT32,), 4),
        },
    }
)
"""By instruction and field."""
