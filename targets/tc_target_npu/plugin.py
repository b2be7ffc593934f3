"""Hook implementations of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tc_target_npu.facts import SPEC
from tc_target_npu.options import NpuOptions, configure
from toolchain.api import CompiledArtifact, CostModelDef, TargetDef, hookimpl

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest
    from toolchain.plugin.runners import RunnerDef


@hookimpl
def tc_targets() -> list[TargetDef]:
    """The one target of this plugin."""
    return [TargetDef(spec=SPEC, options=NpuOptions, configure=configure)]


@hookimpl
def tc_runners() -> list[RunnerDef]:
    """The compiled model, on a simulator of its machine."""
    from toolchain.plugin.machine_runner import machine_runner

    return [machine_runner("npu", ("npu",))]


@hookimpl
def tc_cost_models() -> list[CostModelDef]:
    """What the machines take, by chip."""
    from toolchain.accelerator.cost import machine_cost_models

    return machine_cost_models(SPEC)


@hookimpl
def tc_compile(request: CompileRequest) -> CompiledArtifact | None:
    """The model, parameters and build description for pulsar2, and the integer program."""
    from tc_target_npu.package import write_package

    return write_package(request)
