from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.program.records import (
    Binary,
    BinaryKind,
    FloatOp,
    MatMul,
    Move,
    MoveKind,
    Program,
    Quantize,
    Requantize,
    Resize,
    Tensor,
    ToFloat,
)
from toolchain.program.serialize import load_program, save_program


def sample() -> Program:
    """A program with every kind of field."""
    tensors = [
        Tensor(name="x", dtype=DType.FLOAT32, shape=(1, 4)),
        Tensor(name="q", dtype=DType.INT8, shape=(1, 4), scale=0.1, zero_point=-3),
        Tensor(name="m", dtype=DType.INT8, shape=(1, 2), scale=0.25),
        Tensor(name="s", dtype=DType.INT8, shape=(1, 2), scale=0.25),
        Tensor(name="p", dtype=DType.INT8, shape=(1, 4), scale=0.25),
        Tensor(name="r", dtype=DType.INT8, shape=(1, 2), scale=0.25),
        Tensor(name="f", dtype=DType.FLOAT32, shape=(1, 2)),
        Tensor(name="y", dtype=DType.FLOAT32, shape=(1, 2)),
    ]
    matmul = MatMul(
        name="matmul",
        inputs=("q",),
        outputs=("m",),
        b="weight",
        a_zero_point=-3,
        b_zero_point=None,
        bias="bias",
        finish=Requantize(factor="factor", zero_point=0, low=-128, high=127),
    )
    return Program(
        name="sample",
        rounding=Rounding.HALF_UP,
        inputs=("x",),
        outputs=("y",),
        tensors={tensor.name: tensor for tensor in tensors},
        constants={
            "weight": np.arange(8, dtype=np.int8).reshape(4, 2),
            "bias": np.array([1, -1], np.int32),
            "factor": np.float32(0.125).reshape(()),
            "low": np.array([1, 0], np.int32),
            "island": np.array([-np.inf], np.float32),
        },
        operations=(
            Quantize(name="quantize", inputs=("x",), outputs=("q",)),
            matmul,
            Binary(
                name="add",
                inputs=("m", "m"),
                outputs=("s",),
                kind=BinaryKind.ADD,
                a_zero_point=0,
                b_zero_point=0,
                a_factor=1 / 3,
                b_factor=1e-30,
                zero_point=0,
                low=-128,
                high=127,
            ),
            Move(
                name="pad",
                inputs=("s",),
                outputs=("p",),
                kind=MoveKind.PAD,
                arguments={"pads": (0, 1, 0, 1)},
                fill=-4.0,
            ),
            Resize(
                name="resize",
                inputs=("s",),
                outputs=("r",),
                axes=(1,),
                low=("low",),
                high=(),
                weights=(),
                x_zero_point=0,
                factor=1.0,
                zero_point=0,
            ),
            replace(
                matmul,
                name="float",
                inputs=("p",),
                outputs=("f",),
                finish=ToFloat(factor="factor", low=0.0),
            ),
            FloatOp(
                name="island",
                inputs=("f", ""),
                outputs=("y",),
                op_type="Clip",
                attributes={
                    "integer": 3,
                    "real": 2.0,
                    "infinite": float("-inf"),
                    "text": "edge",
                    "several": (1, 2),
                    "reals": (0.5, float("inf")),
                    "nothing": (),
                    "array": np.array([[1.5, np.nan]], np.float32),
                },
                constants={1: "island"},
            ),
        ),
    )


def test_loading_gives_back_what_was_saved(tmp_path: Path) -> None:
    program = sample()
    assert save_program(program, tmp_path, "model") == ("model.program.json", "model.program.bin")
    loaded = load_program(tmp_path, "model")
    assert (loaded.name, loaded.rounding) == (program.name, program.rounding)
    assert (loaded.inputs, loaded.outputs) == (program.inputs, program.outputs)
    assert dict(loaded.tensors) == dict(program.tensors)
    assert loaded.operations[:-1] == program.operations[:-1]
    before, after = program.operations[-1].attributes, loaded.operations[-1].attributes
    assert {key: value for key, value in after.items() if key != "array"} == {
        key: value for key, value in before.items() if key != "array"
    }
    np.testing.assert_array_equal(after["array"], before["array"])
    assert set(loaded.constants) == set(program.constants)
    for name, array in program.constants.items():
        assert loaded.constants[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.constants[name], array)
        assert not loaded.constants[name].flags.writeable


