"""Rules and pins, from the config to the integer program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolchain.errors import Code, ConfigError, QuantizationError, ToolchainError


def rows(result: Any) -> dict[str, Any]:
    """The report's row of every stored tensor."""
    return {row.value: row for row in result.quantize.rows}


def mixed(project: Any, *rules: dict[str, Any], pins: tuple[dict[str, Any], ...] = ()) -> Any:
    """The result of a build with these rules and pins."""
    changed = project.changed(mixed_precision={"rules": list(rules), "pins": list(pins)})
    result = changed.build()
    assert result.check.passed
    return result


def effects(result: Any) -> list[tuple[str, str, str, str]]:
    return [(e.rule, e.selector, e.target, e.setting) for e in result.effects]


@pytest.mark.parametrize(
    ("rule", "islands", "selector"),
    [
        ({"nodes": ["conv2"], "input_dtype": "float32"}, ["conv2"], "nodes conv2"),
        ({"nodes": ["conv*"], "weight_dtype": "float32"}, ["conv1", "conv2"], "nodes conv*"),
        ({"op_types": ["Gemm"], "input_dtype": "float32"}, ["fc"], "op_types Gemm"),
    ],
)
def test_a_float_island(
    project: Any, rule: dict[str, Any], islands: list[str], selector: str
) -> None:
    result = mixed(project, rule)
    found = {row.node: row for row in result.quantize.islands}
    assert set(islands) <= set(found)
    assert {found[name].reason for name in islands} == {
        "a rule or the precision level asks for float"
    }
    setting = next(f"{key} = float32" for key in rule if key.endswith("dtype"))
    told = [("mixed_precision.rules[0]", selector, name, setting) for name in islands]
    assert effects(result) == told
    # Only what a rule asked for is not worth a warning.
    assert [d for d in result.diagnostics if d.problem.code == Code.RUNS_IN_FLOAT] == []


def test_a_subgraph_in_float(project: Any) -> None:
    rule = {"start": ["r2"], "end": ["f"], "input_dtype": "float32", "output_dtype": "float32"}
    result = mixed(project, rule)
    assert {row.node for row in result.quantize.islands} == {"pool", "flatten"}
    assert {"p", "f"}.isdisjoint(rows(result))
    assert "fc" not in {row.node for row in result.quantize.islands}
    assert {effect[1] for effect in effects(result)} == {"subgraph r2 to f"}


def test_the_whole_graph(project: Any) -> None:
    result = mixed(project, {"start": ["DEFAULT"], "output_dtype": "uint8"})
    stored = rows(result)
    assert {stored[name].dtype for name in ("r1", "r2", "p", "logits")} == {"uint8"}
    assert {effect[2] for effect in effects(result)} >= {"relu1", "relu2", "pool", "fc"}


def test_an_output_in_uint8_beside_int8(project: Any) -> None:
    plain = rows(project.build())
    result = mixed(project, {"nodes": ["pool"], "output_dtype": "uint8"})
    found = rows(result)
    assert (plain["p"].dtype, found["p"].dtype, found["r2"].dtype) == ("int8", "uint8", "int8")
    assert found["p"].zero_point == plain["p"].zero_point + 128
    assert found["p"].scale == plain["p"].scale
    program = json.loads((project.target / "tiny.program.json").read_text())["body"]
    dtypes = {tensor["dtype"] for tensor in program["tensors"]}
    assert {"int8", "uint8"} <= dtypes


def test_a_percentile_for_one_node(project: Any) -> None:
    plain = rows(project.changed(quantize__method="minmax").build())
    rule = {"nodes": ["relu1"], "method": "percentile", "percentile": 0.9}
    found = rows(mixed(project.changed(quantize__method="minmax"), rule))
    assert found["r1"].maximum < 0.9 * plain["r1"].maximum
    assert "percentile" in found["r1"].method
    assert (found["r2"].scale, found["x"].scale) == (plain["r2"].scale, plain["x"].scale)


