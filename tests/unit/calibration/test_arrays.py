from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from toolchain.calibration.arrays import open_npy, open_npz
from toolchain.errors import Code, DataError


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64])
def test_npy_samples_lie_along_axis_0(tmp_path, order, dtype):
    array = np.asarray(np.arange(60).reshape(5, 3, 4), dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    reader = open_npy(tmp_path / "a.npy")
    assert list(reader.names()) == ["0", "1", "2", "3", "4"]
    for index in (4, 0, 2):
        np.testing.assert_array_equal(reader.read(index), array[index])
        assert reader.read(index).dtype == dtype
    np.testing.assert_array_equal(reader.whole(), array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_takes_a_key_or_the_only_array(tmp_path, save):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    save(tmp_path / "two.npz", x=x, y=np.arange(4))
    save(tmp_path / "one.npz", anything=x)
    np.testing.assert_array_equal(open_npz(tmp_path / "two.npz", "x").read(3), x[3])
    np.testing.assert_array_equal(open_npz(tmp_path / "one.npz", None).read(1), x[1])
    for key in (None, "z"):
        with pytest.raises(DataError) as caught:
            open_npz(tmp_path / "two.npz", key)
        assert caught.value.code is Code.DATA_NOT_FOUND
        assert "two.npz:x, two.npz:y" in str(caught.value)


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([None], object))
    for read in (lambda: open_npy(tmp_path / "a.npy"), lambda: open_npz(tmp_path / "a.npz", "x")):
        with pytest.raises(DataError) as caught:
            read()
        assert caught.value.code is Code.DATA_PICKLED


def test_broken_files_are_unreadable(tmp_path):
    np.save(tmp_path / "good.npy", np.zeros((10, 10)))
    data = (tmp_path / "good.npy").read_bytes()
    np.savez_compressed(tmp_path / "good.npz", x=np.zeros((10, 10)))
    packed = (tmp_path / "good.npz").read_bytes()
    cases = {
        "cut.npy": data[:-1],
        "head.npy": data[:9],
        "text.npy": b"hello",
        "cut.npz": packed[:60],
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            open_npz(path, None) if name.endswith("npz") else open_npy(path)
        assert caught.value.code is Code.DATA_UNREADABLE, name
        assert name in str(caught.value)


def test_a_single_number_has_no_samples(tmp_path):
    np.save(tmp_path / "a.npy", np.float32(1))
    with pytest.raises(DataError) as caught:
        open_npy(tmp_path / "a.npy")
    assert caught.value.code is Code.DATA_SHAPE


def test_npy_takes_no_key(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError):
        open_npy(tmp_path / "a.npy", "x")


def test_an_array_that_explodes_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x=np.zeros(1 << 20, np.uint8))
    assert open_npz(path, "x").shape == (1 << 20,)

    def unpacks_nothing(*_):
        raise AssertionError

    monkeypatch.setattr("toolchain.calibration.arrays.shutil.copyfileobj", unpacks_nothing)
    monkeypatch.setattr("zipfile.ZipFile.getinfo", lambda *_: SimpleNamespace(file_size=1 << 30))
    with pytest.raises(DataError) as caught:
        open_npz(path, "x")
    assert caught.value.code is Code.ARCHIVE_UNSAFE
