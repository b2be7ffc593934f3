from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PureWindowsPath
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.render.jsonout import dumps, to_json


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    colour: Colour
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    path: Path
    inner: Inner | None


def test_records_become_objects() -> None:
    record = Outer(path=Path("/a/b"), inner=Inner(colour=Colour.RED, numbers=(1.5, float("nan"))))
    assert to_json(record) == {"path": "/a/b", "inner": {"colour": "red", "numbers": [1.5, "nan"]}}


def test_keys_are_sorted_and_text_is_ascii() -> None:
    assert dumps({"b": 1, "a": "ä"}) == '{\n  "a": "\\u00e4",\n  "b": 1\n}'


def test_order_of_mappings_and_sets_does_not_matter() -> None:
    one = {"x": frozenset({"b", "a"}), "y": 2}
    other = MappingProxyType({"y": 2, "x": frozenset({"a", "b"})})
    assert dumps(one) == dumps(other)


def test_numpy() -> None:
    value = {"a": np.array([[1, 2]], np.int8), "b": np.float32(0.5), "c": np.float32("-inf")}
    assert to_json(value) == {"a": [[1, 2]], "b": 0.5, "c": "-inf"}
    assert to_json(np.float64("nan")) == "nan"
    assert type(to_json(np.float64(0.5))) is float


def test_odd_keys_and_paths() -> None:
    assert to_json({1: "a", None: "b", Colour.RED: "c"}) == {"1": "a", "null": "b", "red": "c"}
    assert to_json(PureWindowsPath("a\\b")) == "a/b"


@pytest.mark.parametrize("value", [len, object(), Outer, b"bytes"])
def test_what_is_no_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        to_json(value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False).filter(lambda x: abs(x) < float("inf")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=50)
@given(plain)
def test_plain_data_survives(value: object) -> None:
    assert json.loads(dumps(value)) == value
