from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.errors import Code, ConfigError, PluginError
from toolchain.plugin.userfile import load_user_object

TEXT = """
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    size: int = 3


_HIDDEN = 1
VALUE = Record()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(TEXT)
    return path


def test_an_object_of_a_file(file: Path) -> None:
    found = load_user_object(file, "VALUE", "here")
    assert getattr(found.value, "size", None) == 3
    again = load_user_object(file, "VALUE", "here")
    assert again.digest == found.digest
    file.write_text(TEXT + "VALUE = 5\n")
    changed = load_user_object(file, "VALUE", "here")
    assert (changed.value, changed.digest == found.digest) == (5, False)
    assert [path.name for path in file.parent.iterdir()] == ["mine.py"]  # no bytecode beside it


def test_files_and_names_that_are_not_there(file: Path) -> None:
    absent = Path(f"{file}x.py")
    for path, name, got in (
        (file, "nothing", "mine.py:nothing"),
        (absent, "VALUE", f"{absent}: No such file or directory"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_user_object(path, name, "here")
        problem = caught.value.problems[0]
        assert (problem.code, problem.where, problem.got) == (Code.BAD_VALUE, "here", got)


@pytest.mark.parametrize("text", ["1 / 0", "def (", "raise SystemExit(3)", "import not_there"])
def test_files_that_raise(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(PluginError) as caught:
        load_user_object(file, "VALUE", "here")
    problem = caught.value.problems[0]
    assert problem.code is Code.PLUGIN_RAISED
    assert str(file) in str(problem.where)
