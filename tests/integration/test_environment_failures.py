"""Full disks, files in the way and damaged caches: exit 7, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def build(command: Any, project: Any) -> Any:
    return command("build", "-c", project.write(), "-t", "riscv", "--format", "json")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes a function fail for want of space where its first path ends in some way."""

    def make(function: str, suffix: str) -> None:
        module, _, name = function.rpartition(".")
        holder = {"os": os, "shutil": shutil, "pathlib.Path": Path}[module]
        original = getattr(holder, name)

        def replaced(*arguments: Any, **options: Any) -> Any:
            writing = name != "open" or "w" in str(arguments[1:])
            if writing and any(str(one).endswith(suffix) for one in arguments[:2]):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))
            return original(*arguments, **options)

        monkeypatch.setattr(holder, name, replaced)

    return make


@pytest.mark.parametrize(
    ("function", "suffix"),
    [
        ("pathlib.Path.open", "input_0.bin"),
        ("pathlib.Path.open", "optimized.onnx.part"),
        ("pathlib.Path.open", "stats.bin.partial"),
        ("pathlib.Path.open", "quantized.onnx.part"),
        ("shutil.copyfile", "tiny.q.onnx"),
        ("pathlib.Path.write_text", "tiny.params.json"),
        ("pathlib.Path.write_bytes", "tiny.program.bin"),
        ("pathlib.Path.write_text", "report.json"),
        ("pathlib.Path.write_text", ".index.json"),
        ("pathlib.Path.write_text", "manifest.json"),
        ("shutil.copyfile", "manifest.json"),
        ("pathlib.Path.mkdir", "files"),
        ("pathlib.Path.rename", "riscv"),
    ],
)
def test_the_disk_is_full(
    command: Any,
    project: Any,
    failing: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    suffix: str,
) -> None:
    project.build()
    before = project.files()
    changed = project.changed(quantize__method="minmax", calibration__samples=4, check__samples=1)
    failing(function, suffix)
    answer = build(command, changed)
    monkeypatch.undo()
    (problem,) = answer.problems
    assert (answer.code, problem["code"]) == (7, "TC801"), answer.err
    assert problem["where"]
    assert problem["got"] == "No space left on device"
    assert project.files() == before
    assert list((project.output / ".cache" / "tmp").iterdir()) == []
    assert len(project.build().cached) == 4
    assert changed.build().check.passed


def test_a_file_may_not_grow(project: Any) -> None:
    words = ["build", "-q", "--config", str(project.write()), "--target", "riscv"]
    done = subprocess.run(
        [sys.executable, "-c", "from toolchain.cli.main import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert done.returncode == 7, done.stderr
    assert done.stderr.startswith("error[TC80")
    assert "Traceback" not in done.stderr
    assert not project.target.exists()
    assert project.build().check.passed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [str(mount), "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(command: Any, project: Any, small_disk: Path) -> None:
    answer = build(command, project.changed(output=str(small_disk / "out")))
    assert (answer.code, answer.problems[0]["code"]) == (7, "TC801"), answer.err
    assert not (small_disk / "out" / "riscv").exists()


@pytest.mark.parametrize("place", [".cache", ".cache/tmp", ".cache/optimize", "riscv"])
def test_a_file_stands_in_the_way(command: Any, project: Any, place: str) -> None:
    path = project.output / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    answer = build(command, project)
    (problem,) = answer.problems
    assert (answer.code, problem["code"]) == (7, "TC802")
    assert problem["where"].startswith(str(project.output))
    assert path.read_text() == "mine"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("samples/*/input_0.bin", Path.unlink),
        ("samples/*/samples.json", damage),
        ("optimize/*/optimized.onnx", damage),
        ("optimize/*/report.json", Path.unlink),
        ("calibrate/*/stats.bin", damage),
        ("quantize/*/quantized.onnx", Path.unlink),
        ("quantize/*/.index.json", Path.unlink),
        ("compile/*/files/tiny.q.onnx", damage),
        ("compile/*/artifact.json", lambda path: path.write_text("{}")),
        ("check/*/report.json", damage),
        ("check/*/.index.json", lambda path: path.write_text("[]")),
        ("check/*/.index.json", lambda path: path.write_bytes(b"\xff")),
    ],
)
def test_a_damaged_cache(
    command: Any, project: Any, file: str, spoil: Callable[[Path], object]
) -> None:
    project.build()
    before = project.files()
    (path,) = (project.output / ".cache").glob(file)
    spoil(path)
    # The sweep is read again only where something is quantized again.
    changed = project.changed(quantize__method="minmax") if "calibrate" in file else project
    answer = build(command, changed)
    (problem,) = answer.problems
    assert (answer.code, problem["code"]) == (7, "TC805"), answer.err
    assert problem["where"].startswith(str(path.parent))
    assert "tc clean --cache" in problem["hint"]
    assert project.files() == before
    assert command("clean", "-c", project.write(), "-t", "riscv", "--cache").code == 0
    assert project.build().check.passed
    assert project.files() == before


def test_an_incomplete_entry(command: Any, project: Any) -> None:
    project.build()
    (entry,) = (project.output / ".cache" / "compile").iterdir()
    shutil.rmtree(entry)
    entry.mkdir()
    answer = build(command, project)
    assert (answer.code, answer.problems[0]["code"]) == (7, "TC805")


def test_nothing_can_be_written_to_stdout(project: Any) -> None:
    words = ["build", "-q", "--config", str(project.write()), "--target", "riscv"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from toolchain.cli.main import main; main()", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 7
    assert done.stderr.startswith("error[TC801]: The disk is full\n")
    assert "Exception ignored" not in done.stderr
