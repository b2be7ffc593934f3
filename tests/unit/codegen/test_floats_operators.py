"""Every float operator that programs may hold has an emitter."""

from __future__ import annotations

from toolchain.codegen.emitters.floats import FLOAT_OPS
from toolchain.program.float_ops import SUPPORTED


def test_every_operator_of_the_definition_has_an_emitter() -> None:
    assert set(FLOAT_OPS) == SUPPORTED