def test_rules_by_node_win_over_types_and_those_over_subgraphs(project: Any) -> None:
    result = mixed(
        project,
        {"nodes": ["pool"], "output_dtype": "uint8"},
        {"op_types": ["GlobalAveragePool", "Gemm"], "output_dtype": "int8"},
        {"start": ["DEFAULT"], "output_dtype": "uint8"},
    )
    found = rows(result)
    assert (found["p"].dtype, found["logits"].dtype, found["r1"].dtype) == (
        "uint8",
        "int8",
        "uint8",
    )
    assert ("mixed_precision.rules[0]", "nodes pool", "pool", "output_dtype = uint8") in effects(
        result
    )


def test_pins(project: Any) -> None:
    result = mixed(
        project,
        pins=(
            {"tensor": "r1", "scale": 0.0625, "zero_point": -128},
            {"tensor": "logits", "min": -8.0, "max": 7.9375},
            {"tensor": "w3", "scale": [0.01, 0.02, 0.03, 0.04, 0.05]},
        ),
    )
    found = rows(result)
    assert (found["r1"].scale, found["r1"].zero_point) == (0.0625, -128)
    assert (found["logits"].scale, found["logits"].zero_point) == (0.0625, 0)
    params = json.loads((project.target / "tiny.params.json").read_text())
    scales = [entry["scale"] for entry in params.values() if len(entry["scale"]) == 5]
    assert pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05]) in scales
    assert effects(result) == [
        ("mixed_precision.pins[0]", "tensor", "r1", "scale = 0.0625"),
        ("mixed_precision.pins[1]", "tensor", "logits", "range = -8.0 .. 7.9375"),
        ("mixed_precision.pins[2]", "tensor", "w3", "scale = (0.01, 0.02, 0.03, 0.04, 0.05)"),
    ]


def test_effects_are_in_every_report(command: Any, project: Any) -> None:
    project = project.changed(
        mixed_precision__rules=[{"nodes": ["pool"], "output_dtype": "uint8"}],
        mixed_precision__pins=[{"tensor": "logits", "min": -8.0, "max": 7.9375}],
    )
    answer = command("build", "-c", project.write(), "-t", "riscv")
    assert answer.code == 0
    for text in (answer.err, (project.target / "report.md").read_text().replace("\\", "")):
        for word in ("mixed_precision.rules[0]", "output_dtype = uint8", "range = -8.0 .. 7.9375"):
            assert word in text
    report = json.loads((project.target / "report.json").read_text())
    assert [effect["target"] for effect in report["effects"]] == ["pool", "logits"]


