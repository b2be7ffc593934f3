from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.quant import QuantPlan
from toolchain.errors import Code, CompileError, InternalError, PluginError
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.manager import PluginManager

STAGES = ("optimize", "plan", "refine", "quantize", "lower", "compile", "check")
HOOKS = {
    "plan": "tc_plan_quantization",
    "refine": "tc_refine_plan",
    **{name: f"tc_{name}" for name in ("optimize", "quantize", "lower", "compile", "check")},
}


def artifact(name: str) -> CompiledArtifact:
    return CompiledArtifact(folder=Path(), files={}, program=name)


class Asked:
    """Plugins that write down that they were asked."""

    def __init__(self, plugin: Any, target: Any) -> None:
        self.order: list[str] = []
        self._plugin, self._target = plugin, target

    def plugin(self, name: str, answer: Any, *targets: str) -> Any:
        def compiled(request: object) -> Any:  # noqa: ARG001 - the hook's argument
            self.order.append(name)
            return answer

        hooks = {"tc_compile": compiled}
        if targets:
            hooks["tc_targets"] = lambda: [self._target(one) for one in targets]
        return self._plugin(**hooks)


@pytest.fixture
def asked(plugin: Any, target: Any) -> Asked:
    return Asked(plugin, target)


def test_target_first_then_independent_then_defaults(manager: Any, asked: Asked) -> None:
    found = manager(
        defaults=asked.plugin("defaults", artifact("default")),
        free=asked.plugin("free", None),
        npu=asked.plugin("npu", artifact("npu"), "npu"),
        other=asked.plugin("other", None),
        riscv=asked.plugin("riscv", None, "riscv", "riscv2"),
    )
    hooks = TargetHooks(found, "riscv2")
    assert hooks.plugins == ("riscv", "free", "other", "defaults")
    assert hooks.compile(None).program == "default"
    assert asked.order == ["riscv", "free", "other", "defaults"]
    asked.order.clear()
    assert TargetHooks(found, "npu").compile(None).program == "npu"
    assert asked.order == ["npu"]


def test_a_plugin_without_the_hook_is_not_asked(manager: Any, asked: Asked, plugin: Any) -> None:
    found = manager(
        board=asked.plugin("board", None, "board"),
        silent=plugin(),
        free=asked.plugin("free", artifact("free")),
    )
    assert TargetHooks(found, "board").compile(None).program == "free"
    assert asked.order == ["board", "free"]


def test_nobody_answers(manager: Any, asked: Asked) -> None:
    hooks = TargetHooks(manager(board=asked.plugin("board", None, "board")), "board")
    with pytest.raises(InternalError, match="Nobody answered the hook tc_compile"):
        hooks.compile(None)


@pytest.mark.parametrize("stage", STAGES)
def test_a_wrong_return_type(manager: Any, plugin: Any, target: Any, stage: str) -> None:
    hooks = {"tc_targets": lambda: [target("board")], HOOKS[stage]: lambda request: "text"}  # noqa: ARG005
    found = TargetHooks(manager(board=plugin(**hooks)), "board")
    with pytest.raises(PluginError) as caught:
        getattr(found, stage)(None)
    (problem,) = caught.value.problems
    assert problem.code == Code.PLUGIN_BAD_RETURN
    assert problem.where == f"board (board-dist 1.2), hook {HOOKS[stage]}"
    assert problem.got == "str: text"
    assert problem.allowed.endswith(" or None")


@pytest.mark.parametrize("stage", STAGES)
def test_a_plugin_that_raises(manager: Any, plugin: Any, target: Any, stage: str) -> None:
    def fail(request: object) -> None:  # noqa: ARG001 - the hook's argument
        raise ZeroDivisionError("no")

    hooks = {"tc_targets": lambda: [target("board")], HOOKS[stage]: fail}
    found = TargetHooks(manager(board=plugin(**hooks)), "board")
    with pytest.raises(PluginError) as caught:
        getattr(found, stage)(None)
    assert caught.value.code == Code.PLUGIN_RAISED
    assert f"hook {HOOKS[stage]}" in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_our_own_errors_pass_through(manager: Any, plugin: Any, target: Any) -> None:
    def fail(request: object) -> None:  # noqa: ARG001 - the hook's argument
        raise CompileError(Code.LOWERING_FAILED, "No such board")

    hooks = {"tc_targets": lambda: [target("board")], "tc_compile": fail}
    with pytest.raises(CompileError, match="No such board"):
        TargetHooks(manager(board=plugin(**hooks)), "board").compile(None)


def test_what_our_own_plugins_raise_is_a_bug(row: Any, plugin: Any, target: Any) -> None:
    def fail(request: object) -> None:  # noqa: ARG001 - the hook's argument
        raise ZeroDivisionError("ours")

    hooks = {"tc_targets": lambda: [target("board")], "tc_compile": fail}
    found = PluginManager([(row("board", distribution="toolchain"), plugin(**hooks))])
    with pytest.raises(ZeroDivisionError):
        TargetHooks(found, "board").compile(None)


def test_a_plugin_wraps_the_default(manager: Any, plugin: Any, target: Any) -> None:
    def default(request: Any) -> QuantPlan:  # noqa: ARG001 - the hook's argument
        return QuantPlan()

    def wrapper(request: Any) -> QuantPlan:
        return default(request).with_changes(specs={"x": target("t").spec.activation})

    found = manager(
        board=plugin(tc_targets=lambda: [target("board")]),
        free=plugin(tc_plan_quantization=wrapper),
        defaults=plugin(tc_plan_quantization=default),
    )
    graph = SimpleNamespace(values={"x": SimpleNamespace(is_constant=False)}, nodes=())
    request: Any = SimpleNamespace(graph=graph, target=target("board").spec, fixed={})
    assert set(TargetHooks(found, "board").plan(request).specs) == {"x"}
