from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from toolchain.codegen.native.build import build_executable
from toolchain.codegen.native.execution import NativeModel
from toolchain.codegen.project import write_project
from toolchain.core.dtypes import Array
from toolchain.errors import CheckFailed, Code, DataError, ToolchainError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program


def feeds_of(program: Program, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    tensors = (program.tensors[name] for name in program.inputs)
    return {t.name: random.integers(-128, 128, t.shape).astype(np.int8) for t in tensors}


def assert_equal(program: Program, feeds: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    expected = Interpreter(program, threads=1).run(feeds, list(found))
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name, strict=True)


def test_one_sample_after_the_other(program, host_program) -> None:
    layers = ("mid", "y")
    with NativeModel([host_program], program, layers=layers) as model:
        for seed in range(3):
            feeds = feeds_of(program, seed)
            found = model.run(feeds)
            assert list(found) == ["y", "mid"]
            assert_equal(program, feeds, found)


def test_without_layers_there_are_outputs_only(program, host_program) -> None:
    with NativeModel([host_program], program) as model:
        feeds = feeds_of(program, 1)
        found = model.run(feeds)
    assert list(found) == ["y"]
    assert_equal(program, feeds, found)


@pytest.mark.parametrize("vlen", [128, 256, 512])
def test_emulated_vectors_of_every_length(program, riscv_program, emulator, vlen) -> None:
    command = [*emulator.command(vlen), riscv_program]
    layers = ("mid", "y")
    with NativeModel(command, program, layers=layers) as model:
        feeds = feeds_of(program, vlen)
        assert_equal(program, feeds, model.run(feeds))


def test_tensors_larger_than_pipes(large, host, tmp_path: Path) -> None:
    write_project(large, tmp_path, "net")
    build_executable(tmp_path, host, tmp_path / "net")
    command = [str(tmp_path / "net")]
    with NativeModel(command, large, layers=("y",), timeout_seconds=60) as model:
        for seed in range(2):
            feeds = feeds_of(large, seed)
            assert_equal(large, feeds, model.run(feeds))


def test_a_processor_without_vectors(program, riscv_program, emulator) -> None:
    command = [emulator.path, "-cpu", "rv64,v=false", riscv_program]
    problem = failure(command, program)
    assert "illegal instruction" in str(problem.got)
    assert "extension" in str(problem.hint)


def test_a_crash_leaves_no_file(
    program, riscv_program, emulator, tmp_path: Path, monkeypatch
) -> None:
    command = [emulator.path, "-cpu", "rv64,v=false", riscv_program]
    monkeypatch.chdir(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        failure(command, program)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert not list(tmp_path.iterdir())


def failure(command: list[str], program: Program, **options: float):
    """What is said of a process that fails in its first sample."""
    with (
        pytest.raises(CheckFailed) as caught,
        NativeModel(command, program, **options) as model,
    ):
        model.run(feeds_of(program, 1))
    (problem,) = caught.value.problems
    assert problem.code is Code.RUNNER_FAILED
    return problem


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_an_exit_is_told_with_what_was_said(program) -> None:
    code = "import sys; sys.stderr.write('no such\\nboard'); sys.exit(3)"
    problem = failure(python(code), program)
    assert problem.got == "exit status 3; it said: no such\nboard"


def test_output_that_is_too_short(large) -> None:
    # Input is not read to its end: nothing may wait for that.
    code = "import sys; sys.stdin.buffer.read(9); sys.stdout.buffer.write(bytes(70000))"
    assert failure(python(code), large).got == "exit status 0"


def test_a_signal_is_named(program) -> None:
    assert failure(python("import os; os.kill(os.getpid(), 9)"), program).got == "signal SIGKILL"


def test_no_answer_in_time(program) -> None:
    start = time.monotonic()
    problem = failure(python("import time; time.sleep(60)"), program, timeout_seconds=0.3)
    assert problem.got == "no answer within 0.3 s"
    assert time.monotonic() - start < 30


def test_what_cannot_be_started(program, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed) as caught, NativeModel([str(tmp_path)], program):
        pass
    assert caught.value.code is Code.RUNNER_FAILED


@pytest.mark.parametrize(
    ("feeds", "code"),
    [
        ({}, Code.DATA_MISMATCH),
        ({"x": np.zeros((1, 8, 12), np.int8)}, Code.DATA_SHAPE),
        ({"x": np.zeros((1, 8, 12, 12), np.float32)}, Code.DATA_DTYPE),
    ],
)
def test_feeds_that_do_not_fit(program, feeds, code) -> None:
    with (
        pytest.raises(ToolchainError) as caught,
        NativeModel(python("input()"), program) as model,
    ):
        model.run(feeds)
    assert isinstance(caught.value, DataError)
    assert caught.value.code is code


def test_processes_end_with_the_block(program, host_program) -> None:
    with NativeModel([host_program], program) as model:
        model.run(feeds_of(program, 1))
        process = model._process
    assert process is not None
    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
