from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from toolchain.errors import Code, SystemFailure
from toolchain.pipeline.integrity import INDEX, file_digest, seal, verify


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A folder of two files with its index."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "deep" / "b").write_bytes(b"")
    seal(tmp_path)
    return tmp_path


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_what_was_sealed_is_found_as_it_was(sealed: Path) -> None:
    content = verify(sealed)
    (sealed / INDEX).unlink()
    assert seal(sealed) == content
    (sealed / "more").write_bytes(b"")
    (sealed / INDEX).unlink()
    assert seal(sealed) != content


def test_names_and_bytes_count(tmp_path: Path) -> None:
    contents = set()
    for name, data in (("a", b"1"), ("a", b"2"), ("b", b"1")):
        folder = tmp_path / f"{name}{data.decode()}"
        folder.mkdir()
        (folder / name).write_bytes(data)
        contents.add(seal(folder))
    assert len(contents) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "a").write_bytes(b"abd"),
        lambda folder: (folder / "deep" / "b").unlink(),
        lambda folder: (folder / INDEX).unlink(),
        lambda folder: (folder / INDEX).write_text("{"),
        lambda folder: (folder / INDEX).write_text("3"),
        lambda folder: (folder / INDEX).write_bytes(b"\xff"),
    ],
)
def test_damage_is_found(sealed: Path, spoil: Callable[[Path], object]) -> None:
    spoil(sealed)
    with pytest.raises(SystemFailure) as caught:
        verify(sealed)
    (problem,) = caught.value.problems
    assert problem.code == Code.CACHE_DAMAGED
    assert problem.where is not None
    assert problem.where.startswith(str(sealed))
    assert problem.got
    assert "tc clean --cache" in str(problem.hint)