def test_the_same_program_gives_the_same_bytes(tmp_path: Path) -> None:
    program = sample()
    shuffled = replace(
        program,
        tensors=dict(reversed(program.tensors.items())),
        constants=dict(reversed(program.constants.items())),
    )
    for folder, value in (("a", program), ("b", shuffled)):
        (tmp_path / folder).mkdir()
        save_program(value, tmp_path / folder, "model")
    (tmp_path / "c").mkdir()
    save_program(load_program(tmp_path / "a", "model"), tmp_path / "c", "model")
    for name in ("model.program.json", "model.program.bin"):
        contents = {(tmp_path / folder / name).read_bytes() for folder in "abc"}
        assert len(contents) == 1


def test_constants_lie_little_endian_at_multiples_of_64(tmp_path: Path) -> None:
    save_program(sample(), tmp_path, "model")
    content = (tmp_path / "model.program.bin").read_bytes()
    layout = json.loads((tmp_path / "model.program.json").read_text())["body"]["constants"]
    assert list(layout) == ["bias", "factor", "island", "low", "weight"]
    assert [entry["offset"] for entry in layout.values()] == [0, 64, 128, 192, 256]
    assert content[:8] == b"\x01\x00\x00\x00\xff\xff\xff\xff"
    assert content[256:] == bytes(range(8))


def store(document: dict[str, Any], folder: Path) -> None:
    """Write a changed document with right checksums, as one who means harm would."""
    body = json.dumps(document["body"], sort_keys=True, separators=(",", ":")).encode()
    document["body_sha256"] = hashlib.sha256(body).hexdigest()
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    (folder / "model.program.json").write_text(text)


def rejected(folder: Path) -> str:
    with pytest.raises(CompileError) as error:
        load_program(folder, "model")
    assert error.value.code is Code.PROGRAM_INVALID
    return str(error.value)


