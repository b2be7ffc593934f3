from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from toolchain.config.fields import fields_of, type_text
from toolchain.config.records import FileConfig
from toolchain.config.schema import json_schema, leaves
from toolchain.core import options

COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "config.schema.json"
REGENERATE = (
    "the options have changed: write json.dumps(json_schema(), indent=2) and a newline to it"
)


def test_the_committed_schema_is_up_to_date():
    text = json.dumps(json_schema(), indent=2) + "\n"
    assert COMMITTED.read_text(encoding="utf-8") == text, REGENERATE


def test_every_leaf_of_every_record_is_listed():
    paths = {leaf.path for leaf in leaves()}
    assert len(paths) == len(leaves())
    sections = {
        "input.*": options.InputOptions,
        "surgery.nodes.*": options.NodePatch,
        "surgery.constants.*": options.ConstantPatch,
        "optimize": options.OptimizeOptions,
        "calibration": options.CalibrationOptions,
        "evaluation": options.EvaluationOptions,
        "quantize": options.QuantizeOptions,
        "mixed_precision.rules.*": options.PrecisionRule,
        "mixed_precision.pins.*": options.RangePin,
        "compile": options.CompileOptions,
        "compile.input_processors.*": options.InputProcessor,
        "compile.output_processors.*": options.OutputProcessor,
        "compile.sub_configs.*": options.SubConfig,
        "compile.groups.*": options.ShapeGroup,
        "analysis": options.AnalysisOptions,
        "check.float_reference": options.CompareOptions,
        "check.qdq_reference": options.CompareOptions,
        "check.compiled": options.CompiledCheckOptions,
    }
    expected = {
        f"{path}.{field.name}"
        for path, record in sections.items()
        for field in dataclasses.fields(record)
    }
    expected -= {f"compile.{name}" for name in ("sub_configs", "groups")}
    expected -= {f"compile.{name}" for name in ("input_processors", "output_processors")}
    expected |= {f"check.{name}" for name in ("enabled", "data", "samples", "scope", "exclude")}
    expected |= {"check.runners", "check.emulated_samples"}
    expected |= {
        f"surgery.{name}"
        for name in ("input_shapes", "rename_inputs", "rename_outputs", "outputs", "truncate")
    }
    expected |= {"model", "output", "targets", "target.*.platform", "target.*.options"}
    assert paths == expected


def test_every_leaf_is_explained():
    for leaf in leaves():
        assert leaf.doc.endswith("."), leaf.path
        assert leaf.type, leaf.path


def test_leaves_know_their_defaults(targets):
    found = {leaf.path: leaf for leaf in leaves(targets)}
    assert found["check.qdq_reference.min_cosine"].default == 0.999
    assert found["check.float_reference.min_cosine"].default == 0.9
    assert found["quantize.unsupported"].default == "cpu"
    assert found["calibration.data"].required
    assert found["target.vector.options.vlen"].type == "integer >= 64"
    assert found["target.vector.options.memory.banks"].default == 4
    assert found["target.vector.platform"].type == "`v1` or `v2`"
    assert found["target.tile-npu.platform"].default == "n1"


def test_the_schema_carries_texts_defaults_and_limits(targets):
    schema = json_schema(targets)
    assert schema["properties"]["target"]["additionalProperties"] is False
    assert set(schema["properties"]["target"]["properties"]) == set(targets)
    quantize = schema["$defs"]["QuantizeOptions"]
    assert quantize["additionalProperties"] is False
    percentile = quantize["properties"]["percentile"]
    assert percentile["maximum"] == 1.0
    assert percentile["default"] == 0.9999
    assert percentile["description"].startswith("Share of the elements")
    assert schema["$defs"]["Unsupported"]["enum"] == ["cpu", "error"]
    vector = schema["$defs"]["VectorOptions"]["properties"]
    assert vector["vlen"]["minimum"] == 64
    assert vector["memory"]["default"] == {"banks": 4, "size_bytes": 1024}
    assert "VectorOptions" not in json_schema()["$defs"]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "integer"),
        (tuple[float, ...], "list of numbers"),
        (int | tuple[int, int] | None, "integer or [integer, integer]"),
        (options.Scope, "`outputs` or `layers`"),
        (str | dict[str, str], "text or table"),
    ],
)
def test_types_in_words(annotation, text):
    assert type_text(annotation) == text


def test_sections_hold_records_and_lists_of_them():
    found = {field.name: field for field in fields_of(FileConfig)}
    assert (found["input"].record, found["input"].repeated) == (options.InputOptions, True)
    assert (found["check"].record, found["check"].repeated) == (options.CheckOptions, False)
    assert found["evaluation"].record is options.EvaluationOptions
    assert found["model"].record is None
