"""Samples on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from toolchain.core.samples import InputSpec, SampleStore


@pytest.fixture
def store(tmp_path: Path) -> SampleStore:
    """Three samples of an image and a number each."""
    np.arange(3 * 4, dtype="<f4").tofile(tmp_path / "input_0.bin")
    np.arange(3, dtype="<i8").tofile(tmp_path / "input_1.bin")
    record = {
        "inputs": [
            {"name": "image", "dtype": "float32", "shape": [1, 2, 2]},
            {"name": "number", "dtype": "int64", "shape": [1]},
        ],
        "names": ["a", "b", "c"],
    }
    (tmp_path / "samples.json").write_text(json.dumps(record))
    return SampleStore.open(tmp_path)


def test_open(store: SampleStore):
    assert len(store) == 3
    assert store.names == ("a", "b", "c")
    assert store.inputs[0] == InputSpec(name="image", dtype="float32", shape=(1, 2, 2))


def test_one_sample(store: SampleStore):
    found = store.batch(1)
    assert found["image"].dtype == np.float32
    np.testing.assert_array_equal(found["image"], [[[4, 5], [6, 7]]])
    np.testing.assert_array_equal(found["number"], [1])


def test_batches_end_with_the_store(store: SampleStore):
    found = list(store.batches(2))
    assert [item["image"].shape for item in found] == [(2, 2, 2), (1, 2, 2)]
    np.testing.assert_array_equal(found[1]["number"], [2])
    assert store.batch(2, 9)["number"].tolist() == [2]


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, [0, 1, 2]), (2, [0, 1]), (0, []), (9, [0, 1, 2])]
)
def test_limit(store: SampleStore, limit: int | None, expected: list[int]):
    assert [int(item["number"][0]) for item in store.batches(limit=limit)] == expected
