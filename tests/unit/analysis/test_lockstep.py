"""How far a compiled form may be from the reference: y = 2 * x on two samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.lockstep import compare_in_lockstep
from toolchain.core.dtypes import Array, DType
from toolchain.core.options import CompiledCheckOptions, Scope
from toolchain.core.quant import Rounding
from toolchain.program.records import Program, Quantize, Table, Tensor

DOUBLED = np.clip(np.arange(-128, 128) * 2, -128, 127).astype(np.int8)
X = np.array([[1, 2, 3, 4]], np.float32)
"""q = 2 4 6 8 and y = 4 8 12 16, in halves."""


def program() -> Program:
    def stored(name: str) -> Tensor:
        return Tensor(name=name, dtype=DType.INT8, shape=(1, 4), scale=0.5)

    real = Tensor(name="x", dtype=DType.FLOAT32, shape=(1, 4))
    return Program(
        name="doubling",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={"x": real, "q": stored("q"), "y": stored("y")},
        constants={"twice": DOUBLED},
        operations=(
            Quantize(name="quantize", inputs=("x",), outputs=("q",)),
            Table(name="double", inputs=("q",), outputs=("y",), table="twice"),
        ),
    )


class Given:
    """Hands out q and y of the single sample `X` with something added, in every sample alike."""

    def __init__(self, **added: list[int]) -> None:
        self._added = added

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        right = {"q": [2, 4, 6, 8], "y": [4, 8, 12, 16]}
        rows = len(feeds["x"])
        return {
            name: np.array([np.add(values, self._added.get(name, 0))] * rows, np.int8)
            for name, values in right.items()
        }


def compared(runner: Any, samples: int = 1, **options: Any) -> Any:
    chosen = CompiledCheckOptions(**options)
    return compare_in_lockstep(program(), runner, [[{"x": X}] * samples], chosen)


@pytest.mark.parametrize("level", ["equal", "close", "cosine"])
@pytest.mark.parametrize("samples", [1, 3])
def test_equal_forms(level: str, samples: int) -> None:
    found = compared(Given(), samples, level=level)
    assert (found.samples, found.tensors, found.elements) == (samples, 2, 8 * samples)
    assert (found.different, found.failure) == (0, None)


@pytest.mark.parametrize(
    ("options", "metric", "value", "limit"),
    [
        ({}, "exact", 2.0, 0.0),
        # One step is 0.5: of y = 2 that is 0.25 of 0.3 * 2, and of y = 8 at least less.
        ({"level": "close", "rtol": 0.0, "atol": 0.5}, None, 0, 0),
        ({"level": "close", "rtol": 0.0, "atol": 0.25}, "allclose", 2.0, 1.0),
        ({"level": "close", "rtol": 0.125, "atol": 0.0}, "allclose", 2.0, 1.0),
        # (4 8 12 16)(5 8 12 17) = 500, their squares 480 and 522.
        ({"level": "cosine", "min_cosine": 0.998}, None, 0, 0),
        ({"level": "cosine", "min_cosine": 0.9999}, "cosine", 500 / (480 * 522) ** 0.5, 0.9999),
    ],
)
def test_levels(options: dict[str, Any], metric: str | None, value: float, limit: float) -> None:
    found = compared(Given(y=[1, 0, 0, 1]), **options)
    assert found.different == 2
    if metric is None:
        assert found.failure is None
        return
    assert (found.failure.metric, found.failure.limit) == (metric, limit)
    assert found.failure.value == pytest.approx(value, rel=1e-12)
    assert (found.failure.divergence.tensor, found.failure.divergence.right) == ("y", "a")


def test_the_first_tensor_that_is_not_tolerated() -> None:
    wrong = Given(q=[0, 0, 0, 1], y=[0, 0, 0, 5])
    assert compared(wrong).failure.divergence.tensor == "q"
    close = compared(wrong, level="close", rtol=0.0, atol=0.5)
    assert (close.failure.divergence.tensor, close.different) == ("y", 2)


def test_scope_and_exclude() -> None:
    wrong = Given(q=[0, 1, 0, 0])
    assert compared(wrong).failure.divergence.tensor == "q"
    outputs = compared(wrong, scope=Scope.OUTPUTS)
    assert (outputs.tensors, outputs.failure) == (1, None)
    without = compared(wrong, exclude=("^q$",))
    assert (without.tensors, without.elements, without.failure) == (1, 4, None)


def test_a_sample_that_sees_its_neighbour() -> None:
    """The second sample is another one; the form hands out the first for both."""
    other = {"x": X + 1}
    options = CompiledCheckOptions(scope=Scope.OUTPUTS)
    found = compare_in_lockstep(program(), Given(), [[{"x": X}, other]], options)
    assert found.failure is not None
    assert (found.failure.divergence.index, found.different) == ((1, 0), 4)
