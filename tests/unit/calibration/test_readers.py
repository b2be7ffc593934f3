from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolchain.calibration.readers import READERS, split_key
from toolchain.core.registry import SourceRequest
from toolchain.errors import Code, DataError


def image(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((2, 2, 3), value, np.uint8)).save(path)


def reader_for(path):
    return next(reader for reader in READERS if reader.accepts(path))


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ("a/b.npz:x", "a/b.npz", "x"),
        ("B.NPZ:long key", "B.NPZ", "long key"),
        ("a.npz", "a.npz", None),
        ("C:\\data\\a.npy", "C:\\data\\a.npy", None),
        ("images", "images", None),
    ],
)
def test_split_key(text, path, key):
    assert split_key(text) == (Path(path), key)


def test_folder_is_sorted_by_relative_path(tmp_path):
    for number, name in enumerate(["b.PNG", "a/z.png", "a/c.JPG", "a.bmp", "z.webp"]):
        image(tmp_path / name, number)
    (tmp_path / "notes.txt").write_text("no image")
    found = reader_for(tmp_path)
    reader = found.open(SourceRequest(path=tmp_path))
    assert reader.images
    assert list(reader.names()) == ["a.bmp", "a/c.JPG", "a/z.png", "b.PNG", "z.webp"]
    assert reader.read(3)[0, 0].tolist() == [0, 0, 0]
    assert reader.read(2)[0, 0].tolist() == [1, 1, 1]


def test_list_of_images(tmp_path):
    image(tmp_path / "x/a.png", 9)
    image(tmp_path / "b.png", 5)
    listing = tmp_path / "list.txt"
    listing.write_text("# comment\n\nx/a.png\n  b.png  \n")
    found = reader_for(listing)
    reader = found.open(SourceRequest(path=listing))
    assert (found.name, reader.images) == ("list", True)
    assert list(reader.names()) == ["x/a.png", "b.png"]
    assert reader.read(0)[0, 0, 0] == 9


def test_list_of_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    listing = tmp_path / "list.txt"
    listing.write_text("a.npy\n")
    found = reader_for(listing)
    reader = found.open(SourceRequest(path=listing))
    assert (found.name, reader.images) == ("list", False)
    np.testing.assert_array_equal(reader.read(0), np.arange(6).reshape(2, 3))


def test_list_names_all_that_is_wrong(tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text("gone.png\nnotes.pdf\nlost.npy\n")
    with pytest.raises(DataError) as caught:
        reader_for(listing).open(SourceRequest(path=listing))
    assert [problem.got for problem in caught.value.problems] == [
        "gone.png",
        "notes.pdf",
        "lost.npy",
    ]
    codes = [problem.code for problem in caught.value.problems]
    assert codes == [Code.DATA_NOT_FOUND, Code.DATA_UNREADABLE, Code.DATA_NOT_FOUND]


def test_list_of_two_kinds_is_refused(tmp_path):
    image(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros(2))
    listing = tmp_path / "list.txt"
    listing.write_text("a.png\na.npy\n")
    with pytest.raises(DataError, match="mixes"):
        reader_for(listing).open(SourceRequest(path=listing))


def test_folder_takes_no_key(tmp_path):
    with pytest.raises(DataError, match="several arrays"):
        reader_for(tmp_path).open(SourceRequest(path=tmp_path, key="x"))
