from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolchain.pipeline.digests import canonical, key, library_versions, source_digest
from toolchain.plugin.manager import PluginManager, PluginRow


class Kind(Enum):
    ONE = "one"


@dataclass(frozen=True)
class Record:
    name: str
    kind: Kind
    values: tuple[Any, ...]


def test_canonical_text() -> None:
    record = Record("a", Kind.ONE, (1, 2.5, None, True, {"b": 1, "a": Path("x/y")}, {"q", "p"}))
    assert canonical(record) == (
        '{"kind":"one","name":"a","values":[1,2.5,null,true,{"a":"x/y","b":1},["p","q"]]}'
    )


def test_keys_tell_parts_apart() -> None:
    parts: list[tuple[Any, ...]] = [
        ("a", "b"),
        ("ab",),
        (["a", "b"],),
        ("a", None),
        ("a", 1),
        ("a", "1"),
        (),
    ]
    found = {key(*part) for part in parts}
    assert len(found) == len(parts)
    assert all(len(text) == 32 for text in found)
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})


def test_versions_of_what_can_change_a_result() -> None:
    versions = library_versions()
    assert {"python", "numpy", "onnx", "onnxruntime"} <= set(versions)
    assert "none" not in versions.values()


@pytest.fixture
def digest(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], str]:
    """Digest of the source of one plugin's module."""

    def make(module: ModuleType) -> str:
        row = PluginRow(name="p", distribution="d", version="1")
        return source_digest(PluginManager([(row, module)]), ["p"])

    def with_module(module: ModuleType) -> str:
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return make(module)

    return with_module


def module_at(name: str, file: Path | None, *, package: bool = False) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = None if file is None else str(file)
    if package:
        module.__path__ = [str(file.parent)] if file else []
    return module


def test_a_module_of_one_file_is_that_file_alone(tmp_path: Path, digest: Any) -> None:
    file = tmp_path / "plugin_x.py"
    file.write_text("1")
    module = module_at("plugin_x", file)
    before = digest(module)
    (tmp_path / "neighbour.py").write_text("not ours")
    assert digest(module) == before
    file.write_text("2")
    assert digest(module) != before


def test_a_package_is_all_its_files(
    tmp_path: Path, digest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "package_x"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    top = module_at("package_x", folder / "__init__.py", package=True)
    monkeypatch.setitem(sys.modules, "package_x", top)
    module = module_at("package_x.plugin", folder / "plugin.py")
    seen = {digest(module)}
    for name in ("plugin.py", "table.json", "deep.py"):
        (folder / name).write_text("x")
        seen.add(digest(module))
    assert len(seen) == 4
    (folder / "__pycache__" / "plugin.pyc").write_text("x")
    assert digest(module) in seen
    (folder / "deep.py").rename(folder / "deeper.py")
    assert digest(module) not in seen


def test_a_namespace_is_passed_over(
    tmp_path: Path, digest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "space_x", module_at("space_x", None, package=True))
    file = tmp_path / "inner.py"
    file.write_text("1")
    module = module_at("space_x.inner", file)
    before = digest(module)
    file.write_text("2")
    assert digest(module) != before


def test_without_a_file_the_name_counts(digest: Any) -> None:
    assert digest(module_at("no_file_a", None)) != digest(module_at("no_file_b", None))


def test_the_toolchain_itself_counts(
    tmp_path: Path, digest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = module_at("no_file_c", None)
    before = digest(plugin)
    (tmp_path / "__init__.py").write_text("another toolchain")
    other = module_at("toolchain", tmp_path / "__init__.py", package=True)
    monkeypatch.setitem(sys.modules, "toolchain", other)
    assert digest(plugin) != before
