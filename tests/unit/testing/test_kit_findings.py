"""Every check of the kit finds what it is there for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import NodeView
from toolchain.core.options import Doc
from toolchain.core.quant import ScaleKind
from toolchain.core.target import (
    Measured,
    OpSupport,
    Platform,
    Requantization,
    Support,
    TargetDef,
)
from toolchain.plugin.manager import PluginManager, PluginRow
from toolchain.plugin.markers import hookimpl
from toolchain.testing import Bench, artifacts, facts
from toolchain.testing.builds import KitBuild
from toolchain.testing.models import MODELS


def rule(node: NodeView) -> Measured:
    """Anything goes."""
    return Measured(ok=True, value=node.name)


def silent(node: NodeView) -> Measured:  # noqa: ARG001 - a constraint
    return Measured(ok=True, value="")


def title(node: NodeView) -> Measured:
    """No sentence"""
    raise KeyError(node.name)


def nothing(node: NodeView) -> Any:  # noqa: ARG001 - a constraint
    """Returns something else."""
    return True


def with_rules(*rules: Any) -> Any:
    return replace(SPEC, ops={"Conv": OpSupport(constraints=rules)})


def chip(**ops: Any) -> dict[str, Any]:
    """Facts of a family with one chip of its own ways."""
    return {"platforms": (Platform(name="one", summary="The only one", ops=ops),)}


POWER = replace(SPEC.weight, scale_kind=ScaleKind.POWER_OF_TWO)
CONV = NodeView(name="c", op_type="Conv", domain="", inputs=(), outputs=())


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, None),
        ({"name": 3}, "spec.name: int: 3, should be str"),
        ({"min_scale": -1.0}, "target riscv, min_scale: -1.0, allowed: a finite number above 0"),
        ({"summary": "two\nlines"}, "summary: one line"),
        ({"notes": (" ",)}, "notes: empty"),
        ({"ops": {}}, "ops: empty"),
        ({"ops": {"Konv": OpSupport()}}, "ops[Konv]: no operator of ONNX"),
        ({"ops": {"Conv": OpSupport(support=Support.MOVE)}}, "ops[Conv]: marked MOVE"),
        ({"fused_activations": frozenset({"Relo"})}, "fused_activations: Relo"),
        (chip(Conv=OpSupport(support=Support.MOVE)), "platform one, ops[Conv]: marked MOVE"),
        (chip(Erf=None), None),
        (chip(Hardmax=None), "platform one, ops[Hardmax]: the family does not run it anyway"),
        (
            {"requantization": Requantization.SHIFT, "weight": POWER},
            "target riscv, activation.scale_kind: float, allowed: power_of_two",
        ),
    ],
)
def test_inconsistent_facts(changes: dict[str, Any], found: str | None) -> None:
    findings = list(facts.inconsistent(TargetDef(spec=replace(SPEC, **changes))))
    assert len(findings) == (found is not None)
    assert found is None or findings[0].startswith(found)


def test_rules_that_do_not_speak() -> None:
    assert list(facts.silent_rules(with_rules(rule))) == []
    assert list(facts.silent_rules(with_rules(silent))) == [
        "ops[Conv]: `silent` has no docstring, which is its rule"
    ]
    assert list(facts.silent_rules(with_rules(title))) == [
        "ops[Conv]: the rule is no sentence: No sentence"
    ]
    assert list(facts.silent_rules(with_rules(rule, rule))) == [
        "ops[Conv]: two constraints say the same"
    ]


def test_rules_that_do_not_measure() -> None:
    assert list(facts.unmeasured(with_rules(rule), [CONV])) == []
    findings = list(facts.unmeasured(with_rules(silent, title, nothing), [CONV]))
    assert [text.partition(": ")[2] for text in findings] == [
        "does not say what it measured",
        "raised KeyError: 'c'",
        "returned bool: True, should be Measured",
    ]


@dataclass(frozen=True, kw_only=True)
class Options:
    told: Annotated[int, Doc("Is told.")] = 0
    untold: int = 0


def test_options_without_a_text() -> None:
    (finding,) = facts.undocumented(TargetDef(spec=SPEC, options=Options))
    assert finding.startswith("options.untold: no text")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(
        manager=PluginManager.load(), target="riscv", folder=tmp_path_factory.mktemp("bench")
    )


@pytest.fixture(scope="module")
def built(bench: Bench) -> KitBuild:
    return bench.build("gemm", MODELS["gemm"])


def other_facts(bench: Bench, **changes: Any) -> Bench:
    """A bench whose target has the same plugins, but for other facts."""

    class Other:
        @hookimpl
        def tc_targets(self) -> list[TargetDef]:
            return [TargetDef(spec=replace(SPEC, **changes))]

    rows = [row for row in bench.manager.describe() if row.name != "riscv"]
    plugins = [(row, bench.manager.module(row.name)) for row in rows]
    mine = PluginRow(name="riscv", distribution="toolchain", version="0")
    return replace(bench, manager=PluginManager([*plugins, (mine, Other())]))


def test_plans_and_programs_beyond_the_facts(bench: Bench, built: KitBuild) -> None:
    plan, program = artifacts.plan_problems, artifacts.program_problems
    assert [*plan(bench, built), *program(bench, built)] == []
    other = other_facts(bench, activation_dtypes=(DType.UINT8,), weight_dtypes=(DType.INT4,))
    assert any("specs[x]: int8, allowed: uint8" in text for text in plan(other, built))
    assert any("int8, allowed: uint8" in text for text in program(other, built))
    coarse = other_facts(bench, min_scale=1e3)
    assert any("is below min_scale" in text for text in program(coarse, built))
    shifting = replace(SPEC.activation, scale_kind=ScaleKind.POWER_OF_TWO)
    power = other_facts(bench, activation=shifting)
    assert any("is no power of two" in text for text in program(power, built))


def test_checks_that_failed(built: KitBuild) -> None:
    assert list(artifacts.check_problems(built)) == []
    check = built.result.check
    assert check is not None
    rows = (replace(check.rows[0], passed=False), *check.rows[1:])
    failed = replace(built, result=replace(built.result, check=replace(check, rows=rows)))
    assert len(list(artifacts.check_problems(failed))) == 1
    unchecked = replace(built, result=replace(built.result, check=None))
    assert list(artifacts.check_problems(unchecked)) == ["the build was not checked"]


def test_programs_that_are_not_the_lowered_one(bench: Bench, built: KitBuild) -> None:
    assert list(artifacts.saved_problems(bench, built)) == []
    other = bench.build("other", MODELS["gemm"], {"calibration.samples": 1})
    findings = list(artifacts.saved_problems(bench, replace(built, qdq=other.qdq)))
    assert any("other bytes than those of the program" in text for text in findings)
    assert any("of the saved program differs" in text for text in findings)


def test_builds_that_differ(built: KitBuild, tmp_path: Path) -> None:
    assert list(artifacts.unequal_files(built, built)) == []
    copy = tmp_path / "copy"
    shutil.copytree(built.folder, copy)
    (copy / "report.md").write_text("other")
    (copy / "more.txt").write_text("more")
    (copy / "config.json").write_text("{}")
    assert list(artifacts.unequal_files(built, replace(built, folder=copy))) == [
        "more.txt: written by one of two equal builds only",
        "report.md: two equal builds wrote different bytes",
    ]


def test_rules_of_a_single_chip_are_run_too() -> None:
    spec = replace(SPEC, **chip(Conv=OpSupport(constraints=(title,))))
    (silent_one,) = facts.silent_rules(spec)
    assert silent_one == "platform one, ops[Conv]: the rule is no sentence: No sentence"
    (found,) = (line for line in facts.unmeasured(spec, [CONV]) if line.startswith("platform"))
    assert "raised KeyError" in found
