from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.statistics import stats_of
from toolchain.calibration.stats_file import load_stats, save_stats
from toolchain.errors import CalibrationError

ARRAYS = ("bins", "histogram", "channel_abs_max", "channel_sum")


def stats():
    rng = np.random.default_rng(0)
    shapes = {"b/ü": (1, 3, 8, 8), "a": (7,), "c": (2, 2)}
    return {
        name: stats_of(rng.normal(size=shape).astype(np.float32)) for name, shape in shapes.items()
    }


def test_round_trip(tmp_path):
    saved = stats()
    save_stats(saved, tmp_path / "s")
    loaded = load_stats(tmp_path / "s")
    assert list(loaded) == ["a", "b/ü", "c"]
    for name, item in saved.items():
        other = loaded[name]
        assert (item.count, item.minimum, item.maximum, item.channel_count) == (
            other.count,
            other.minimum,
            other.maximum,
            other.channel_count,
        )
        for array in ARRAYS:
            np.testing.assert_array_equal(getattr(item, array), getattr(other, array))
            assert getattr(item, array).dtype == getattr(other, array).dtype
            assert not getattr(other, array).flags.writeable


def test_same_bytes_in_any_order(tmp_path):
    items = stats()
    save_stats(items, tmp_path / "a")
    save_stats(dict(reversed(items.items())), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]


def test_broken_files(tmp_path):
    save_stats(stats(), tmp_path / "s")
    data = (tmp_path / "s").read_bytes()
    for content in (b"", b"something else", data[:-3], data[:40], data + b"\0"):
        (tmp_path / "s").write_bytes(content)
        with pytest.raises(CalibrationError):
            load_stats(tmp_path / "s")
    with pytest.raises(CalibrationError):
        load_stats(tmp_path / "gone")
