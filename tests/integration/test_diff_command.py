"""`tc diff` and `toolchain.diff` on dumps of a small build."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain import diff
from toolchain.errors import Code, ToolchainError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Conv, Program
from toolchain.program.serialize import load_program


@pytest.fixture
def dumped(command: Callable[..., Any], project: Any) -> Any:
    """The small project, built, with a dump of the reference in `a` and a copy of it in `b`."""
    project.build()
    np.save(project.folder / "one.npy", np.load(project.folder / "calibration.npy")[0])
    dump(command, project, "a")
    shutil.copytree(project.folder / "a", project.folder / "b")
    return project


def dump(command: Callable[..., Any], project: Any, name: str, *words: object) -> None:
    source = project.folder / "one.npy"
    answer = command("run", project.target, "-i", source, "--dump", project.folder / name, *words)
    assert answer.code == 0, answer.err


def index(project: Any, name: str = "b") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.folder / name / "index.json").read_text())
    return found


def tensors(project: Any) -> dict[str, Path]:
    """Files of the dump `b`."""
    entries = index(project)["samples"][0]["tensors"]
    return {entry["name"]: project.folder / "b" / entry["file"] for entry in entries}


def edit(project: Any, **changes: Any) -> None:
    (project.folder / "b" / "index.json").write_text(json.dumps({**index(project), **changes}))


def code_of(project: Any, **more: Any) -> Code:
    with pytest.raises(ToolchainError) as caught:
        diff(project.folder / "a", project.folder / "b", **more)
    return caught.value.code


def second_conv(program: Program) -> Conv:
    found = [op for op in program.operations if isinstance(op, Conv)]
    return found[1]


def test_equal_runs(command: Callable[..., Any], dumped: Any) -> None:
    answer = command("diff", dumped.folder / "a", dumped.folder / "b" / "index.json")
    program = load_program(dumped.target, "tiny")
    count = 1 + sum(len(op.outputs) for op in program.operations)
    assert (answer.code, answer.out) == (0, f"riscv: equal, {count} tensors of 1 sample\n")


def test_one_element_of_one_layer(command: Callable[..., Any], dumped: Any) -> None:
    program = load_program(dumped.target, "tiny")
    conv = second_conv(program)
    (name,) = conv.outputs
    file = tensors(dumped)[name]
    values = np.load(file)
    right = values.copy()
    values[0, 3, 1, 2] = -values[0, 3, 1, 2] - 1
    np.save(file, values)
    answer = command("diff", dumped.folder / "a", dumped.folder / "b", "--format", "json")
    assert answer.code == 1
    (sample,) = json.loads(answer.out)["samples"]
    first = sample["first"]
    assert (first["operation"], first["tensor"]) == (conv.name, name)
    assert first["index"] == [0, 3, 1, 2]
    assert first["stored_a"] == right[0, 3, 1, 2] == first["recomputed"]["value"]
    assert first["stored_b"] == values[0, 3, 1, 2]
    assert (first["different"], first["elements"], first["right"]) == (1, right.size, "a")
    assert first["inputs"] == [{"tensor": conv.inputs[0], "state": "equal"}]
    # The window lies inside: 4 channels of 3 by 3 elements.
    x = np.load(tensors(dumped)[conv.inputs[0]])[0, :, 2:5, 4:7].astype(int)
    w = program.constants[conv.weight][3].astype(int)
    total = int(((x - conv.x_zero_point) * w).sum())
    assert conv.bias is not None
    bias = int(program.constants[conv.bias][3])
    assert (first["recomputed"]["accumulator"], first["recomputed"]["terms"]) == (total + bias, 36)
    answer = command("diff", dumped.folder / "a", dumped.folder / "b")
    assert answer.code == 1
    for words in (
        f"first difference: {conv.name} (Conv)",
        "all that it reads agrees: the fault is in this operation",
        f"acc {total + bias}, of 36 terms and the bias {bias}",
        "A follows the rule, B does not",
        "docs/numerics.md, 5",
        "error[TC604]",
    ):
        assert words in answer.err


def test_a_runner_without_the_bias(dumped: Any) -> None:
    """What a board would write whose second convolution forgets its bias."""
    program = load_program(dumped.target, "tiny")
    conv = second_conv(program)
    x = np.load(tensors(dumped)["x"])
    names = [name for op in program.operations for name in op.outputs]
    assert conv.bias is not None
    without = {**program.constants, conv.bias: np.zeros_like(program.constants[conv.bias])}
    faulty = Program(
        name=program.name,
        rounding=program.rounding,
        inputs=program.inputs,
        outputs=program.outputs,
        tensors=program.tensors,
        constants=without,
        operations=program.operations,
    )
    for name, array in Interpreter(faulty).run({"x": x}, names).items():
        np.save(tensors(dumped)[name], array)
    report = diff(dumped.folder / "a", dumped.folder / "b")
    (sample,) = report.samples
    assert not report.equal
    assert sample.first is not None
    assert (sample.first.operation, sample.first.right) == (conv.name, "a")
    assert sample.first.causes == ("the bias is missing",)
    assert len(sample.rows) > 1  # and what follows from it


def test_other_forms(command: Callable[..., Any], dumped: Any) -> None:
    dump(command, dumped, "qdq", "--runner", "qdq")
    found = diff(dumped.folder / "a", dumped.folder / "qdq")
    assert found.equal
    assert "onnxruntime" in found.samples[0].notes[0]
    dump(command, dumped, "float", "--runner", "float")
    found = diff(dumped.folder / "float", dumped.folder / "a")
    (sample,) = found.samples
    assert sample.compared > 5
    assert sample.first is not None
    assert (sample.first.stored_a, sample.first.right) != (sample.first.stored_b, "b")
    assert sample.first.recomputed is not None
    assert sample.first.recomputed.source == "b"


def test_other_samples(command: Callable[..., Any], dumped: Any) -> None:
    other = np.load(dumped.folder / "calibration.npy")[1]
    np.save(dumped.folder / "one.npy", other)
    dump(command, dumped, "b")
    (sample,) = diff(dumped.folder / "a", dumped.folder / "b").samples
    assert sample.first is not None
    assert (sample.first.kind, sample.first.tensor) == ("input", "x")
    (entry,) = index(dumped)["samples"]
    edit(dumped, samples=[{**entry, "name": "two.npy"}])
    assert code_of(dumped) is Code.DATA_MISMATCH
    edit(dumped, samples=[entry, entry])
    assert code_of(dumped) is Code.DATA_MISMATCH
    edit(dumped, samples=[{**entry, "tensors": []}])
    assert code_of(dumped) is Code.DATA_MISMATCH


def test_other_programs(dumped: Any) -> None:
    edit(dumped, program_sha256="0" * 64)
    assert code_of(dumped) is Code.DATA_MISMATCH
    edit(dumped, program_sha256=None)
    assert diff(dumped.folder / "a", dumped.folder / "b").equal
    moved = dumped.folder / "moved"
    shutil.move(dumped.target, moved)
    assert code_of(dumped) is Code.BAD_USAGE
    assert diff(dumped.folder / "a", dumped.folder / "b", build=moved).equal
    assert code_of(dumped, build=dumped.folder) is Code.BAD_USAGE


def test_damaged_indices(dumped: Any) -> None:
    good = (dumped.folder / "b" / "index.json").read_text()
    (entry,) = index(dumped)["samples"]

    def with_tensor(**changes: Any) -> str:
        first, *others = entry["tensors"]
        changed = [{**entry, "tensors": [{**first, **changes}, *others]}]
        return json.dumps({**json.loads(good), "samples": changed})

    def cases() -> Iterator[tuple[str, Code]]:
        for text in ("", "[", "[]", "{}", good.replace('"version": 1', '"version": 2')):
            yield text, Code.DATA_UNREADABLE
        yield "[" * 100_000, Code.DATA_UNREADABLE
        yield good.replace('"runner"', '"rudder"'), Code.DATA_UNREADABLE
        yield with_tensor(dtype="int7"), Code.DATA_UNREADABLE
        yield with_tensor(shape="3"), Code.DATA_UNREADABLE
        yield with_tensor(dtype="int8"), Code.DATA_DTYPE
        yield with_tensor(shape=[1, 3, 8, 9]), Code.DATA_SHAPE
        yield with_tensor(file="one_npy/other.npy"), Code.DATA_NOT_FOUND
        for file in ("../a/one_npy/x.npy", str(dumped.folder / "one.npy"), "x\0.npy"):
            yield with_tensor(file=file), Code.ARCHIVE_UNSAFE

    for text, code in cases():
        (dumped.folder / "b" / "index.json").write_text(text)
        assert code_of(dumped) is code, text[:80]
    (dumped.folder / "b" / "index.json").write_text(good)
    file = tensors(dumped)["x"]
    file.unlink()
    file.symlink_to(dumped.folder / "one.npy")
    assert code_of(dumped) is Code.ARCHIVE_UNSAFE
    (dumped.folder / "b" / "index.json").unlink()
    assert code_of(dumped) is Code.BAD_USAGE
    shutil.rmtree(dumped.folder / "b")
    assert code_of(dumped) is Code.BAD_USAGE


def test_parameters_of_another_program(dumped: Any) -> None:
    (entry,) = index(dumped)["samples"]
    changed = [{**t, "scale": t["scale"] and t["scale"] * 2} for t in entry["tensors"]]
    edit(dumped, samples=[{**entry, "tensors": changed}])
    assert code_of(dumped) is Code.DATA_MISMATCH


def test_damaged_tensors(dumped: Any) -> None:
    file = tensors(dumped)["x"]
    good = file.read_bytes()
    values = np.load(file)
    for content in (b"", b"text", good[:20], good[:-1], good[:90]):
        file.write_bytes(content)
        assert code_of(dumped) is Code.DATA_UNREADABLE
    np.save(file, np.array([{}], object), allow_pickle=True)
    assert code_of(dumped) is Code.DATA_UNREADABLE
    np.save(file, values.astype(np.float64))
    assert code_of(dumped) is Code.DATA_DTYPE
    np.save(file, values[:, :2])
    assert code_of(dumped) is Code.DATA_SHAPE
    np.save(file, values.astype(">f4"))
    assert diff(dumped.folder / "a", dumped.folder / "b").equal
    np.save(file, np.asfortranarray(values))
    assert diff(dumped.folder / "a", dumped.folder / "b").equal
