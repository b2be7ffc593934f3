"""Typed stage hooks for one target.

Asked in this order: the plugin of the target, plugins that belong to no target, the defaults.
Plugins of other targets are never asked.
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.quant import QuantPlan
from toolchain.errors import Code, InternalError
from toolchain.plugin.manager import PluginManager
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
        names = manager.names()
        independent = [name for name in names if name not in others | {mine, DEFAULTS}]
        defaults = [name for name in names if name == DEFAULTS]
        self._order = tuple(dict.fromkeys((mine, *independent, *defaults)))

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the plugins that are asked, in order."""
        return self._order

    def own(self, hook: str) -> bool:
        """True if somebody but the defaults may answer `hook`, for this target in particular."""
        asked = (name for name in self._order if name != DEFAULTS)
        return any(self._manager.implements(name, hook) for name in asked)

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
        for name in self._order:
            guard, caller = self._manager.guard(name), self._manager.caller(hook, name)
            answer = guard.call(f"hook {hook}", partial(caller, request=request))
            if answer is None:
                continue
            if not isinstance(answer, kind):
                raise guard.bad_return(f"hook {hook}", answer, f"{kind.__name__} or None")
            return answer
        raise InternalError(Code.INTERNAL, f"Nobody answered the hook {hook}")
