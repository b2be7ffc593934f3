from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.comparison import compare
from toolchain.core.check_report import CheckReport
from toolchain.core.options import CheckOptions, CompareOptions, Metric, Scope
from toolchain.core.progress import SilentProgress
from toolchain.errors import Code, ConfigError

BODY = """
    c = Conv<kernel_shape = [3, 3]>(x, w, b)
    r = Relu(c)
    p = GlobalAveragePool(r)
    f = Flatten(p)
    y = Gemm<transB = 1>(f, v)
"""


@pytest.fixture
def built(make_text_model: Callable[..., Any], build: Callable[..., Any]) -> Any:
    """A small classifier, all of it on integers."""
    rng = np.random.default_rng(3)
    proto = make_text_model(
        BODY,
        "float[1,3,6,6] x",
        "float[1,4] y",
        w=rng.normal(0, 0.4, (5, 3, 3, 3)).astype(np.float32),
        b=rng.normal(0, 0.4, 5).astype(np.float32),
        v=rng.normal(0, 0.4, (4, 5)).astype(np.float32),
    )
    return build(proto)


def check(built: Any, **options: Any) -> CheckReport:
    return compare(
        built.float_path,
        built.qdq_path,
        built.program,
        built.samples,
        CheckOptions(**options),
        threads=1,
        progress=SilentProgress(),
    )


def values(report: CheckReport, comparison: str) -> dict[str, float]:
    return {row.tensor: row.value for row in report.rows if row.comparison == comparison}


def outputs(built: Any) -> tuple[Any, Any]:
    """The output of float model and reference on the first 4 samples, each (4, 1, 4) in float64."""
    real, reference = built.onnxruntime(qdq=False)["y"], built.reference()["y"]
    return real[:4].astype(np.float64), reference[:4].astype(np.float64)


def test_cosine_of_the_worst_sample(built: Any) -> None:
    report = check(built)
    real, reference = outputs(built)
    worst = min(
        float(a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in zip(real, reference, strict=True)
    )
    assert values(report, "float_reference") == {"y": pytest.approx(worst, abs=1e-6)}
    assert report.samples == 4
    assert report.passed


def test_allclose_is_the_share_of_the_tolerance(built: Any) -> None:
    options = CompareOptions(metric=Metric.ALLCLOSE, rtol=0.05, atol=0.02)
    report = check(built, float_reference=options)
    real, reference = outputs(built)
    excess = np.max(np.abs(real - reference) / (0.02 + 0.05 * np.abs(real)))
    (row,) = [row for row in report.rows if row.comparison == "float_reference"]
    assert row.value == pytest.approx(excess, rel=1e-3)
    assert (row.limit, row.passed) == (1.0, bool(excess <= 1.0))


def test_exact_counts_elements_of_the_worst_sample(built: Any) -> None:
    report = check(built, float_reference=CompareOptions(metric=Metric.EXACT))
    real, reference = outputs(built)
    (row,) = [row for row in report.rows if row.comparison == "float_reference"]
    unequal = max(int(np.count_nonzero(a != b)) for a, b in zip(real, reference, strict=True))
    assert (row.value, row.limit, row.passed) == (unequal, 0.0, unequal == 0)
    assert report.passed == (unequal == 0)


def test_the_qdq_model_and_the_reference_store_the_same_integers(built: Any) -> None:
    exact = CompareOptions(metric=Metric.EXACT)
    report = check(built, qdq_reference=exact, samples=8)
    found = values(report, "qdq_reference")
    assert {"x", "r", "p", "f", "y"} <= set(found)
    # Ties that float arithmetic hides may differ, but no more than a few.
    assert sum(found.values()) <= 3


def test_scopes(built: Any) -> None:
    assert set(values(check(built), "float_reference")) == {"y"}
    layers = values(check(built, scope=Scope.LAYERS), "float_reference")
    assert {"x", "r", "p", "f", "y"} <= set(layers)
    assert "c" not in layers
    assert layers["x"] >= layers["y"] >= 0.99


def test_excluded_tensors_are_not_compared(built: Any) -> None:
    report = check(built, scope=Scope.LAYERS, exclude=("^[rp]$",))
    for comparison in ("float_reference", "qdq_reference"):
        assert {"r", "p"}.isdisjoint(values(report, comparison))
    everything = check(built, scope=Scope.LAYERS)
    kept = values(report, "qdq_reference")
    # What stands behind an excluded tensor is compared as before.
    assert kept == {k: v for k, v in values(everything, "qdq_reference").items() if k in kept}


def test_a_difference_in_one_layer_shows_there_and_not_behind_it(built: Any) -> None:
    program = built.program
    name, weights = next(
        (name, array) for name, array in program.constants.items() if array.ndim == 4
    )
    other = np.clip(weights.astype(int) + 9, -127, 127).astype(np.int8)
    spoilt = {**program.constants, name: other}
    built.program = replace(program, constants=spoilt)
    report = check(built, qdq_reference=CompareOptions(metric=Metric.EXACT), samples=2)
    found = values(report, "qdq_reference")
    assert found["r"] > 10
    assert (found["x"], found["p"], found["f"]) == (0, 0, 0)
    assert not report.passed


@pytest.mark.parametrize(
    ("exclude", "code", "where"),
    [
        (("(",), Code.BAD_VALUE, "check.exclude[0]"),
        (("^r$", "*"), Code.BAD_VALUE, "check.exclude[1]"),
        (("^r$", "nothing"), Code.NO_MATCH, "check.exclude[1]"),
        ((".",), Code.NO_MATCH, "check.exclude"),
    ],
)
def test_bad_patterns(built: Any, exclude: tuple[str, ...], code: Code, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(built, exclude=exclude)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (code, where)


def test_fewer_samples_than_asked_for(built: Any) -> None:
    assert check(built, samples=99).samples == 8
