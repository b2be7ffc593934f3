from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tc_target_npu.facts import SPEC as NPU
from toolchain.core.target import Platform
from toolchain.errors import Code, ConfigError, PluginError
from toolchain.plugin.manager import COLLECTING, PluginManager


def problem_of(caught: pytest.ExceptionInfo[PluginError]) -> Any:
    (problem,) = caught.value.problems
    return problem


def test_records_come_with_their_owner(manager: Any, plugin: Any, method: Any) -> None:
    found = manager(
        one=plugin(tc_range_methods=lambda: [method("a"), method("b")]),
        two=plugin(tc_range_methods=lambda: (method("c"),)),
    )
    assert list(found.range_methods()) == ["a", "b", "c"]
    assert found.owner("tc_range_methods", "c") == "two"
    assert found.provider("two") == "two (two-dist 1.2)"
    assert found.version("two") == "1.2"
    assert found.names() == ("one", "two")
    assert found.describe()[0].provides == ("range_methods: a", "range_methods: b")


@pytest.mark.parametrize("hook", COLLECTING)
def test_every_collecting_hook_is_asked_and_checked(manager: Any, plugin: Any, hook: str) -> None:
    found = manager(wrong=plugin(**{hook: lambda: ["text"]}))
    accessor = getattr(found, hook.removeprefix("tc_"))
    with pytest.raises(PluginError) as caught:
        accessor()
    problem = problem_of(caught)
    assert problem.code == Code.PLUGIN_BAD_RETURN
    assert problem.where == f"wrong (wrong-dist 1.2), hook {hook}"
    assert problem.got == "str: text"
    assert problem.allowed == COLLECTING[hook].__name__


def test_all_that_is_wrong_with_a_machine(manager: Any, plugin: Any, target: Any) -> None:
    """One error for figures that do not agree, and before that one for types."""
    machine = NPU.platforms[0].machines[0]

    def refused(**changes: Any) -> Any:
        chip = Platform(name="p", summary="p", machines=(replace(machine, **changes),))
        made = target("chip")
        wrong = replace(made, spec=replace(made.spec, platforms=(chip,)))
        with pytest.raises(PluginError) as caught:
            manager(wrong=plugin(tc_targets=lambda: [wrong])).targets()
        return [
            (each.code, each.where.split(", ", 2)[2], each.got, each.allowed)
            for each in caught.value.problems
        ]

    code, place = Code.PLUGIN_BAD_RETURN, "target chip, machine ax650-npu1"
    assert refused(cores=0, sync_cycles=-1) == [
        (code, f"{place}, cores", "0", "at least 1"),
        (code, f"{place}, sync_cycles", "-1", "at least 0"),
    ]
    assert refused(clock_mhz=732.5, ddr=None) == [
        (code, "spec.platforms[0].machines[0].clock_mhz", "float: 732.5", "int"),
        (code, "spec.platforms[0].machines[0].ddr", "NoneType: None", "Ddr"),
    ]


def test_an_answer_that_is_no_list(manager: Any, plugin: Any, method: Any) -> None:
    found = manager(wrong=plugin(tc_range_methods=lambda: method("a")))
    with pytest.raises(PluginError) as caught:
        found.range_methods()
    assert problem_of(caught).allowed == "a list of RangeMethodDef"


def test_a_hook_is_asked_once_and_only_when_needed(manager: Any, plugin: Any, method: Any) -> None:
    asked: list[str] = []

    def methods() -> Any:
        asked.append("methods")
        yield method("a")

    found = manager(one=plugin(tc_range_methods=methods, tc_metrics=lambda: asked.append("never")))
    assert asked == []
    assert list(found.range_methods()) == list(found.range_methods()) == ["a"]
    assert asked == ["methods"]


@pytest.mark.parametrize("raised", [KeyError("x"), SystemExit(3), FileNotFoundError("data.bin")])
@pytest.mark.parametrize("lazily", [False, True])
def test_a_plugin_that_raises(
    manager: Any, plugin: Any, raised: BaseException, lazily: bool
) -> None:
    def methods() -> Any:
        raise raised

    def generated() -> Any:
        yield from methods()

    found = manager(bad=plugin(tc_range_methods=generated if lazily else methods))
    with pytest.raises(PluginError) as caught:
        found.range_methods()
    problem = problem_of(caught)
    assert problem.code == Code.PLUGIN_RAISED
    assert problem.message == f"The plugin raised {type(raised).__name__}: {raised}"
    assert problem.where == "bad (bad-dist 1.2), hook tc_range_methods"


