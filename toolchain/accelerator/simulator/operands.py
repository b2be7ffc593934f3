"""Operands of instructions, whatever they compute."""

from __future__ import annotations

from dataclasses import fields

from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import View


def sources(at: Instruction) -> tuple[View, ...]:
    """All views that an instruction reads, in the order of its fields."""
    return tuple(view for _, view in named_sources(at))


def named_sources(at: Instruction) -> tuple[tuple[str, View], ...]:
    """The same with the names of their fields."""
    found = ((f.name, getattr(at, f.name)) for f in fields(at) if f.name != "target")
    return tuple((name, value) for name, value in found if isinstance(value, View))
