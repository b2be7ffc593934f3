"""Samples of one's own on a form that takes several at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from toolchain.analysis.tracing import Traced, trace_runner
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.pipeline.execute import run_traced
from toolchain.program.records import Program, Tensor
from toolchain.render.runs import batches_line, run_batches


class Adding:
    """y = x + 1, of as many samples as it is fed, which it counts."""

    def __init__(self, *batches: int) -> None:
        self.batches = batches
        self.fed: list[int] = []

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        self.fed.append(len(feeds["x"]))
        return {"y": feeds["x"] + 1}


def traced(runner: Adding, *, layers: bool = False) -> Traced:
    tensors = {name: Tensor(name=name, dtype=DType.FLOAT32, shape=(1, 2)) for name in "xy"}
    program = Program(
        name="adding",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors=tensors,
        constants={},
        operations=(),
    )
    return trace_runner(program, runner, layers=layers)


def samples(count: int) -> list[dict[str, Array]]:
    return [{"x": np.full((1, 2), index, np.float32)} for index in range(count)]


@pytest.mark.parametrize(
    ("batches", "count", "fed"),
    [((1, 2, 4), 3, [2, 1]), ((1, 2, 4), 9, [4, 4, 1]), ((1,), 2, [1, 1])],
)
def test_samples_run_in_batches(batches: tuple[int, ...], count: int, fed: list[int]) -> None:
    runner = Adding(*batches)
    found = list(run_traced(traced(runner), samples(count), count))
    assert runner.fed == fed
    assert [size for size, _, _ in found] == [size for size in fed for _ in range(size)]
    for index, (_, feeds, outputs) in enumerate(found):
        np.testing.assert_array_equal(feeds["x"], np.full((1, 2), index, np.float32))
        np.testing.assert_array_equal(outputs["y"], np.full((1, 2), index + 1, np.float32))


def test_layers_are_those_of_single_samples() -> None:
    runner = Adding(1, 2)
    assert len(list(run_traced(traced(runner, layers=True), samples(2), 2))) == 2
    assert runner.fed == [1, 1]


@pytest.mark.parametrize(
    ("of_samples", "batches"), [([2, 2, 1], (2, 1)), ([1, 1], (1, 1)), ([4] * 8, (4, 4)), ([], ())]
)
def test_batches_of_samples(of_samples: list[int], batches: tuple[int, ...]) -> None:
    assert run_batches(of_samples) == batches


@pytest.mark.parametrize(
    ("of_samples", "line"),
    [([2, 2, 1], "3 samples as 2 + 1"), ([1, 1], "2 samples"), ([1], "1 sample")],
)
def test_the_line_says_what_was_run(of_samples: list[int], line: str) -> None:
    assert batches_line(of_samples) == line
