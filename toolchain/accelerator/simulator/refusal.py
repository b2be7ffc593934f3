"""Errors of code that a machine cannot execute."""

from __future__ import annotations

from toolchain.errors import Code, CompileError, Problem


def refusal(message: str, *, where: str, got: object, allowed: str) -> Problem:
    """One rule of the machine that code breaks."""
    return Problem(
        code=Code.MACHINE_CODE_INVALID, message=message, where=where, got=str(got), allowed=allowed
    )


def refuse(
    message: str, *, where: str | None = None, got: object = None, allowed: str | None = None
) -> CompileError:
    """The error of code that breaks one rule."""
    return CompileError(Code.MACHINE_CODE_INVALID, message, where=where, got=got, allowed=allowed)
