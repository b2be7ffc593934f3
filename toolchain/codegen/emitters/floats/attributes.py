"""Attributes of float operators, with ONNX's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from toolchain.program.records import FloatOp


def integer(op: FloatOp, name: str, default: int) -> int:
    """An attribute of one integer."""
    value = op.attributes.get(name, default)
    return value if isinstance(value, int) else default


def number(op: FloatOp, name: str, default: float) -> np.float32:
    """An attribute of one number, which ONNX stores as float32."""
    value = op.attributes.get(name, default)
    return np.float32(value if isinstance(value, (int, float)) else default)


def text(op: FloatOp, name: str, default: str) -> str:
    """An attribute of one word."""
    return str(op.attributes.get(name, default))


def integers(op: FloatOp, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """An attribute of several integers."""
    value = op.attributes.get(name)
    return tuple(int(item) for item in value) if isinstance(value, tuple) else default
