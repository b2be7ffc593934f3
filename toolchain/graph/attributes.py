"""Attributes of onnx_ir nodes with ONNX's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx_ir as ir


def int_of(node: ir.Node, name: str, default: int) -> int:
    """Integer attribute or its default."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def float_of(node: ir.Node, name: str, default: float) -> float:
    """Float attribute or its default."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_float()


def str_of(node: ir.Node, name: str, default: str) -> str:
    """String attribute or its default."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_string()


def ints_of(node: ir.Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """Attribute of several integers or its default."""
    attribute = node.attributes.get(name)
    return default if attribute is None else tuple(attribute.as_ints())
