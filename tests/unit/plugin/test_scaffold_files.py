from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from toolchain.errors import Code, ConfigError
from toolchain.plugin.scaffold import scaffold


def test_every_file_is_whole(tmp_path: Path) -> None:
    folder, files = scaffold("big_chip", tmp_path / "new" / "place", ())
    assert folder == tmp_path / "new" / "place" / "toolchain-big_chip"
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(files) == written
    assert {"pyproject.toml", "README.md", "big_chip.toml", "tests/test_big_chip.py"} < written
    for path in folder.rglob("*"):
        assert "NAME" not in path.name
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "{{" not in text
            if path.suffix == ".py":
                ast.parse(text)
            if path.suffix == ".toml":
                tomllib.loads(text)
    assert [path.name for path in folder.parent.iterdir()] == ["toolchain-big_chip"]
    assert "class TestBigChip(" in (folder / "tests" / "test_big_chip.py").read_text()


@pytest.mark.parametrize(
    "name", ["", "Acme", "2d", "a-b", "a b", "../up", "a/b", "class", "all", "a\n", "ä", "a" * 41]
)
def test_names_that_no_target_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scaffold(name, tmp_path / "new", ())
    assert caught.value.code == Code.BAD_VALUE
    assert not (tmp_path / "new").exists()


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is installed"):
        scaffold("acme", tmp_path, {"acme", "riscv"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "toolchain-acme"
    match kind:
        case "folder":
            there.mkdir()
        case "file":
            there.write_text("mine")
        case _:
            there.symlink_to("nowhere")
    with pytest.raises(ConfigError, match="exists already"):
        scaffold("acme", tmp_path, ())
    assert [path.name for path in tmp_path.iterdir()] == ["toolchain-acme"]
    assert kind != "file" or there.read_text() == "mine"


def test_nothing_is_left_of_a_project_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        if path.name == "plugin.py":
            raise OSError(28, "No space left on device")
        return write(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        scaffold("acme", tmp_path, ())
    assert list(tmp_path.iterdir()) == []
