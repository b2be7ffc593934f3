from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from toolchain.core.python_file import PythonFile, split_name

TEXT = b"""
from dataclasses import dataclass

@dataclass
class Scale:
    by: "float" = 3.0

def call(scale: Scale = Scale()): return scale.by
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_bytes(TEXT)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b.py:f", ("a/b.py", "f")),
        ("/x/a.py:", ("/x/a.py", "")),
        ("a:b.py:f", ("a:b.py", "f")),
        *((text, None) for text in ("a.py", "image", "a.pyc:b", "a.npz:f", "a.py:b/c")),
    ],
)
def test_what_names_something(text: str, expected: tuple[str, str] | None) -> None:
    assert split_name(text) == expected


def test_it_is_run_as_it_was_read(file: Path) -> None:
    read = PythonFile.read(file)
    file.write_text("1 / 0")
    before = set(sys.modules)
    module = read.run()
    assert module.call() == 3.0
    assert set(sys.modules) == before
    assert read.digest == hashlib.sha256(TEXT).hexdigest()
    assert [path.name for path in file.parent.iterdir()] == ["mine.py"]  # no bytecode beside it


def test_annotations_are_those_of_the_file(file: Path) -> None:
    assert PythonFile.read(file).run().call.__annotations__["scale"].__name__ == "Scale"


def test_what_it_raises_is_raised_and_no_module_is_left(file: Path) -> None:
    before = set(sys.modules)
    file.write_text("raise KeyError('mine')")
    with pytest.raises(KeyError, match="mine"):
        PythonFile.read(file).run()
    assert set(sys.modules) == before
    with pytest.raises(FileNotFoundError):
        PythonFile.read(file.parent / "none.py")
