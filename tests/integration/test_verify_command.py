"""`tc verify` and `toolchain.verify`: tensors as a board would write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain import verify
from toolchain.core.divergence import SampleDifference
from toolchain.core.dtypes import Array
from toolchain.errors import Code, ToolchainError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Conv, Program
from toolchain.program.serialize import load_program


@pytest.fixture
def built(project: Any) -> Any:
    """The small project, built, and a sample of it in a file."""
    project.build()
    np.save(project.folder / "one.npy", np.load(project.folder / "calibration.npy")[0])
    return project


@pytest.fixture
def program(built: Any) -> Program:
    return load_program(built.target, "tiny")


@pytest.fixture
def right(built: Any, program: Program) -> dict[str, Array]:
    """All tensors of the program, with the input."""
    feeds = {"x": np.load(built.folder / "one.npy")[None]}
    names = [name for op in program.operations for name in op.outputs]
    return {**feeds, **Interpreter(program).run(feeds, names)}


def write(folder: Path, tensors: Mapping[str, Array], ending: str = ".npy") -> Path:
    """Files named after tensors, with `_` for what file names cannot hold."""
    folder.mkdir(exist_ok=True)
    for name, array in tensors.items():
        file = folder / f"{name.replace('/', '_')}{ending}"
        if ending == ".npy":
            np.save(file, array)
        else:
            array.astype(array.dtype.newbyteorder("<")).tofile(file)
    return folder


def only(report: Any) -> SampleDifference:
    (sample,) = report.samples
    found: SampleDifference = sample
    return found


def code_of(built: Any, folder: Path, *samples: Any) -> Code:
    with pytest.raises(ToolchainError) as caught:
        verify(built.target, folder, samples)
    return caught.value.code


def test_files_of_a_board(
    command: Callable[..., Any], built: Any, right: dict[str, Array], tmp_path: Path
) -> None:
    for ending in (".npy", ".raw", ".bin"):
        board = write(tmp_path / ending[1:], right, ending)
        answer = command("verify", built.target, "--dump", board)
        count = f"{len(right)} tensors of 1 sample"
        assert (answer.code, answer.out) == (0, f"riscv: equal, {count}\n"), answer.err
    inner = {name: array for name, array in right.items() if name != "x"}
    board = write(tmp_path / "inner", inner)
    words = ("verify", built.target, "--dump", board)
    assert command(*words).code == 4  # no input
    assert command(*words, "--input", built.folder / "one.npy").code == 0
    nested = tmp_path / "nested"
    for name, array in right.items():
        (nested / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(nested / f"{name}.npy", array)
    assert verify(built.target, nested).equal


def test_a_dump_with_an_index(command: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    words = ("run", built.target, "-i", built.folder / "one.npy", "--dump", tmp_path / "dump")
    assert command(*words).code == 0
    assert verify(built.target, tmp_path / "dump").equal
    path = tmp_path / "dump" / "index.json"
    index = json.loads(path.read_text())
    bare = {
        "format": "tc-dump",
        "version": 1,
        "runner": "board",
        "samples": [
            {"name": "digit", "tensors": [*sample["tensors"]]} for sample in index["samples"]
        ],
    }
    path.write_text(json.dumps(bare))
    assert verify(built.target, tmp_path / "dump").equal
    path.write_text(json.dumps({**bare, "program_sha256": "0" * 64}))
    assert code_of(built, tmp_path / "dump") is Code.DATA_MISMATCH
    path.write_text(json.dumps({**bare, "runner": "qdq"}))
    assert code_of(built, tmp_path / "dump") is Code.BAD_USAGE


def test_every_wrong_operation_is_found(
    command: Callable[..., Any],
    built: Any,
    program: Program,
    right: dict[str, Array],
    tmp_path: Path,
) -> None:
    """Two layers are wrong by themselves; what lies between only follows from the first."""
    first, second = [op.outputs[0] for op in program.operations if isinstance(op, Conv)]
    names = list(right)
    forced = {first: right[first].copy()}
    forced[first][0, 1, 4, 4] = 100 if right[first][0, 1, 4, 4] != 100 else 50
    board = Interpreter(program).run({"x": right["x"]}, names[1:], forced)
    board |= forced
    wrong = {second: board[second].copy()}
    wrong[second][0, 0, 0, 0] = 100 if board[second][0, 0, 0, 0] != 100 else 50
    board = Interpreter(program).run({"x": right["x"]}, names[1:], {**forced, **wrong})
    folder = write(tmp_path / "board", {**right, **board, **forced, **wrong})
    answer = command("verify", built.target, "--dump", folder, "--format", "json")
    assert answer.code == 1
    (sample,) = json.loads(answer.out)["samples"]
    own = {row["tensor"]: row["own"] for row in sample["rows"]}
    assert {name: count for name, count in own.items() if count} == {first: 1, second: 1}
    assert len(own) > 2
    found = sample["first"]
    assert (found["tensor"], found["index"], found["right"]) == (first, [0, 1, 4, 4], "a")
    answer = command("verify", built.target, "--dump", folder)
    assert (answer.code, "on its own" in answer.err) == (1, True)


def test_what_is_missing_or_fits_nothing_is_said(
    command: Callable[..., Any], built: Any, right: dict[str, Array], tmp_path: Path
) -> None:
    kept = {name: array for name, array in right.items() if name in ("x", "logits")}
    folder = write(tmp_path / "board", kept)
    np.save(folder / "logitz.npy", kept["logits"])
    (folder / "notes.txt").write_text("mine")
    sample = only(verify(built.target, folder))
    assert (sample.compared, len(sample.missing)) == (2, len(right) - 2)
    assert sample.notes == ("logitz.npy is no tensor of the program; did you mean `logits`?",)
    answer = command("verify", built.target, "--dump", folder)
    assert f"not compared ({len(right) - 2})" in answer.err
    (folder / "logits.npy").unlink()
    assert code_of(built, folder) is Code.DATA_MISMATCH  # nothing to compare
    assert code_of(built, tmp_path / "nowhere") is Code.BAD_USAGE


def test_a_missing_input_of_the_wrong_layer(
    built: Any, program: Program, right: dict[str, Array], tmp_path: Path
) -> None:
    _, second = [op for op in program.operations if isinstance(op, Conv)]
    (name,) = second.outputs
    board = {n: array for n, array in right.items() if n not in second.inputs}
    board[name] = np.roll(right[name], 1)
    first = only(verify(built.target, write(tmp_path / "board", board))).first
    assert first is not None
    assert (first.tensor, first.inputs_agree, first.right) == (name, False, None)
    assert first.inputs[0].state == "not dumped"


def test_nan(built: Any, right: dict[str, Array], tmp_path: Path) -> None:
    board = {**right, "logits": np.full_like(right["logits"], np.nan)}
    sample = only(verify(built.target, write(tmp_path / "board", board)))
    assert sample.notes == ("logits: 5 elements are NaN; what follows is not fed with it",)
    assert [row.tensor for row in sample.rows] == ["logits"]
    board = {**right, "x": np.full_like(right["x"], np.nan)}
    assert code_of(built, write(tmp_path / "board", board)) is Code.DATA_NOT_FINITE


def test_files_that_do_not_fit(built: Any, right: dict[str, Array], tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", right, ".raw")
    (folder / "logits.raw").write_bytes(b"\0" * 19)
    with pytest.raises(ToolchainError) as caught:
        verify(built.target, folder)
    (problem,) = caught.value.problems
    assert problem.code is Code.DATA_SHAPE
    assert (problem.got, problem.allowed) == ("19 bytes", "20 bytes for float32 [1, 5]")
    write(folder, {"logits": right["logits"]}, ".raw")
    write(folder, {"logits": right["logits"]})
    assert code_of(built, folder) is Code.DATA_MISMATCH  # twice
    folder = write(tmp_path / "npy", right)
    for array, code in (
        (right["logits"].astype(np.int8), Code.DATA_DTYPE),
        (right["logits"][0], Code.DATA_SHAPE),
    ):
        np.save(folder / "logits.npy", array)
        assert code_of(built, folder) is code


def test_inputs_must_be_those_of_the_board(
    built: Any, right: dict[str, Array], tmp_path: Path
) -> None:
    folder = write(tmp_path / "board", right)
    sample = np.load(built.folder / "one.npy")
    assert verify(built.target, folder, [sample]).equal
    assert code_of(built, folder, sample + 1) is Code.DATA_MISMATCH
    first, *others = [name for name in right if name != "x"]
    board = {first: np.roll(right[first], 1), **{name: right[name] for name in others}}
    found = only(verify(built.target, write(tmp_path / "other", board), [sample])).first
    assert found is not None
    assert (found.tensor, found.inputs_agree, found.right) == (first, True, "a")
    assert code_of(built, folder, sample, sample) is Code.DATA_MISMATCH
