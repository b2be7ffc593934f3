from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.config.dotted import format_path, leaves_of, parse_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("model",), "model"),
        (("input", 0, "resize"), "input.0.resize"),
        (("calibration", "data", "input.1"), 'calibration.data."input.1"'),
        (("data", "0"), 'data."0"'),
        (("a b", 'say "x"', ""), r'"a b"."say \"x\"".""'),
    ],
)
def test_paths_are_written_and_read(path, text):
    assert format_path(path) == text
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", 'a."b', 'a"b', 'a."b"c', '"\\x"'])
def test_what_is_no_path(text):
    assert parse_path(text) is None


@given(st.lists(st.one_of(st.text(max_size=6), st.integers(0, 999)), min_size=1, max_size=5))
def test_reading_undoes_writing(parts):
    assert parse_path(format_path(tuple(parts))) == tuple(parts)


def test_a_leaf_is_what_holds_no_table():
    value = {"a": {"b": 1}, "c": [1, [2]], "d": [{"e": None}, 3], "f": {}, "g": []}
    assert list(leaves_of(value)) == [
        (("a", "b"), 1),
        (("c",), [1, [2]]),
        (("d", 0, "e"), None),
        (("d", 1), 3),
        (("f",), {}),
        (("g",), []),
    ]
