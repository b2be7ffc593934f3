"""Other names for inputs and outputs, and further outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from toolchain.core.options import InputOptions, SurgeryOptions
from toolchain.errors import Code, ConfigError
from toolchain.graph.surgery import operate

BODY = """
    s = Add (a, b)
    t = Mul (s, two)
    y = Relu (t)
    z = Neg (s)
"""


@pytest.fixture
def source(tmp_path: Path, make_model) -> Path:
    """Two inputs and two outputs."""
    two = np.array(2, np.float32)
    proto = make_model(
        BODY, "float[1, 4] a, float[1, 4] b", "float[1, 4] y, float[1, 4] z", two=two
    )
    path = tmp_path / "given.onnx"
    onnx.save(proto, path)
    return path


@pytest.fixture
def apply(source: Path, tmp_path: Path):
    """Operate on the model; the changed protobuf and the rows."""

    def call(inputs: tuple[InputOptions, ...] = (), **options):
        changed = tmp_path / "changed.onnx"
        _, rows = operate(source, changed, inputs, SurgeryOptions(**options))
        return onnx.load(changed), rows

    return call


def names(values) -> list[str]:
    return [value.name for value in values]


def test_names_may_be_swapped(apply, source, run_model_proto):
    proto, rows = apply(rename_inputs={"a": "b", "b": "a"}, rename_outputs={"y": "scores"})
    assert names(proto.graph.input) == ["b", "a"]
    assert names(proto.graph.output) == ["scores", "z"]
    expected = run_model_proto(onnx.load(source))
    for want, got in zip(expected, run_model_proto(proto), strict=True):
        np.testing.assert_array_equal(got, want)
    assert [(row.change, row.old, row.new) for row in rows] == [
        ("input name", "a", "b"), ("input name", "b", "a"), ("output name", "y", "scores"),
    ]  # fmt: skip


def test_a_tensor_inside_becomes_an_output(apply, run_model_proto):
    proto, rows = apply(outputs=("t",), rename_outputs={"z": "negative"})
    assert names(proto.graph.output) == ["y", "negative", "t"]
    y, z, t = run_model_proto(proto)
    np.testing.assert_array_equal(t, -2 * z)
    np.testing.assert_array_equal(y, np.maximum(t, 0))
    assert [(row.change, row.where) for row in rows] == [
        ("further output", "t"), ("output name", "z"),
    ]  # fmt: skip


def test_options_of_inputs_speak_of_new_names(apply):
    new = InputOptions(name="left", shape=(1, 4))
    assert apply((new,), rename_inputs={"a": "left"})
    with pytest.raises(ConfigError) as caught:
        apply((InputOptions(name="a", shape=(1, 4)),), rename_inputs={"a": "left"})
    assert caught.value.code == Code.UNKNOWN_NAME


@pytest.mark.parametrize(
    ("options", "code", "where"),
    [
        ({"rename_inputs": {"c": "d"}}, Code.NO_MATCH, "surgery.rename_inputs"),
        ({"rename_inputs": {"y": "d"}}, Code.NO_MATCH, "surgery.rename_inputs"),
        ({"rename_outputs": {"a": "d"}}, Code.NO_MATCH, "surgery.rename_outputs"),
        ({"rename_inputs": {"a": "s"}}, Code.CONTRADICTION, "surgery.rename_inputs.a"),
        ({"rename_inputs": {"a": "two"}}, Code.CONTRADICTION, "surgery.rename_inputs.a"),
        ({"outputs": ("u",)}, Code.NO_MATCH, "surgery.outputs[0]"),
        ({"outputs": ("two",)}, Code.NO_MATCH, "surgery.outputs[0]"),
        ({"outputs": ("y",)}, Code.NO_EFFECT, "surgery.outputs[0]"),
    ],
)
def test_names_that_do_not_fit_the_model(apply, options, code, where):
    with pytest.raises(ConfigError) as caught:
        apply(**options)
    assert [(item.code, item.where) for item in caught.value.problems] == [(code, where)]


def test_all_kinds_of_mistakes_are_told_together(apply):
    with pytest.raises(ConfigError) as caught:
        apply(
            rename_inputs={"c": "d"},
            rename_outputs={"y": "same", "z": "same"},
            outputs=("u",),
            truncate=("v",),
        )
    assert [item.where for item in caught.value.problems] == [
        "surgery.truncate",
        "surgery.outputs[0]",
        "surgery.rename_inputs",
        "surgery.rename_outputs.y",
        "surgery.rename_outputs.z",
    ]
