"""A model made by hand, whose numbers follow from its description: y = floor(q / 2) / 2 + bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from toolchain.accelerator.container.records import Container, MachineSegment, Variant
from toolchain.accelerator.runtime import Runtime
from toolchain.core.dtypes import Array
from toolchain.core.machine import Machine
from toolchain.errors import CompileError, ConfigError, DataError, InternalError
from toolchain.testing.containers import sample_container

X = np.array([[1, -2, 3], [0.6, -0.6, 100], [4, 5, 6]], np.float32)
# q: 2 -4 6 | 1 -1 127 | 8 10 12; h: 1 -2 3 | 0 -1 63 | 4 5 6
Y = np.array([[10.5, 19, 31.5], [10, 19.5, 61.5], [12, 22.5, 33]], np.float32)


@pytest.mark.parametrize("batches", [(1,), (1, 2), (3,), (2, 1)])
def test_samples_in_any_batches(toy: Machine, batches: tuple[int, ...]) -> None:
    found = Runtime(sample_container(batches), toy).run({"x": X})
    assert set(found) == {"y"}
    assert found["y"].dtype == np.float32
    np.testing.assert_array_equal(found["y"], Y)


def test_one_sample(toy: Machine) -> None:
    np.testing.assert_array_equal(Runtime(sample_container(), toy).run({"x": X[:1]})["y"], Y[:1])


def test_batches_are_those_of_the_group(toy: Machine) -> None:
    runtime = Runtime(sample_container((4, 1), groups=2), toy, group=1)
    assert runtime.batches == (1, 4)


def test_layers_of_machine_and_host(toy: Machine) -> None:
    found = Runtime(sample_container(), toy).trace({"x": X[:2]})
    np.testing.assert_array_equal(found["q"], [[2, -4, 6], [1, -1, 127]])
    np.testing.assert_array_equal(found["h"], [[1, -2, 3], [0, -1, 63]])
    np.testing.assert_array_equal(found["d"], [[0.5, -1, 1.5], [0, -0.5, 31.5]])
    np.testing.assert_array_equal(found["y"], Y[:2])


def test_layers_in_one_batch_only(toy: Machine) -> None:
    with pytest.raises(DataError, match="one batch only"):
        Runtime(sample_container(), toy).trace({"x": X})


def probing(container: Container, *kept: int) -> Container:
    """The same with some of the probes, of a tensor that no port shows."""

    def changed(variant: Variant) -> Variant:
        first, machine, last = variant.segments
        assert isinstance(machine, MachineSegment)
        probes = tuple(replace(machine.code.probes[index], tensor="inside") for index in kept)
        code = replace(machine.code, probes=probes)
        return replace(variant, segments=(first, replace(machine, code=code), last))

    return replace(container, variants=tuple(changed(variant) for variant in container.variants))


def test_probes_make_a_tensor(toy: Machine) -> None:
    found = Runtime(probing(sample_container(), 0, 1), toy).trace({"x": X[:1]})
    np.testing.assert_array_equal(found["inside"], [[1, -2, 3]])


def test_probes_that_leave_something_out(toy: Machine) -> None:
    with pytest.raises(InternalError, match="1 of 3"):
        Runtime(probing(sample_container(), 1), toy).trace({"x": X[:1]})


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "An input is missing"),
        ({"x": X, "z": X}, "The model has no such input"),
        ({"x": X.astype(np.float64)}, "An input has the wrong type"),
        ({"x": X[:, :2]}, "An input has the wrong shape"),
        ({"x": X[0]}, "An input has the wrong shape"),
        ({"x": X[:0]}, "An input has the wrong shape"),
        ({"x": np.float32(1)}, "An input has the wrong shape"),
        ({"x": X * np.float32(np.inf)}, "An input is not finite"),
    ],
)
def test_feeds_that_do_not_fit(toy: Machine, feeds: dict[str, Array], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Runtime(sample_container(), toy).run(feeds)


def test_another_machine(toy: Machine) -> None:
    with pytest.raises(CompileError, match="compiled for another machine"):
        Runtime(sample_container(), replace(toy, name="other"))


def test_another_group(toy: Machine) -> None:
    with pytest.raises(ConfigError, match="no such group"):
        Runtime(sample_container(), toy, group=1)
