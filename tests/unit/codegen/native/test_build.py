from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from toolchain.codegen.native import build
from toolchain.codegen.native.build import build_executable, build_library
from toolchain.codegen.native.tools import Compiler
from toolchain.codegen.project import write_project
from toolchain.errors import Code, CompileError, SystemFailure

QUICK = ["-O1"]  # optimising takes most of the time


@pytest.mark.parametrize("tool", ["host", "riscv"])
def test_equal_sources_give_equal_bytes_in_every_folder(
    large, tool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    compiler = request.getfixturevalue(tool)
    results = []
    for folder in (tmp_path / "a", tmp_path / "elsewhere" / "b c"):
        write_project(large, folder / "project", "net")  # a large tensor, but few sources
        build_executable(folder / "project", compiler, folder / "net", flags=QUICK)
        build_library(folder / "project", compiler, folder / "libnet.a", flags=QUICK)
        results.append([(folder / name).read_bytes() for name in ("net", "libnet.a")])
        endings = {path.suffix for path in (folder / "project").iterdir()}
        assert endings == {".c", ".h", ".txt", ".md", ""}
    assert results[0] == results[1]
    assert all(str(tmp_path).encode() not in data for data in results[0])


def test_a_library_has_no_main(program, host, tmp_path: Path) -> None:
    write_project(program, tmp_path / "project", "net")
    build_library(tmp_path / "project", host, tmp_path / "libnet.a", flags=QUICK)
    data = (tmp_path / "libnet.a").read_bytes()
    assert b"net_run" in data
    assert b"main.o" not in data


def test_errors_of_compilers_are_quoted(program, host, tmp_path: Path) -> None:
    write_project(program, tmp_path, "net")
    source = tmp_path / "net.c"
    source.write_text(source.read_text() + "\nint broken(void) { return missing; }\n")
    with pytest.raises(CompileError) as caught:
        build_executable(tmp_path, host, tmp_path / "net", flags=QUICK)
    (problem,) = caught.value.problems
    assert problem.code is Code.COMPILER_FAILED
    assert caught.value.exit_code == 5
    assert str(problem.where).startswith("net.c:")
    assert "missing" in str(problem.got)


def test_compilers_that_do_not_end_are_given_up(program, tmp_path: Path, monkeypatch) -> None:
    write_project(program, tmp_path, "net")
    monkeypatch.setattr(build, "_SECONDS", 0.2)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    compiler = Compiler(name="slow", command=(str(slow),), archiver=("ar",))
    with pytest.raises(CompileError, match="does not come to an end") as caught:
        build_executable(tmp_path, compiler, tmp_path / "net")
    assert caught.value.problems[0].code is Code.COMPILER_FAILED


def test_errors_of_linkers_are_quoted(program, host, tmp_path: Path) -> None:
    write_project(program, tmp_path, "net")
    (tmp_path / "net_weights.c").unlink()
    with pytest.raises(CompileError) as caught:
        build_executable(tmp_path, host, tmp_path / "net", flags=QUICK)
    assert caught.value.problems[0].got


def test_a_compiler_that_says_nothing(program, tmp_path: Path) -> None:
    write_project(program, tmp_path, "net")
    silent = Compiler(name="false", command=(shutil.which("false") or "",), archiver=())
    with pytest.raises(CompileError, match="exit status 1, no message"):
        build_executable(tmp_path, silent, tmp_path / "net")


def test_a_compiler_that_is_gone(program, tmp_path: Path) -> None:
    write_project(program, tmp_path, "net")
    gone = Compiler(name="gone", command=(str(tmp_path / "gone"),), archiver=())
    with pytest.raises(SystemFailure) as caught:
        build_executable(tmp_path, gone, tmp_path / "net")
    assert caught.value.code is Code.TOOL_MISSING
