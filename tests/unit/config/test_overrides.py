from __future__ import annotations

import pytest

from toolchain.config.overrides import (
    Override,
    apply_overrides,
    origin_of,
    parse_overrides,
    parse_value,
)
from toolchain.errors import Code, ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mse", "mse"),
        ('"mse"', "mse"),
        ("3", 3),
        ("1e-4", 1e-4),
        ("true", True),
        ("True", "True"),
        ("[224, 224]", [224, 224]),
        ("{a = 1}", {"a": 1}),
        ("", ""),
        ("a=b", "a=b"),
        ("../x y.npz:key", "../x y.npz:key"),
        ("2024-01-01", "2024-01-01"),
        ("nan", "nan"),
        ("1\nb = 2", "1\nb = 2"),
        ("[" * 5000, "[" * 5000),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_a_value_is_toml_or_else_text(text, value):
    assert parse_value(text) == value


def test_assignments_are_split_at_the_first_equals_sign():
    assert parse_overrides(["quantize.method =mse", 'calibration.data."a.b"=x=y']) == (
        Override(path=("quantize", "method"), value="mse"),
        Override(path=("calibration", "data", "a.b"), value="x=y"),
    )


def test_malformed_assignments_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        parse_overrides(["model", "a=1", "=1", "a..b=1", ".".join("a" * 20) + "=1"])
    assert [problem.code for problem in caught.value.problems] == [Code.CONFIG_SYNTAX] * 4
    assert caught.value.problems[0].got == "model"


def edit(values, *assignments):
    edited, problems = apply_overrides(values, parse_overrides(assignments))
    assert not problems
    return edited


def test_values_are_set_and_tables_and_lists_made():
    assert edit({}, "a.b.c=1", "input.0.resize=256", "input.1.crop=[1, 2]") == {
        "a": {"b": {"c": 1}},
        "input": [{"resize": 256}, {"crop": [1, 2]}],
    }


def test_the_later_wins_and_the_file_stays_as_it_is():
    values = {"a": {"b": 1}, "m": [1, 2]}
    assert edit(values, "a.b=2", "a.b=3", "m.1=9") == {"a": {"b": 3}, "m": [1, 9]}
    assert values == {"a": {"b": 1}, "m": [1, 2]}


def test_an_index_in_a_table_is_a_key():
    assert edit({"data": {"x": 1}}, "data.0=2") == {"data": {"x": 1, "0": 2}}


def test_a_shared_setting_wins_over_overlays_that_hold_it():
    values = {
        "quantize": {"method": "mse"},
        "target": {"a": {"quantize": {"method": "kl"}}, "b": {"quantize": {"percentile": 0.9}}},
    }
    assert edit(values, "quantize.method=minmax") == {
        "quantize": {"method": "minmax"},
        "target": {"a": {"quantize": {"method": "minmax"}}, "b": {"quantize": {"percentile": 0.9}}},
    }


def test_an_entry_of_a_list_is_also_set_in_the_overlays_own_list():
    values = {"rules": [{"x": 1}], "target": {"a": {"rules": [{"x": 2}]}, "b": {}}}
    assert edit(values, "rules.0.y=3") == {
        "rules": [{"x": 1, "y": 3}],
        "target": {"a": {"rules": [{"x": 2, "y": 3}]}, "b": {}},
    }


@pytest.mark.parametrize("assignment", ["model.x=1", "list.5.x=1", "list.name=1", "empty.1=2"])
def test_what_has_no_place_is_a_problem(assignment):
    values = {"model": "m.onnx", "list": [{}], "empty": []}
    _, problems = apply_overrides(values, parse_overrides([assignment]))
    assert [problem.code for problem in problems] == [Code.WRONG_TYPE]
    assert problems[0].where == f"{assignment.partition('=')[0]} in --set"


def test_values_of_flags_are_checked_like_those_of_files():
    override = Override(path=("optimize", "rtol"), value=float("nan"), origin="--rtol")
    _, problems = apply_overrides({}, [override])
    assert problems[0].where == "optimize.rtol in --rtol"


def test_origins_follow_the_last_override():
    overrides = (
        Override(path=("a",), value={"b": 1}, origin="--first"),
        Override(path=("a", "m", 0), value=1),
        Override(path=("target", "t", "q"), value=1, origin="--own"),
    )
    assert origin_of(("a", "b"), overrides) == "--first"
    assert origin_of(("a", "m"), overrides) == "--set"
    assert origin_of(("target", "u", "a", "b"), overrides) == "--first"
    assert origin_of(("target", "t", "q"), overrides) == "--own"
    assert origin_of(("q",), overrides) is None
