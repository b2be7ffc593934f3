"""What a rebuild repeats, and what it takes from the cache."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.pipeline.build import STAGES

RULE = {"nodes": ["conv2"], "output_dtype": "uint8"}
BEHIND = {"compile", "check", "analyze"}
"""What follows every change of the quantized model."""


@pytest.fixture
def no_model_runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Calling it makes every further forward run fail."""

    def forbid() -> None:
        def fail(*_: object, **__: object) -> None:
            raise AssertionError("a model was run")

        monkeypatch.setattr("onnxruntime.InferenceSession", fail)
        monkeypatch.setattr("toolchain.program.interpreter.Interpreter.run", fail)
        monkeypatch.setattr("toolchain.pipeline.stages.calibrate.sweep", fail)
        monkeypatch.setattr("toolchain.pipeline.stages.samples.prepare_samples", fail)

    return forbid


def repeated(project: Any, before: dict[str, set[str]]) -> set[str]:
    """Cache steps that have entries they did not have before."""
    after = project.entries()
    return {stage for stage in after if after[stage] - before.get(stage, set())}


def test_an_unchanged_rebuild_runs_no_model(
    evaluated: Any, no_model_runs: Callable[[], None]
) -> None:
    project = evaluated.changed(mixed_precision__rules=[RULE], analysis__enabled=True)
    first = project.build()
    files, entries = project.files(), project.entries()
    no_model_runs()
    second = project.build()
    assert first.cached == ()
    assert second.cached == tuple(STAGES)
    assert project.files() == files
    assert project.entries() == entries
    assert (second.check, second.accuracy) == (first.check, first.accuracy)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"mixed_precision.rules": [{**RULE, "nodes": ["pool"]}]},
         {"mixed-precision", *BEHIND}),
        ({"check.samples": 2}, {"check"}),
        ({"analysis.mode": "end_to_end"}, {"analyze"}),
        ({"analysis.data": "calibration.npy"}, {"samples", "analyze"}),
        ({"check.qdq_reference.min_cosine": 0.5}, {"check"}),
        ({"evaluation.metric": "top5"}, {"check"}),
        ({"evaluation.max_drop": 1.0}, set()),
        ({"quantize.method": "minmax"}, {"quantize", "mixed-precision", *BEHIND}),
        ({"compile.name": "other"}, BEHIND),
        ({"target.riscv.platform": "k3"}, {"quantize", "mixed-precision", *BEHIND}),
        ({"optimize.skip": ["identity"]},
         {"optimize", "quantize", "mixed-precision", *BEHIND}),
        ({"calibration.threads": 1}, set()),
        ({"calibration.batch_size": 2},
         {"calibrate", "quantize", "mixed-precision", *BEHIND}),
        ({"calibration.samples": 5},
         {"samples", "optimize", "calibrate", "quantize", "mixed-precision", *BEHIND}),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else None,
)  # fmt: skip
def test_a_change_repeats_what_depends_on_it(
    evaluated: Any, changes: dict[str, Any], steps: set[str]
) -> None:
    rules = {"mixed_precision.rules": [{**RULE, "nodes": ["fc"]}]}
    project = evaluated.changed({**rules, "analysis.enabled": True, "analysis.samples": 4})
    project.build()
    before = project.entries()
    changed = project.changed(changes)
    result = changed.build()
    assert repeated(changed, before) == steps
    assert set(result.cached) == set(STAGES) - steps


def test_a_rule_that_stores_an_absorbed_value_sweeps_that_value_alone(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolchain.pipeline.stages import calibrate

    plain = project.build()
    observed: list[tuple[str, ...]] = []
    sweep = calibrate.sweep

    def recording(model: Path, values: Any, *rest: Any) -> Any:
        observed.append(tuple(values))
        return sweep(model, values, *rest)

    monkeypatch.setattr("toolchain.pipeline.stages.calibrate.sweep", recording)
    mixed = project.changed(mixed_precision__rules=[RULE]).build()
    assert observed == [("c2",)]
    assert (plain.calibration.forwards, plain.calibration.own_forwards) == (12, 0)
    assert (mixed.calibration.forwards, mixed.calibration.own_forwards) == (12, 12)


def test_another_model_of_the_same_name(project: Any, make_tiny: Any) -> None:
    project.build()
    files = project.files()
    before = project.entries()
    project.save("tiny.onnx", make_tiny(seed=1))
    assert project.build().cached == ()
    assert repeated(project, before) >= {"samples", "optimize", "calibrate", "check"}
    assert project.files() != files


def test_files_that_were_only_touched_give_the_same_bytes(project: Any) -> None:
    project.build()
    files, before = project.files(), project.entries()
    for name in ("calibration.npy", "tiny.onnx"):
        os.utime(project.folder / name, ns=(1, 1))
    result = project.build()
    assert result.cached == ("optimize", "quantize", "compile", "check")
    assert repeated(project, before) == {"samples"}
    assert project.files() == files


def test_other_samples_of_the_same_name(project: Any) -> None:
    project.build()
    data = np.load(project.folder / "calibration.npy")
    np.save(project.folder / "calibration.npy", data * 2)
    os.utime(project.folder / "calibration.npy", ns=(1, 1))
    assert project.build().cached == ()


def test_going_back_finds_everything_again(project: Any) -> None:
    project.build()
    project.changed(quantize__method="minmax").build()
    assert len(project.build().cached) == 4


@pytest.fixture
def sourced(tmp_path: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """A manager with a target-independent plugin whose only file has the text given."""
    file = tmp_path / "sourced_plugin.py"
    module = types.ModuleType("sourced_plugin")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "sourced_plugin", module)

    def make(text: str) -> Any:
        file.write_text(text)
        return plugins(sourced=module)

    return make


def test_the_source_of_a_plugin_counts(project: Any, sourced: Callable[[str], Any]) -> None:
    assert project.build(manager=sourced("VALUE = 1")).cached == ()
    assert len(project.build(manager=sourced("VALUE = 1")).cached) == 4
    before = project.entries()
    assert project.build(manager=sourced("VALUE = 2")).cached == ("optimize",)
    # It reads no data and optimizes as all targets do, so that samples, float model and sweep stay.
    assert repeated(project, before) == {"quantize", "compile", "check"}
