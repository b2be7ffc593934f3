from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODEL = Path(__file__).parents[3] / "configs" / "quickstart" / "digits.onnx"

pytestmark = pytest.mark.usefixtures("manager")


@pytest.fixture
def file(tmp_path: Path, tc: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config as `tc config init` writes it, with samples where it expects them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").mkdir()
    np.save(tmp_path / "samples" / "0.npy", np.zeros((1, 8, 8), np.float32))
    assert tc("config", "init", MODEL, "--target", "riscv").out == "digits.toml\n"
    return Path("digits.toml")


def test_what_init_writes_is_valid(tc: Any, file: Path) -> None:
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    assert (file.parent / values["model"]).resolve() == MODEL.resolve()
    assert values["targets"] == ["riscv"]
    answer = tc("config", "check", file)
    assert (answer.code, answer.out) == (0, "digits.toml: valid, builds for riscv\n"), answer.err
    data = json.loads(tc("config", "check", file, "--format", "json", "-t", "npu").out)
    assert data == {"file": "digits.toml", "targets": ["npu"]}


def test_init_never_overwrites(tc: Any, file: Path) -> None:
    before = file.read_bytes()
    answer = tc("config", "init", MODEL, "-o", file)
    assert answer.code == 2
    assert "error[TC112]: The config file exists already\n  where: digits.toml" in answer.err
    assert file.read_bytes() == before


def test_init_writes_where_it_is_told(tc: Any, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c.toml"
    assert tc("config", "init", MODEL, "-o", deep).out == f"{deep}\n"
    model = tomllib.loads(deep.read_text(encoding="utf-8"))["model"]
    assert (deep.parent / model).resolve() == MODEL.resolve()


def test_init_below_a_file(tc: Any, file: Path) -> None:
    answer = tc("config", "init", MODEL, "-o", file / "c.toml")
    assert answer.code == 7
    assert "error[TC802]" in answer.err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("nope.onnx",), 3, "TC201"),
        ((MODEL, "--target", "riscy"), 2, "TC110"),
    ],
)
def test_init_of_what_is_not_there(
    tc: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: Any,
    exit_code: int,
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = tc("config", "init", *arguments)
    assert answer.code == exit_code
    assert f"error[{code}]" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_check_shows_all_problems(tc: Any, file: Path) -> None:
    more = ("--set", "quantize.metod=mse", "--set", "check.samples=0")
    answer = tc("config", "check", file, *more)
    assert answer.code == 2
    assert "metod" in answer.err
    assert "check.samples" in answer.err
    assert "2 errors" in answer.err


def test_show_says_where_values_come_from(tc: Any, file: Path) -> None:
    answer = tc("config", "show", file, "--set", "calibration.samples=7")
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert "calibration.samples = 7  # --set" in lines
    assert 'calibration.order = "first"  # default' in lines
    assert 'targets = ["riscv"]  # digits.toml' in lines
    data = json.loads(tc("config", "show", file, "--format", "json").out)
    assert data["values"]["calibration"]["order"] == "first"
    assert data["origins"]["calibration.order"] == "default"


def test_schema_knows_the_targets(tc: Any) -> None:
    answer = tc("config", "schema")
    assert answer.code == 0
    schema = json.loads(answer.out)
    assert set(schema["properties"]["target"]["properties"]) == {"npu", "riscv"}
    assert tc("config", "schema") == answer