def test_two_records_of_one_name(manager: Any, plugin: Any, method: Any) -> None:
    found = manager(
        one=plugin(tc_range_methods=lambda: [method("a"), method("b")]),
        two=plugin(tc_range_methods=lambda: [method("b"), method("a")]),
    )
    with pytest.raises(PluginError) as caught:
        found.range_methods()
    assert [problem.message for problem in caught.value.problems] == [
        "Two plugins provide `b`",
        "Two plugins provide `a`",
    ]
    for problem in caught.value.problems:
        assert problem.code == Code.PLUGIN_CONFLICT
        assert problem.got == "one (one-dist 1.2) and two (two-dist 1.2)"


def test_two_plugins_of_one_name(row: Any) -> None:
    rows = (row("x", distribution="first"), row("x", distribution="second"))
    with pytest.raises(PluginError) as caught:
        PluginManager((one, ModuleType(one.distribution)) for one in rows)
    problem = problem_of(caught)
    assert (problem.code, problem.message) == (Code.PLUGIN_CONFLICT, "Two plugins are called `x`")
    assert problem.got == "x (first 1.2) and x (second 1.2)"


def test_a_misspelt_hook(manager: Any, plugin: Any) -> None:
    with pytest.raises(PluginError) as caught:
        manager(bad=plugin(tc_compil=lambda request: request))
    problem = problem_of(caught)
    assert problem.code == Code.PLUGIN_UNKNOWN_HOOK
    assert problem.where == "bad (bad-dist 1.2)"
    assert "tc_compil" in problem.got


def test_an_argument_that_the_hook_does_not_have(manager: Any, plugin: Any) -> None:
    with pytest.raises(PluginError) as caught:
        manager(bad=plugin(tc_compile=lambda reqest: reqest))
    problem = problem_of(caught)
    assert problem.code == Code.PLUGIN_UNKNOWN_HOOK
    assert "reqest" in problem.got


def test_a_function_without_the_marker_is_no_hook(manager: Any, method: Any) -> None:
    module = ModuleType("plugin")
    vars(module)["tc_range_methods"] = lambda: [method("a")]
    assert manager(one=module).range_methods() == {}


class TestPluginsThatCannotBeImported:
    @pytest.fixture
    def found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginManager]:
        """A manager of real entry points, two of them broken."""
        (tmp_path / "good_plugin.py").write_text("")
        (tmp_path / "broken_plugin.py").write_text("import a_library_nobody_has")
        (tmp_path / "leaving_plugin.py").write_text("raise SystemExit(0)")
        monkeypatch.syspath_prepend(tmp_path)
        points = [
            EntryPoint(name, f"{name}_plugin", "toolchain.plugins")
            for name in ("leaving", "good", "broken")
        ]
        monkeypatch.setattr("toolchain.plugin.manager.entry_points", lambda group: points)  # noqa: ARG005
        yield PluginManager.load()
        for name in ("good_plugin", "broken_plugin", "leaving_plugin"):
            sys.modules.pop(name, None)

    def test_are_rows_with_the_error(self, found: PluginManager) -> None:
        assert [row.name for row in found.describe()] == ["broken", "good", "leaving"]
        assert found.names() == ("good",)
        errors = {row.name: row.error for row in found.broken()}
        assert errors == {
            "broken": "ModuleNotFoundError: No module named 'a_library_nobody_has'",
            "leaving": "SystemExit: 0",
        }
        assert found.targets() == {}

    def test_are_an_error_if_their_target_is_asked_for(self, found: PluginManager) -> None:
        found.require_targets(["good", "other"])
        with pytest.raises(PluginError) as caught:
            found.require_targets(["good", "broken"])
        problem = problem_of(caught)
        assert problem.code == Code.PLUGIN_IMPORT
        assert problem.message == "Plugin `broken` cannot be imported"
        assert problem.got == "ModuleNotFoundError: No module named 'a_library_nobody_has'"
        assert caught.value.exit_code == 6


def test_a_broken_plugin_whose_target_another_one_provides(
    row: Any, plugin: Any, target: Any
) -> None:
    rows = [
        (row("board", error="ImportError: x"), None),
        (row("other"), plugin(tc_targets=lambda: [target("board")])),
    ]
    PluginManager(rows).require_targets(["board"])


def test_our_own_errors_pass_through(manager: Any, plugin: Any) -> None:
    def methods() -> Any:
        raise ConfigError(Code.BAD_VALUE, "Mine")

    with pytest.raises(ConfigError, match="Mine"):
        manager(one=plugin(tc_range_methods=methods)).range_methods()


def test_who_provides_records(manager: Any, plugin: Any, method: Any, target: Any) -> None:
    found = manager(
        board=plugin(tc_targets=lambda: [target("board")]),
        idle=plugin(),
        methods=plugin(tc_range_methods=lambda: [method("a")]),
    )
    assert found.providers() == ("methods",)
