from __future__ import annotations

import os

import numpy as np
import pytest

from toolchain.calibration.readers import READERS
from toolchain.calibration.sources import Selection, open_source, paths_of, source_digest
from toolchain.core.options import Order
from toolchain.errors import Code, ConfigError, DataError

FIRST = Selection(samples=3)


def test_selection():
    assert FIRST.positions(5) == [0, 1, 2]
    assert FIRST.positions(2) == [0, 1]
    assert Selection(samples=0).positions(4) == [0, 1, 2, 3]
    assert Selection(samples=2, among=(1, 3, 4)).positions(6) == [1, 3]
    drawn = Selection(samples=4, order=Order.RANDOM, seed=7).positions(100)
    assert drawn == sorted(np.random.default_rng(7).permutation(100)[:4].tolist())
    assert drawn != Selection(samples=4, order=Order.RANDOM, seed=8).positions(100)


def test_paths_of_inputs():
    assert paths_of("a.npy", ["x"]) == ["a.npy"]
    assert paths_of({"y": "b", "x": "a"}, ["x", "y"]) == ["a", "b"]
    with pytest.raises(ConfigError) as caught:
        paths_of("a.npy", ["x", "y"])
    assert caught.value.code is Code.BAD_VALUE
    with pytest.raises(ConfigError) as caught:
        paths_of({"z": "c", "y": "b"}, ["x", "y"])
    assert [problem.code for problem in caught.value.problems] == [
        Code.UNKNOWN_NAME,
        Code.BAD_VALUE,
    ]


def test_missing_and_unknown_sources(tmp_path):
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path / "gone"), READERS)
    assert caught.value.code is Code.DATA_NOT_FOUND
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path / "a.pdf"), READERS)
    assert caught.value.code is Code.DATA_UNREADABLE


def test_digest_follows_files_list_key_and_selection(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"1")
    listing = tmp_path / "l.txt"
    listing.write_text("d/a.png\n")
    (tmp_path / "a.npz").write_bytes(b"x")
    sources = [str(folder), str(listing), f"{tmp_path / 'a.npz'}:k"]
    before = [source_digest(source, FIRST) for source in sources]
    assert before == [source_digest(source, FIRST) for source in sources]
    assert source_digest(str(tmp_path / "a.npz"), FIRST) != before[2]
    assert source_digest(sources[0], Selection(samples=4)) != before[0]
    (folder / "a.png").write_bytes(b"22")
    assert source_digest(sources[0], FIRST) != before[0]
    assert source_digest(sources[1], FIRST) != before[1]


def test_digest_follows_the_time_but_not_the_place(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "i.png").write_bytes(b"1")
        os.utime(tmp_path / name / "i.png", ns=(5, 5))
    first = source_digest(str(tmp_path / "a"), FIRST)
    assert first == source_digest(str(tmp_path / "b"), FIRST)
    os.utime(tmp_path / "a" / "i.png", ns=(5, 6))
    assert source_digest(str(tmp_path / "a"), FIRST) != first
    with pytest.raises(DataError):
        source_digest(str(tmp_path / "gone"), FIRST)
