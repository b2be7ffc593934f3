"""Hook implementations of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tc_target_riscv.facts import SPEC
from tc_target_riscv.native import RISCV_RUNNER, tools
from tc_target_riscv.options import RiscvOptions
from toolchain.api import CompiledArtifact, CostModelDef, TargetDef, hookimpl

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest
    from toolchain.plugin.runners import RunnerDef


@hookimpl
def tc_targets() -> list[TargetDef]:
    """The one target of this plugin."""
    return [TargetDef(spec=SPEC, options=RiscvOptions, tools=tools)]


@hookimpl
def tc_runners() -> list[RunnerDef]:
    """The binary in an emulator."""
    return [RISCV_RUNNER]


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
