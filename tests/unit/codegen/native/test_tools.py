from __future__ import annotations

import importlib.machinery
import importlib.util
import time
from pathlib import Path

import pytest

from toolchain.codegen.native import tools
from toolchain.codegen.native.tools import (
    Compiler,
    Emulator,
    host_compiler,
    riscv_compiler,
    riscv_emulator,
)
from toolchain.errors import Code, Problem

FINDERS = (host_compiler, riscv_compiler, riscv_emulator)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, on a machine without the ziglang package."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    return tmp_path


def install(folder: Path, name: str, status: int = 0) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("find", "package"),
    [(host_compiler, "gcc"), (riscv_compiler, "toolchain[riscv]"), (riscv_emulator, "qemu-user")],
)
@pytest.mark.usefixtures("machine")
def test_what_is_missing_is_named_with_its_package(find, package) -> None:
    problem = find()
    assert isinstance(problem, Problem)
    assert problem.code is Code.TOOL_MISSING
    assert package in str(problem.hint)


def test_the_wheel_comes_before_cross_compilers(machine, monkeypatch) -> None:
    install(machine, "riscv64-linux-gnu-gcc")
    install(machine, "riscv64-linux-gnu-ar")
    zig = install(machine, "zig")
    spec = importlib.machinery.ModuleSpec("ziglang", None, is_package=True)
    spec.submodule_search_locations = [str(machine)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    found = riscv_compiler()
    assert isinstance(found, Compiler)
    assert found.command == (zig, "cc")
    assert found.flags == ("-target", "riscv64-linux-musl", "-mcpu=baseline_rv64+v")
    assert found.archiver == (zig, "ar")
    without = riscv_compiler(vector=False)
    assert isinstance(without, Compiler)
    assert without.flags[-1] == "-mcpu=baseline_rv64"
    host = host_compiler()
    assert isinstance(host, Compiler)
    assert host.name == "zig"


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "ZIG_GLOBAL_CACHE_DIR"])
def test_the_wheel_keeps_its_files_where_it_may_write(tmp_path, monkeypatch, variable) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "ZIG_GLOBAL_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tools, "_zig", lambda: "/zig")
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "not" / "yet"))
    found = riscv_compiler()
    assert isinstance(found, Compiler)
    assert not found.environment
    monkeypatch.setenv(variable, str(tmp_path / "file" / "inside"))
    found = riscv_compiler()
    assert isinstance(found, Compiler)
    assert set(found.environment) == {"ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"}
    assert all(Path(folder).is_dir() for folder in found.environment.values())


def test_cross_compilers_of_gcc_need_their_archiver(machine) -> None:
    gcc = install(machine, "riscv64-unknown-linux-gnu-gcc")
    assert isinstance(riscv_compiler(), Problem)
    archiver = install(machine, "riscv64-unknown-linux-gnu-ar")
    found = riscv_compiler()
    assert isinstance(found, Compiler)
    assert (found.command, found.archiver) == ((gcc,), (archiver,))
    assert "-march=rv64gcv" in found.flags
    assert "-static" in found.link_flags


@pytest.mark.parametrize(("status", "usable"), [(0, True), (1, False)])
def test_clang_counts_if_it_links(machine, status, usable) -> None:
    install(machine, "clang", status)
    install(machine, "llvm-ar")
    assert isinstance(riscv_compiler(), Compiler) == usable


@pytest.mark.parametrize(("status", "flags"), [(0, ("-march=native",)), (1, ())])
def test_the_host_compiler_builds_for_this_processor_if_it_can(machine, status, flags) -> None:
    install(machine, "gcc", status)
    install(machine, "ar")
    found = host_compiler()
    assert isinstance(found, Compiler)
    assert found.flags == flags


def test_emulators_are_told_the_length_of_vectors(machine) -> None:
    path = install(machine, "qemu-riscv64-static")
    found = riscv_emulator()
    assert isinstance(found, Emulator)
    assert found.command(512) == (path, "-cpu", "rv64,v=true,vlen=512,vext_spec=v1.0")


def test_looking_is_quick() -> None:
    best = min(_seconds() for _ in range(3))
    assert best < 0.5  # about 30 ms on an idle machine


def _seconds() -> float:
    start = time.perf_counter()
    for find in FINDERS:
        find()
    return time.perf_counter() - start
