"""Compiled models that are not what they should be, as the commands that read them say it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.errors import Code

COMMANDS = ("run", "trace", "disasm")


@pytest.fixture
def folder(project: Any) -> Path:
    """A folder for npu, and one for kdp beside it."""
    np.save(project.folder / "one.npy", np.load(project.folder / "calibration.npy")[0])
    project.changed({"check.enabled": False}).run(targets=("npu", "kdp"))
    return Path(project.output / "npu")


def sealed(folder: Path) -> None:
    """Let the manifest say that the compiled model is the one that the build wrote."""
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((folder / "tiny.tcm").read_bytes()).hexdigest()
    manifest["files"]["tiny.tcm"]["sha256"] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest))


def problems(command: Callable[..., Any], folder: Path) -> dict[str, tuple[int, dict[str, Any]]]:
    """Exit code and only problem of each command."""
    found = {}
    for name in COMMANDS:
        more = ("-i", folder.parents[1] / "one.npy") if name == "run" else ()
        answer = command(name, folder, *more, "--format", "json")
        (problem,) = answer.problems
        found[name] = (answer.code, problem)
    assert not (folder.parent / "npu.trace").exists()
    return found


def edited(data: bytes, at: int, value: int) -> bytes:
    """With another byte."""
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda data: edited(data, 8, 2), "2"),
        (lambda data: edited(data, 0, 0), "00 54 43 4d 0d 0a 1a 0a"),
        (lambda data: data[:50], "50 bytes"),
        (lambda data: data[:0], ""),
        (lambda data: edited(data, 130, data[130] ^ 1), "another SHA-256"),
        (lambda data: edited(data, len(data) - 1, data[-1] ^ 1), "another SHA-256"),
    ],
)
def test_damaged_and_newer_models(
    command: Callable[..., Any], folder: Path, change: Callable[[bytes], bytes], got: str
) -> None:
    path = folder / "tiny.tcm"
    path.write_bytes(change(path.read_bytes()))
    for code, problem in problems(command, folder).values():
        assert (code, problem["code"]) == (5, Code.PACKAGE_INVALID)
        assert "not the one that the build wrote" in problem["message"]
    sealed(folder)
    for code, problem in problems(command, folder).values():
        assert (code, problem["code"]) == (5, Code.PACKAGE_INVALID)
        assert (problem["got"], problem["where"]) == (got, str(path))
        assert problem["hint"]


def test_a_model_of_another_machine(command: Callable[..., Any], folder: Path) -> None:
    shutil.copy(folder.parent / "kdp" / "tiny.tcm", folder / "tiny.tcm")
    sealed(folder)
    for name in ("run", "trace"):
        more = ("-i", folder.parents[1] / "one.npy") if name == "run" else ()
        answer = command(name, folder, *more, "--format", "json")
        (problem,) = answer.problems
        assert (answer.code, problem["code"]) == (5, Code.PACKAGE_INVALID)
        assert "a machine that the chip does not have" in problem["message"]
        assert "ax650" in problem["allowed"]
    listing = command("disasm", folder)
    assert listing.code == 0  # what is in it may be seen
    assert problem["got"] in listing.out


def test_a_folder_without_a_compiled_model(project: Any, command: Callable[..., Any]) -> None:
    project.build()
    for name in ("trace", "disasm"):
        answer = command(name, project.target, "--format", "json")
        (problem,) = answer.problems
        assert (answer.code, problem["code"]) == (5, Code.PACKAGE_INVALID)
        assert "compiled model of a machine" in problem["message"]
