"""Every hook is specified, explained and tested."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from toolchain.plugin import facade, specs
from toolchain.plugin.manager import COLLECTING

HOOKS = {name: value for name, value in vars(specs).items() if name.startswith("tc_")}
HERE = Path(__file__).parent


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_text_with_an_example(name: str) -> None:
    text = inspect.getdoc(HOOKS[name])
    assert text is not None
    first, _, example = text.partition("\n\nExample:\n")
    assert first.endswith(".")
    assert "@hookimpl" in example
    assert f"def {name}(" in example


def test_examples_are_python() -> None:
    for name, hook in HOOKS.items():
        text = inspect.getdoc(hook) or ""
        compile(inspect.cleandoc(text.partition("Example:\n")[2]), name, "exec")


def test_every_hook_is_either_collected_or_answered_for_one_target() -> None:
    first = {name for name, hook in HOOKS.items() if hook.toolchain_spec["firstresult"]}
    assert set(COLLECTING) == set(HOOKS) - first
    asked = inspect.getsource(facade)
    assert {name for name in HOOKS if f'"{name}"' in asked} - set(COLLECTING) == first


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_test_here(name: str) -> None:
    tests: list[Any] = [*HERE.glob("test_*.py")]
    text = "".join(path.read_text() for path in tests if path.name != "test_specs.py")
    generated = [*COLLECTING] if "in COLLECTING" in text or "COLLECTING)" in text else []
    stages = ("optimize", "quantize", "lower", "compile", "check")
    generated += [f"tc_{stage}" for stage in stages if f'"{stage}"' in text]
    assert name in text or name in generated
