"""Hook implementations of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tc_target_riscv.facts import SPEC
from toolchain.api import CompiledArtifact, CostModelDef, TargetDef, hookimpl

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest


@hookimpl
def tc_targets() -> list[TargetDef]:
    """The one target of this plugin."""
    return [TargetDef(spec=SPEC)]


@hookimpl
def tc_cost_models() -> list[CostModelDef]:
    """The model of the K1."""
    from tc_target_riscv.cost import K1

    return [K1]


@hookimpl
def tc_compile(request: CompileRequest) -> CompiledArtifact | None:
    """The `.q.onnx` for SpacemiT's runtime, its parameters, and the integer program."""
    from tc_target_riscv.package import write_package

    return write_package(request)