@pytest.mark.parametrize(
    ("rule", "kind", "code", "where", "words"),
    [
        ({"nodes": ["conv3"], "output_dtype": "uint8"}, ConfigError, Code.NO_MATCH,
         "mixed_precision.rules[0].nodes", "did you mean `conv"),
        ({"op_types": ["Convv"], "output_dtype": "uint8"}, ConfigError, Code.NO_MATCH,
         "mixed_precision.rules[0].op_types", "`Conv`"),
        ({"start": ["nowhere"], "output_dtype": "uint8"}, ConfigError, Code.NO_MATCH,
         "mixed_precision.rules[0]", "nowhere"),
        ({"start": ["logits"], "output_dtype": "uint8"}, ConfigError, Code.NO_MATCH,
         "mixed_precision.rules[0]", "logits"),
        ({"nodes": ["conv1"], "output_dtype": "int16"}, ConfigError, Code.BAD_VALUE,
         "mixed_precision.rules[0].output_dtype", "int8, uint8, float32"),
        ({"nodes": ["conv1"], "weight_dtype": "int4"}, ConfigError, Code.BAD_VALUE,
         "mixed_precision.rules[0].weight_dtype", "int8, float32"),
        ({"nodes": ["pool"], "weight_dtype": "float32"}, QuantizationError,
         Code.PRECISION_NOT_APPLIED, "mixed_precision.rules[0], node pool (GlobalAveragePool)",
         "it has no constant weight"),
        ({"nodes": ["flatten"], "output_dtype": "uint8"}, QuantizationError,
         Code.PRECISION_NOT_APPLIED, "mixed_precision.rules[0], node flatten (Flatten)",
         "moves elements"),
        ({"nodes": ["fc"], "method": "lunch"}, ConfigError, Code.UNKNOWN_NAME,
         "mixed_precision.rules[0].method", "lunch"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_followed(
    project: Any,
    rule: dict[str, Any],
    kind: type[ToolchainError],
    code: Code,
    where: str,
    words: str,
) -> None:
    with pytest.raises(kind) as caught:
        project.changed(mixed_precision__rules=[rule]).build()
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.where == where
    assert words in str(problem)
    assert not project.target.exists()


@pytest.mark.parametrize(
    ("pin", "code", "words"),
    [
        ({"tensor": "nope", "scale": 1.0}, Code.NO_MATCH, "The pin names no tensor"),
        ({"tensor": "c1", "scale": 1.0}, Code.NO_EFFECT, "pin `r1`"),
        ({"tensor": "r1", "scale": [1.0, 2.0]}, Code.BAD_VALUE, "one number"),
        ({"tensor": "w1", "scale": [1.0, 2.0]}, Code.BAD_VALUE, "one number, or 4"),
        ({"tensor": "r1", "scale": 1.0, "zero_point": 300}, Code.BAD_VALUE, "-128 to 127"),
    ],
)
def test_pins_that_cannot_be_followed(
    project: Any, pin: dict[str, Any], code: Code, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        project.changed(mixed_precision__pins=[pin]).build()
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (code, "mixed_precision.pins[0]")
    assert words in str(problem)


def test_a_rule_that_another_overrides_everywhere(project: Any) -> None:
    rules = [
        {"nodes": ["pool"], "output_dtype": "int8"},
        {"nodes": ["p*"], "output_dtype": "uint8"},
    ]
    with pytest.raises(QuantizationError) as caught:
        project.changed(mixed_precision__rules=rules).build()
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (Code.NO_EFFECT, "mixed_precision.rules[0]")


def test_all_bad_rules_are_told_together(project: Any) -> None:
    rules = [
        {"nodes": ["conv9"], "output_dtype": "uint8"},
        {"op_types": ["Tanh"], "output_dtype": "uint8"},
    ]
    with pytest.raises(ConfigError) as caught:
        project.changed(mixed_precision__rules=rules).build()
    assert len(caught.value.problems) == 2


def test_types_of_another_target_are_told_before_any_work(project: Any) -> None:
    """They need no model: options and rules are named together, and nothing is in the cache."""
    rules = [{"nodes": ["fc"], "output_dtype": "int4"}, {"nodes": ["fc"], "weight_dtype": "int4"}]
    settings = {
        "mixed_precision.rules": rules,
        "quantize.activation_dtype": "int16",
        "quantize.input_dtype": "int16",
        "quantize.output_dtype": "uint16",
        "quantize.weight_dtype": "float32",
        "quantize.weight_block_size": 32,
        "quantize.bias_dtype": "int8",
    }
    with pytest.raises(ConfigError) as caught:
        project.changed(settings).build()
    assert [problem.where for problem in caught.value.problems] == [
        "quantize.activation_dtype",
        "quantize.input_dtype",
        "quantize.output_dtype",
        "quantize.weight_dtype",
        "quantize.bias_dtype",
        "quantize.weight_block_size",
        "mixed_precision.rules[0].output_dtype",
        "mixed_precision.rules[1].weight_dtype",
    ]
    assert [problem.allowed for problem in caught.value.problems[:5]] == [
        "int8, uint8",
        "int8, uint8, float32",
        "int8, uint8, float32",
        "int8",
        "int32, float32",
    ]
    assert not (project.output / ".cache" / "samples").exists()
