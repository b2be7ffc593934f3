from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import toolchain
import toolchain.api
from toolchain.plugin import requests, specs
from toolchain.render.hooks_page import hooks_page, public_names

HOOKS = [name for name in vars(specs) if name.startswith("tc_")]


@pytest.fixture(scope="module")
def page() -> str:
    return hooks_page()


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_stands_there_as_it_is_written(page: str, name: str) -> None:
    written = Path(str(specs.__file__)).read_text(encoding="utf-8")
    match = re.search(rf"^(def {name}\(.*\) -> [^:]*):", written, re.MULTILINE)
    assert match is not None
    block = page.partition(f"### {name}\n\n")[2].partition("\n### ")[0]
    assert block.startswith(f"```python\n{match[1]}\n```\n\n")
    assert f"```python\n@hookimpl\ndef {name}(" in block


def test_records_show_their_fields(page: str) -> None:
    block = page.partition("### QuantizeRequest\n")[2].partition("\n### ")[0]
    for field in fields(requests.QuantizeRequest):
        assert f"| `{field.name}: {field.type}` | " in block
    assert "| `threads: int` | Threads of further sweeps; 0 takes one per core. |" in block
    assert "| `phase: int = 50` | Passes run in the order of their phase," in page
    assert "`Callable[[Any], bool]`: Rewrites an `onnx_ir.Model` in place;" in page


def test_public_names_are_listed_sorted_and_documented(page: str) -> None:
    names = list(toolchain.api.__all__)
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), name))
    assert {name for name in vars(toolchain.api) if not name.startswith("_")} == set(names)
    assert list(public_names()) == names
    for name, text in public_names().items():
        assert text, f"{name} has no documentation"
        assert f"| `{name}` | " in page


def test_the_package_offers_the_work_of_the_commands() -> None:
    assert list(toolchain.__all__) == sorted(toolchain.__all__)
    for name in toolchain.__all__:
        assert getattr(toolchain, name).__doc__, name
    assert str(toolchain.build.__doc__).startswith("Build a model")
    assert str(toolchain.analyze.__doc__).startswith("Say how far every layer")
    with pytest.raises(AttributeError):
        _ = toolchain.nothing
