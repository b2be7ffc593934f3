"""Programs from anywhere: what is loaded is whole, and what is whole can be run and generated."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from toolchain.codegen.generate import Generated, generate
from toolchain.codegen.operands import Operand
from toolchain.codegen.writer import Writer
from toolchain.errors import Code, CompileError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import MoveKind, PoolKind, Program
from toolchain.program.serialize import load_program, save_program
from toolchain.testing.programs import EXAMPLES, POOL, i8, move, single_program

QUICK = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CODES = {Code.PROGRAM_INVALID, Code.LOWERING_FAILED}


def small(name: str) -> Program:
    """An example with the constants that its operation names, and no others."""
    op, tensors = EXAMPLES[name]
    whole = single_program(op, *tensors)
    text = repr(op)
    return replace(whole, constants={k: v for k, v in whole.constants.items() if f"'{k}'" in text})


def stored(program: Program, folder: Path) -> dict[str, Any]:
    save_program(program, folder, "m")
    document: dict[str, Any] = json.loads((folder / "m.program.json").read_bytes())
    return document


def store(document: dict[str, Any], folder: Path, weights: bytes | None = None) -> None:
    """Write a changed document with right checksums, as one who means harm would."""
    if weights is not None:
        (folder / "m.program.bin").write_bytes(weights)
        document["body"]["constants_sha256"] = hashlib.sha256(weights).hexdigest()

    def canonical(value: Any) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    document["body_sha256"] = hashlib.sha256(canonical(document["body"])).hexdigest()
    (folder / "m.program.json").write_bytes(canonical(document))


def use(folder: Path) -> Program | None:
    """Load a program and all that is made of it; None where that is refused with a code."""
    try:
        program = load_program(folder, "m")
    except CompileError as error:
        assert error.code is Code.PROGRAM_INVALID  # noqa: PT017 - others are the failure
        return None
    before = [(folder / f"m.program.{end}").read_bytes() for end in ("json", "bin")]
    save_program(program, folder, "m")
    assert before == [(folder / f"m.program.{end}").read_bytes() for end in ("json", "bin")]
    small_enough = sum(prod(tensor.shape) for tensor in program.tensors.values()) < 10**6
    for make in (execute if small_enough else Interpreter, write):
        try:
            make(program)
        except CompileError as error:
            assert error.code in CODES  # noqa: PT017 - any other exception is the failure
    return program


def execute(program: Program) -> None:
    feeds = {
        name: np.zeros(program.tensors[name].shape, program.tensors[name].dtype.numpy)
        for name in program.inputs
    }
    with np.errstate(all="ignore"):
        Interpreter(program, threads=1).run(feeds)


def write(program: Program) -> None:
    generated = generate(program)
    for call in generated.calls:
        if call.kernel.name == "tc_copy":
            inside(call.params.fields, call.inputs[0], call.outputs[0], generated)
    for text in Writer(generated, "m").files().values():
        assert "\0" not in text


def inside(fields: dict[str, Any], x: Any, y: Operand, generated: Generated) -> None:
    """No copy leaves what it reads or writes."""
    nest = fields["loops"].fields
    arrays = [
        x.elements if isinstance(x, Operand) else generated.constants[x.text].size,
        y.elements,
    ]
    for name, steps, elements in zip(("x", "y"), nest["stride"], arrays, strict=True):
        reach = [(n - 1) * step for n, step in zip(nest["shape"], steps, strict=True)]
        first = fields[f"{name}_offset"]
        assert first + sum(min(r, 0) for r in reach) >= 0
        assert first + sum(max(r, 0) for r in reach) < elements


NUMBERS = st.sampled_from(
    [-(2**63), -(2**31), -129, -2, -1, 0, 1, 2, 3, 5, 255, 2**16, 2**31, 2**62, 2**63 - 1, 2**70]
)


def nested() -> list[Any]:
    found: list[Any] = []
    for _ in range(400):
        found = [found]
    return found


LEAVES = st.one_of(
    NUMBERS,
    st.sampled_from([0.0, -0.5, 1e-45, 1e30, 1e300]),
    st.sampled_from(["", "x", "y", "m", "one", "i9", "inf", "nan", "int64", "float32", "a\0b"]),
    st.sampled_from(["../../etc", "*/ int evil; /*", 'a"\\\n', "\ud800", "MatMul", "Resize"]),
    st.sampled_from([None, True, {}, [], {"float": "nan"}, [[1]]]).map(copy.deepcopy),
    st.builds(nested),
    st.lists(NUMBERS, max_size=4),
)


def places(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*prefix, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*prefix, key))


@QUICK
@given(name=st.sampled_from(sorted(EXAMPLES)), data=st.data())
def test_changed_records_are_refused_or_harmless(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    document = stored(small(name), tmp_path)
    paths = [path for path in places(document["body"]) if path[0] != "constants_sha256"]
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=2)):
        part = document["body"]
        try:
            for key in path[:-1]:
                part = part[key]
            part = part if isinstance(part, (dict, list)) else {}
            part[path[-1]]
        except (LookupError, TypeError):  # the first change took it away
            continue
        if data.draw(st.booleans()) or isinstance(part, list):
            part[path[-1]] = data.draw(LEAVES)
        else:
            part[data.draw(st.sampled_from(["name", "extra", "\ud800"]))] = part.pop(path[-1])
    store(document, tmp_path)
    use(tmp_path)


@QUICK
@given(name=st.sampled_from(sorted(EXAMPLES)), data=st.data())
def test_changed_constants_are_refused_or_harmless(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    document = stored(small(name), tmp_path)
    weights = bytearray((tmp_path / "m.program.bin").read_bytes())
    for place in data.draw(st.lists(st.integers(0, max(len(weights) - 1, 0)), max_size=8)):
        if weights:
            weights[place] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
    store(document, tmp_path, bytes(weights))
    use(tmp_path)


@QUICK
@example(name="m.program.json", cut=0)
@given(name=st.sampled_from(["m.program.json", "m.program.bin"]), cut=st.integers(0, 2000))
def test_truncated_files_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    save_program(small("conv"), tmp_path, "m")
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: cut % len(content)])
    assert use(tmp_path) is None


def test_overlapping_constants_are_refused(tmp_path: Path) -> None:
    document = stored(small("conv"), tmp_path)
    document["body"]["constants"]["one"]["offset"] = 0
    store(document, tmp_path)
    assert use(tmp_path) is None


@pytest.mark.parametrize("shape", [[0, 2**62], [2**62, 0], [0, 0]])
def test_constants_without_elements(tmp_path: Path, shape: list[int]) -> None:
    document = stored(small("copy"), tmp_path)
    entry = {"dtype": "int8", "shape": shape, "offset": 0, "length": 0}
    document["body"]["constants"] = {"nothing": entry}
    store(document, tmp_path, b"")
    use(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    save_program(small("copy"), tmp_path, "m")
    (tmp_path / "m.program.bin").unlink()
    os.mkfifo(tmp_path / "m.program.bin")
    with pytest.raises(CompileError, match="device"):
        load_program(tmp_path, "m")
    (tmp_path / "m.program.bin").unlink()
    (tmp_path / "m.program.bin").symlink_to("/dev/zero")
    with pytest.raises(CompileError, match="device"):
        load_program(tmp_path, "m")


HUGE = (1, 1, 46340, 46340)


@pytest.mark.parametrize(
    ("op", "y"),
    [
        (move(MoveKind.COPY), HUGE),
        (move(MoveKind.TRANSPOSE, perm=(1, 0, 3, 2)), HUGE),
        (replace(POOL, kind=PoolKind.MAX), (1, 1, 46339, 46339)),
        (replace(POOL, kernel=HUGE[2:], low=0), (1, 1, 1, 1)),
    ],
)
def test_huge_shapes_cost_no_memory_before_they_run(tmp_path: Path, op: Any, y: Any) -> None:
    program = replace(single_program(op, i8(HUGE), i8(y, "y")), constants={})
    save_program(program, tmp_path, "m")
    tracemalloc.start()
    use(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_names_stay_inside_comments_and_strings(tmp_path: Path) -> None:
    name = '*/ #include "/etc/passwd"\n/* \\'
    program = replace(small("copy"), name=name)
    program = replace(program, operations=(replace(program.operations[0], name=name),))
    save_program(program, tmp_path, "m")
    for text in Writer(generate(load_program(tmp_path, "m")), "m").files().values():
        assert text.count("/*") == text.count("*/")
        assert not any(line.startswith('#include "/') for line in text.splitlines())
