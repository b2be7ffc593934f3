"""docs/program-format.md: the tables are the records, and a file can be read by its rules alone."""

from __future__ import annotations

import hashlib
import json
import math
import types
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import Attribute
from toolchain.program import records
from toolchain.program.encoding import field_types
from toolchain.program.records import Operation, Requantize, Tensor, ToFloat
from toolchain.program.serialize import VERSION, load_program, save_program
from toolchain.testing.programs import EXAMPLES, single_program

PAGE = Path(__file__).parents[3] / "docs" / "program-format.md"
WORDS = {str: "text", int: "integer", float: "number", bool: "boolean"}


def described(hint: Any) -> str:  # noqa: PLR0911 - one per kind of annotation
    if hint == Attribute:
        return "attribute"
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(described(item) for item in arguments)
    if origin is tuple:
        return f"list of {described(arguments[0])}"
    if origin is Mapping:
        return f"object of {described(arguments[1])}"
    if hint is type(None):
        return "null"
    if isinstance(hint, type) and issubclass(hint, Enum) and hint is not DType:
        return "/".join(f'"{member.value}"' for member in hint)
    return WORDS.get(hint, "type" if hint is DType else getattr(hint, "__name__", ""))


def row(record: type[Any]) -> str:
    common = set() if record in (Tensor, Requantize, ToFloat) else {"name", "inputs", "outputs"}
    own = [f"`{n}` {described(hint)}" for n, hint in field_types(record) if n not in common]
    return f"| `{record.__name__}` | {', '.join(own)} |"


OPERATIONS = sorted(
    (
        record
        for record in vars(records).values()
        if isinstance(record, type) and issubclass(record, Operation) and record is not Operation
    ),
    key=lambda record: record.__name__,
)


@pytest.mark.parametrize("record", [Tensor, Requantize, ToFloat, *OPERATIONS])
def test_every_field_is_in_the_tables(record: type[Any]) -> None:
    assert row(record) in PAGE.read_text(encoding="utf-8").splitlines()


def read(folder: Path, stem: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A reader written by the page, without the product."""
    raw = (folder / f"{stem}.program.json").read_bytes()
    weights = (folder / f"{stem}.program.bin").read_bytes()
    header = json.loads(raw)
    assert set(header) == {"format", "version", "body_sha256", "body"}
    assert (header["format"], header["version"]) == ("toolchain.program", 1)
    body = header["body"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
    assert hashlib.sha256(text).hexdigest() == header["body_sha256"]
    assert hashlib.sha256(weights).hexdigest() == body["constants_sha256"]
    constants, end = {}, 0
    for name, place in sorted(body["constants"].items()):
        element = np.dtype(place["dtype"]).newbyteorder("<")
        count = math.prod(place["shape"])
        assert place["offset"] == -(-end // 64) * 64
        assert place["length"] == count * element.itemsize
        end = place["offset"] + place["length"]
        assert end <= len(weights)
        data = np.frombuffer(weights[place["offset"] : end], element)
        constants[name] = data.reshape(place["shape"])
    assert end == len(weights)
    return body, constants


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_reader_written_by_the_page(tmp_path: Path, name: str) -> None:
    op, tensors = EXAMPLES[name]
    saved = single_program(op, *tensors)
    save_program(saved, tmp_path, "m")
    body, constants = read(tmp_path, "m")
    loaded = load_program(tmp_path, "m")
    assert body["operations"][0]["record"] == type(op).__name__
    assert body["inputs"] == list(loaded.inputs)
    assert {t["name"]: tuple(t["shape"]) for t in body["tensors"]} == {
        name: tensor.shape for name, tensor in loaded.tensors.items()
    }
    assert set(constants) == set(loaded.constants)
    for key, array in constants.items():
        np.testing.assert_array_equal(array, loaded.constants[key])


def test_the_page_names_the_version() -> None:
    assert f"version {VERSION}" in PAGE.read_text(encoding="utf-8")
