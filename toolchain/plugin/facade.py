"""Typed stage hooks for one target.

Asked in this order: the plugin of the target, plugins that belong to no target, the defaults.
Plugins of other targets are never asked.
"""

from __future__ import annotations

from typing import TypeVar

from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.quant import QuantPlan
from toolchain.errors import Code, InternalError
from toolchain.plugin.manager import PluginManager, bad_return, guarded
from toolchain.plugin.requests import (
    CheckRequest,
    CheckResult,
    CompileRequest,
    LowerRequest,
    OptimizeRequest,
    OptimizeResult,
    PlanRequest,
    QuantizeRequest,
    QuantizeResult,
    RefineRequest,
)
from toolchain.program.records import Program
from toolchain.quantization.rules import Asked

Result = TypeVar("Result")

DEFAULTS = "defaults"
"""Entry-point name of the plugin that answers last."""


class TargetHooks:
    """The stage hooks as the selected target answers them."""

    def __init__(self, manager: PluginManager, target: str) -> None:
        self._manager = manager
        owners = {name: manager.owner("tc_targets", name) for name in manager.targets()}
        mine = owners[target]
        others = set(owners.values()) - {mine, DEFAULTS}
        excluded = others | {mine, DEFAULTS}
        independent = [name for name in manager.names() if name not in excluded]
        self._order = tuple(dict.fromkeys((mine, *independent, DEFAULTS)))

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the plugins that are asked, in order."""
        return self._order

    def optimize(self, request: OptimizeRequest) -> OptimizeResult:
        """Simplify the float model."""
        return self._first("tc_optimize", request, OptimizeResult)

    def plan(self, request: PlanRequest) -> QuantPlan:
        """Decide how values are stored."""
        return self._first("tc_plan_quantization", request, QuantPlan)

    def refine(self, request: RefineRequest) -> dict[str, Asked]:
        """Settle the mixed-precision rules."""
        return self._first("tc_refine_plan", request, dict)

    def quantize(self, request: QuantizeRequest) -> QuantizeResult:
        """Choose parameters and write the QDQ model."""
        return self._first("tc_quantize", request, QuantizeResult)

    def lower(self, request: LowerRequest) -> Program:
        """Make the integer program."""
        return self._first("tc_lower", request, Program)

    def compile(self, request: CompileRequest) -> CompiledArtifact:
        """Write the target's files."""
        return self._first("tc_compile", request, CompiledArtifact)

    def check(self, request: CheckRequest) -> CheckResult:
        """Compare the forms of the model."""
        return self._first("tc_check", request, CheckResult)

    def _first(self, hook: str, request: object, kind: type[Result]) -> Result:
        """The first answer that is not None, checked for its type."""
        pm = self._manager.pluggy
        for name in self._order:
            plugin = pm.get_plugin(name)
            if plugin is None or not hasattr(plugin, hook):
                continue
            others = [p for p in pm.get_plugins() if p is not plugin]
            caller = pm.subset_hook_caller(hook, others)
            provider = self._manager.provider(name)
            answer = guarded(provider, hook, lambda call=caller: call(request=request))
            if answer is None:
                continue
            if not isinstance(answer, kind):
                raise bad_return(provider, hook, answer, f"{kind.__name__} or None")
            return answer
        raise InternalError(Code.INTERNAL, f"Nobody answered the hook {hook}")
