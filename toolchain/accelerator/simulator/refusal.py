"""Errors of code that a machine cannot execute."""

from __future__ import annotations

from toolchain.errors import Code, CompileError


def refuse(
    message: str,
    *,
    where: str | None = None,
    got: object = None,
    allowed: str | None = None,
    hint: str | None = None,
) -> CompileError:
    """The error of code that breaks a rule of the machine."""
    return CompileError(
        Code.MACHINE_CODE_INVALID, message, where=where, got=got, allowed=allowed, hint=hint
    )