def set_at(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


OPERATIONS = ("body", "operations")


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (("version",), 2, "version"),
        (("version",), True, "version"),
        (("format",), "other", "format"),
        (("extra",), 1, "extra"),
        (("body", "extra"), 1, "extra"),
        (("body", "rounding"), "half_down", "rounding"),
        (("body", "outputs"), ["nowhere"], "nowhere"),
        (("body", "tensors", 0, "dtype"), "int7", "dtype"),
        (("body", "tensors", 0, "shape"), [1, -4], "not positive"),
        (("body", "tensors", 0, "shape"), [2**31, 2**31], "elements"),
        (("body", "tensors", 0, "shape"), [1.0], "shape"),
        (("body", "tensors", 0, "shape"), [10**30], "64 bits"),
        (("body", "tensors", 0, "zero_point"), True, "zero_point"),
        (("body", "tensors", 0, "name"), "x", "twice"),
        ((*OPERATIONS, 0, "record"), "Program", "record"),
        ((*OPERATIONS, 0, "record"), "Operation", "record"),
        ((*OPERATIONS, 0, "record"), ["Conv"], "record"),
        ((*OPERATIONS, 0, "extra"), 0, "extra"),
        ((*OPERATIONS, 0, "inputs"), ["later"], "later"),
        ((*OPERATIONS, 1, "b"), "nothing", "nothing"),
        ((*OPERATIONS, 1, "finish", "record"), "Conv", "record"),
        ((*OPERATIONS, 1, "finish", "low"), "-inf", "low"),
        ((*OPERATIONS, 2, "a_factor"), "inf", "a_factor"),
        ((*OPERATIONS, 2, "a_factor"), 1, "a_factor"),
        ((*OPERATIONS, 2, "kind"), "div", "kind"),
        ((*OPERATIONS, 3, "arguments"), {"pads": "0101"}, "pads"),
        ((*OPERATIONS, 5, "finish", "high"), "nan", "high"),
        ((*OPERATIONS, 6, "constants"), {"-1": "island"}, "constants"),
        ((*OPERATIONS, 6, "constants"), {"1": "island", "01": "island"}, "key"),
        ((*OPERATIONS, 6, "attributes"), {"a": None}, "attributes"),
        ((*OPERATIONS, 6, "attributes"), {"a": True}, "attributes"),
        ((*OPERATIONS, 6, "attributes"), {"a": [1, "b"]}, "attributes"),
        (
            (*OPERATIONS, 6, "attributes"),
            {"a": {"dtype": "int8", "shape": [2], "data": [1]}},
            "2 elements",
        ),
        (
            (*OPERATIONS, 6, "attributes"),
            {"a": {"dtype": "int8", "shape": [1], "data": [128]}},
            "range",
        ),
        (
            (*OPERATIONS, 6, "attributes"),
            {"a": {"dtype": "object", "shape": [1], "data": [1]}},
            "dtype",
        ),
        (("body", "constants", "bias", "offset"), 64, "offset"),
        (("body", "constants", "bias", "offset"), -64, "offset"),
        (("body", "constants", "weight", "offset"), 2**40, "offset"),
        (("body", "constants", "bias", "shape"), [3], "offset"),
        (("body", "constants", "weight", "shape"), [2**31, 2**31], "offset"),
        (("body", "constants", "weight", "shape"), [1] * 40, "dimensions"),
        (("body", "constants", "bias", "dtype"), "object", "dtype"),
        (("body", "constants", "bias", "length"), 4, "offset"),
        (("body", "constants_sha256"), "0" * 64, "sha256"),
    ],
)
def test_changed_documents_are_rejected(tmp_path: Path, path, value, word) -> None:
    save_program(sample(), tmp_path, "model")
    document = json.loads((tmp_path / "model.program.json").read_text())
    set_at(document, path, value)
    store(document, tmp_path)
    assert word in rejected(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format":NaN}',
        b"[" * 100_000,
        b"1" * 10_000,
        b'{"a":1,"a":2}',
        b'{"a":1e999}',
    ],
)
def test_what_is_no_canonical_json_is_rejected(tmp_path: Path, text) -> None:
    save_program(sample(), tmp_path, "model")
    (tmp_path / "model.program.json").write_bytes(text)
    assert "malformed" in rejected(tmp_path)


def test_changed_bytes_are_rejected(tmp_path: Path) -> None:
    save_program(sample(), tmp_path, "model")
    binary = tmp_path / "model.program.bin"
    content = binary.read_bytes()
    for changed in (content + b"\0", content[:-1], b"\x02" + content[1:]):
        binary.write_bytes(changed)
        assert "sha256" in rejected(tmp_path)
    binary.unlink()
    assert "cannot be read" in rejected(tmp_path)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "y", "q", "bias", "inf", "-inf", "int8", "float32", "Conv", "add"]),
    # Built anew each time: later changes may write into them.
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: {"record": "Table"}),
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    items = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        found += paths(item, (*prefix, key))
    return found


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_change_loads_or_is_reported(tmp_path: Path, data: st.DataObject) -> None:
    save_program(sample(), tmp_path, "model")
    document = json.loads((tmp_path / "model.program.json").read_text())
    changed = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        set_at(changed, data.draw(st.sampled_from(paths(changed))), data.draw(LEAVES))
    if not isinstance(changed.get("body"), dict):
        changed["body"] = {}
    store(changed, tmp_path)
    with contextlib.suppress(CompileError):
        load_program(tmp_path, "model")


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_byte_is_reported(tmp_path: Path, data: st.DataObject) -> None:
    save_program(sample(), tmp_path, "model")
    name = data.draw(st.sampled_from(["model.program.json", "model.program.bin"]))
    content = bytearray((tmp_path / name).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    (tmp_path / name).write_bytes(content)
    rejected(tmp_path)
