from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from toolchain.errors import Code, SystemFailure
from toolchain.pipeline.clean import clean
from toolchain.pipeline.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An opened workspace."""
    made = Workspace(tmp_path / "out")
    made.open()
    return made


def writing(text: str) -> Any:
    def work(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text(text)

    return work


def fail(folder: Path) -> None:
    (folder / "half").write_text("half")
    raise LookupError


def manifest(folder: Path, target: str = "board") -> Path:
    """A file with what makes a folder a published one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.json"
    path.write_text(json.dumps({"target": target, "toolchain": "1"}))
    return path


def scratch_of(workspace: Workspace) -> list[Path]:
    return list((workspace.cache / "tmp").iterdir())


def test_a_result_is_made_once(workspace: Workspace) -> None:
    first = workspace.produce("stage", "key", writing("a"))
    second = workspace.produce("stage", "key", fail)
    assert (first.hit, second.hit) == (False, True)
    assert first.folder == second.folder == workspace.cache / "stage" / "key"
    assert first.content == second.content
    assert (first.folder / "sub" / "file").read_text() == "a"
    other = workspace.produce("stage", "other", writing("a"))
    assert (other.hit, other.content) == (False, first.content)
    assert workspace.produce("stage", "third", writing("b")).content != first.content
    assert scratch_of(workspace) == []


def test_a_failure_leaves_no_trace(workspace: Workspace) -> None:
    with pytest.raises(LookupError):
        workspace.produce("stage", "key", fail)
    assert not (workspace.cache / "stage").exists()
    assert scratch_of(workspace) == []
    assert workspace.produce("stage", "key", writing("a")).hit is False


def test_the_second_to_finish_drops_its_own(workspace: Workspace) -> None:
    def slow(folder: Path) -> None:
        writing("mine")(folder)
        workspace.produce("stage", "key", writing("theirs"))

    found = workspace.produce("stage", "key", slow)
    assert (found.folder / "sub" / "file").read_text() == "theirs"
    assert scratch_of(workspace) == []


def test_scratch_folders_of_the_living_stay(workspace: Workspace) -> None:
    dead = workspace.cache / "tmp" / "dead"
    dead.mkdir()
    (dead / "file").write_text("x")
    with workspace.scratch() as alive:
        Workspace(workspace.output).open()
        assert alive.is_dir()
    assert not dead.exists()
    assert scratch_of(workspace) == []


def test_a_lock_on_a_scratch_folder_means_life(workspace: Workspace) -> None:
    folder = workspace.cache / "tmp" / "elsewhere"
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    workspace.open()
    assert folder.is_dir()
    os.close(held)
    workspace.open()
    assert not folder.exists()


def test_publishing_replaces_the_whole_folder(workspace: Workspace, tmp_path: Path) -> None:
    source = manifest(tmp_path / "source")
    (tmp_path / "a").write_text("a")
    found = workspace.publish("board", {"manifest.json": source, "deep/a": tmp_path / "a"})
    folder = workspace.output / "board"
    assert found == {"manifest.json": folder / "manifest.json", "deep/a": folder / "deep" / "a"}
    (folder / "stale").write_text("stale")
    workspace.publish("board", {"manifest.json": source})
    assert [path.name for path in folder.rglob("*")] == ["manifest.json"]
    assert workspace.published() == (folder,)


def test_a_source_that_is_missing_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    source = manifest(tmp_path / "source")
    workspace.publish("board", {"manifest.json": source})
    with pytest.raises(FileNotFoundError):
        workspace.publish("board", {"manifest.json": source, "a": tmp_path / "none"})
    assert len(list((workspace.output / "board").iterdir())) == 1


def test_the_old_folder_comes_back_if_the_new_one_cannot(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = manifest(tmp_path / "source")
    workspace.publish("board", {"manifest.json": source})
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no"):
        workspace.publish("board", {"manifest.json": source, "more": source})
    assert [path.name for path in (workspace.output / "board").iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"target": "other", "toolchain": "1"}'])
def test_folders_of_others_are_neither_replaced_nor_removed(
    workspace: Workspace, tmp_path: Path, text: str
) -> None:
    folder = workspace.output / "board"
    folder.mkdir()
    (folder / "manifest.json").write_text(text)
    with pytest.raises(SystemFailure) as caught:
        workspace.publish("board", {"manifest.json": manifest(tmp_path / "source")})
    assert caught.value.code == Code.NOT_WRITABLE
    workspace.discard("board")
    assert workspace.published() == ()
    assert (folder / "manifest.json").read_text() == text


def test_an_empty_folder_is_nobodys(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.output / "board").mkdir()
    source = manifest(tmp_path / "source")
    assert workspace.publish("board", {"manifest.json": source})


def test_discarding(workspace: Workspace, tmp_path: Path) -> None:
    source = manifest(tmp_path / "source")
    workspace.publish("board.failed", {"manifest.json": source})
    assert workspace.published() == (workspace.output / "board.failed",)
    workspace.discard("board.failed")
    workspace.discard("board.failed")
    assert workspace.published() == ()


def test_the_cache_says_that_it_is_one(workspace: Workspace) -> None:
    tag = (workspace.cache / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert workspace.has_cache
    assert not Workspace(workspace.output / "none").has_cache


def test_clean_counts_what_it_frees(workspace: Workspace, tmp_path: Path) -> None:
    workspace.produce("stage", "key", writing("12345"))
    source = manifest(tmp_path / "source")
    workspace.publish("board", {"manifest.json": source})
    cache = sum(path.stat().st_size for path in workspace.cache.rglob("*") if path.is_file())
    assert clean(workspace.output, cache_only=True) == cache
    assert clean(workspace.output, cache_only=True) == 0
    assert clean(workspace.output, cache_only=False) == source.stat().st_size
    assert not workspace.output.exists()
    assert clean(workspace.output, cache_only=False) == 0
