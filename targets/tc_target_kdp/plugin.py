"""Hook implementations of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tc_target_kdp.facts import SPEC
from tc_target_kdp.options import KdpOptions, configure
from toolchain.api import CompiledArtifact, CostModelDef, TargetDef, hookimpl

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest
    from toolchain.plugin.runners import RunnerDef


@hookimpl
def tc_targets() -> list[TargetDef]:
    """The one target of this plugin."""
    return [TargetDef(spec=SPEC, options=KdpOptions, configure=configure)]


@hookimpl
def tc_runners() -> list[RunnerDef]:
    """The compiled model, on a simulator of its machine."""
    from toolchain.plugin.machine_runner import machine_runner

    return [machine_runner("kdp", ("kdp",))]


@hookimpl
def tc_cost_models() -> list[CostModelDef]:
    """What the machines take, by chip."""
    from toolchain.accelerator.cost import machine_cost_models

    return machine_cost_models(SPEC)


@hookimpl
def tc_compile(request: CompileRequest) -> CompiledArtifact | None:
    """The QDQ model, its radix and scale tables, and the integer program."""
    from tc_target_kdp.package import write_package

    return write_package(request)
