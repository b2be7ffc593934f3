"""Several targets in one evaluation share what they have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tc_target_riscv.facts import SPEC
from toolchain.api import TargetDef, hookimpl
from toolchain.config.loading import read_config
from toolchain.config.resolve import resolve
from toolchain.core.progress import SilentProgress
from toolchain.pipeline.evaluate import Wanted, evaluate_resolved


class Second:
    """A target with the facts of riscv."""

    @hookimpl
    def tc_targets(self) -> list[TargetDef]:
        return [TargetDef(spec=replace(SPEC, name="second"))]


def score(plugins: Any, project: Any) -> Any:
    """The report on riscv and a second target of the same facts."""

    manager = plugins(second=Second())
    resolved = resolve(read_config(project.write()), (), manager.targets(), ("riscv", "second"))
    return evaluate_resolved(resolved, Wanted(), manager=manager, progress=SilentProgress())


def test_the_float_model_runs_once_for_all_targets(plugins: Any, evaluated: Any) -> None:
    rows = score(plugins, evaluated).rows
    assert [(row.target, row.form) for row in rows] == [
        ("riscv, second", "float"),
        ("riscv", "qdq"),
        ("riscv", "reference"),
        ("second", "qdq"),
        ("second", "reference"),
    ]
    for first, second in zip(rows[1:3], rows[3:], strict=True):
        assert (first.score, first.sqnr_db, first.low) == (second.score, second.sqnr_db, second.low)


def test_targets_with_float_models_of_their_own(
    plugins: Any, evaluated: Any, make_tiny: Any
) -> None:
    # A node that only the first target drops.
    proto = make_tiny()
    proto.graph.node[1].output[0] = "same"
    proto.graph.node.insert(2, _identity("same", "r1"))
    project = evaluated.save("identity.onnx", proto)
    project = project.changed({"target.second.optimize.skip": ["identity"]})
    rows = score(plugins, project).rows
    assert [row.target for row in rows if row.form == "float"] == ["riscv", "second"]
    assert len(rows) == 6


def _identity(source: str, destination: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [source], [destination], "same")
