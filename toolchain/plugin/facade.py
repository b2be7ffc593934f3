"""Typed stage hooks for one target.

Asked in this order: the plugin of the target, plugins that belong to no target, the defaults.
Plugins of other targets are never asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar, get_origin

from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.quant import QuantPlan
from toolchain.errors import Code, InternalError
from toolchain.plugin.answers import (
    broken_program,
    contradictory,
    unusable_model,
    unusable_plan,
)
from toolchain.plugin.declared import Findings
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

    @property
    def outsiders(self) -> tuple[str, ...]:
        """Those of them that do not come with the toolchain, as messages name them."""
        guards = (self._manager.guard(name) for name in self._order)
        return tuple(guard.provider for guard in guards if not guard.own)

    def optimize(self, request: OptimizeRequest) -> OptimizeResult:
        """Simplify the float model."""
        return self._first(
            "tc_optimize", request, OptimizeResult, lambda _: unusable_model(request.destination)
        )

    def plan(self, request: PlanRequest) -> QuantPlan:
        """Decide how values are stored."""
        return self._first(
            "tc_plan_quantization",
            request,
            QuantPlan,
            partial(unusable_plan, request),
        )

    def refine(self, request: RefineRequest) -> dict[str, Asked]:
        """Settle the mixed-precision rules."""
        return self._first("tc_refine_plan", request, dict[str, Asked])

    def quantize(self, request: QuantizeRequest) -> QuantizeResult:
        """Choose parameters and write the QDQ model."""
        return self._first(
            "tc_quantize", request, QuantizeResult, lambda _: unusable_model(request.destination)
        )

    def lower(self, request: LowerRequest) -> Program:
        """Make the integer program."""
        return self._first("tc_lower", request, Program, partial(broken_program, request))

    def compile(self, request: CompileRequest) -> CompiledArtifact:
        """Write the target's files."""
        return self._first("tc_compile", request, CompiledArtifact)

    def check(self, request: CheckRequest) -> CheckResult:
        """Compare the forms of the model."""
        return self._first("tc_check", request, CheckResult, contradictory)

    def _first(
        self,
        hook: str,
        request: object,
        declared: type[Result],
        further: Callable[[Result], Findings] | None = None,
    ) -> Result:
        """The first answer that is not None, checked for its types and by `further`."""
        kind = get_origin(declared) or declared
        place = f"hook {hook}"
        for name in self._order:
            guard, caller = self._manager.guard(name), self._manager.caller(hook, name)
            answer = guard.call(place, partial(caller, request=request))
            if answer is None:
                continue
            if not isinstance(answer, kind):
                raise guard.bad_return(place, answer, f"{kind.__name__} or None")
            guard.check(place, answer, declared)
            if further is not None and not guard.own:
                guard.refuse(place, further(answer))
            return answer
        raise InternalError(Code.INTERNAL, f"Nobody answered the hook {hook}")
