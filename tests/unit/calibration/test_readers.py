from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolchain.calibration.readers import READERS, may_feed_several, split_key
from toolchain.core.options import Format
from toolchain.core.registry import SourceRequest
from toolchain.core.samples import InputSpec
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


X = InputSpec(name="x", dtype="float32", shape=(1, 2, 2))
SAMPLE = np.arange(4, dtype=np.float32).reshape(X.shape)


def opened(path, **settings):
    return reader_for(path).open(SourceRequest(path=path, input=X, **settings))


def refusal(path, **settings):
    with pytest.raises(DataError) as caught:
        opened(path, **settings).read(0)
    return caught.value.problems


def packed(folder):
    """The folder as it is, as both kinds of archive and as a list."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [file.relative_to(folder).as_posix() for file in files]
    target = folder.parent
    with (
        zipfile.ZipFile(target / "a.zip", "w") as zipped,
        tarfile.open(target / "a.tar.gz", "w:gz") as tarred,
    ):
        for file, name in zip(files[::-1], names[::-1], strict=True):
            zipped.write(file, name)
            tarred.add(file, name)
    lines = [f"{folder.name}/{name}" for name in names]
    (target / "a.txt").write_text("\n".join(lines))
    return [folder, target / "a.zip", target / "a.tar.gz", target / "a.txt"]


@pytest.mark.parametrize("kind", ["image", "npy", "npz", "object", "bin", "raw"])
def test_the_same_samples_from_everywhere(tmp_path, kind):
    folder = tmp_path / "d"
    (folder / "in").mkdir(parents=True)
    for number in range(3):
        name, values = folder / "in" / str(number), SAMPLE + number
        if kind == "image":
            image(name.with_suffix(".png"), number)
        elif kind == "npy":
            np.save(name, values)
        elif kind == "npz":
            np.savez_compressed(name, y=values * 0, x=values)
        elif kind == "object":
            np.save(name, {"y": values * 0, "x": values}, allow_pickle=True)
        else:
            values.tofile(name.with_suffix(f".{kind}"))
    expected = SAMPLE if kind != "image" else np.zeros((2, 2, 3), np.uint8)
    for path in packed(folder):
        reader = opened(path)
        assert reader.images == (kind == "image")
        assert [Path(name).stem for name in reader.names()] == ["0", "1", "2"]
        for index in (2, 0, 1):
            np.testing.assert_array_equal(reader.read(index), expected + index)


def test_files_of_archives_are_lent(tmp_path):
    (tmp_path / "d").mkdir()
    image(tmp_path / "d" / "a.png", 7)
    contents = (tmp_path / "d" / "a.png").read_bytes()
    for path in packed(tmp_path / "d"):
        with opened(path).file(0) as file:
            assert (file.name, file.read_bytes()) == ("a.png", contents)
        assert file.exists() == (path.suffix in ("", ".txt"))


def test_images_count_where_there_are_any_and_the_format_says_otherwise(tmp_path):
    image(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", SAMPLE)
    assert list(opened(tmp_path).names()) == ["a.png"]
    assert list(opened(tmp_path, format=Format.NUMPY).names()) == ["b.npy"]
    (tmp_path / "a.png").unlink()
    SAMPLE.tofile(tmp_path / "c.bin")
    (told,) = refusal(tmp_path)
    assert (told.code, told.got) == (Code.DATA_UNREADABLE, ".bin, .npy")
    assert "input.format" in told.hint
    assert list(opened(tmp_path, format=Format.BINARY).names()) == ["c.bin"]


def test_a_list_of_raw_files_of_any_name(tmp_path):
    SAMPLE.tofile(tmp_path / "a.data")
    (tmp_path / "l.txt").write_text("a.data")
    (told,) = refusal(tmp_path / "l.txt")
    assert (told.code, told.got) == (Code.DATA_UNREADABLE, "a.data")
    np.testing.assert_array_equal(opened(tmp_path / "l.txt", format=Format.BINARY).read(0), SAMPLE)


def test_raw_files_of_another_type(tmp_path):
    values = np.array([[[1, -2], [3, 300]]], np.int16)
    values.astype("<i2").tofile(tmp_path / "a.bin")
    np.testing.assert_array_equal(opened(tmp_path, dtype="int16").read(0), values)
    (told,) = refusal(tmp_path)
    assert told.code is Code.DATA_SHAPE
    assert (told.got, told.allowed) == ("8 bytes", "16 bytes: float32 (1, 2, 2)")
    assert told.hint == "set raw_dtype if they are uint16 or int16 or float16"
    assert [one.got for one in refusal(tmp_path, dtype="uint8")] == ["8 bytes"]


def test_all_raw_files_of_the_wrong_size_are_told_before_one_is_read(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.bin").write_bytes(bytes(16 if number == 3 else number))
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    assert [Path(one.where.split(",")[0]).name for one in caught.value.problems] == [
        "0.bin",
        "1.bin",
        "2.bin",
        "4.bin",
        "5.bin",
    ]


def test_one_raw_file_of_many_samples(tmp_path):
    path = tmp_path / "all.bin"
    np.stack([SAMPLE, SAMPLE + 1]).tofile(path)
    reader = opened(path)
    assert list(reader.names()) == ["0", "1"]
    np.testing.assert_array_equal(reader.read(1), SAMPLE + 1)
    path.write_bytes(bytes(33))
    (told,) = refusal(path)
    assert (told.got, told.allowed) == ("33 bytes", "a multiple of 16 bytes: float32 (1, 2, 2)")


def test_dictionaries(tmp_path):
    np.save(tmp_path / "one.npy", {"x": SAMPLE}, allow_pickle=True)
    reader = opened(tmp_path / "one.npy")
    assert list(reader.names()) == ["one.npy"]
    np.testing.assert_array_equal(reader.read(0), SAMPLE)
    (told,) = refusal(tmp_path, format=Format.NUMPY)
    assert told.code is Code.DATA_PICKLED
    np.save(tmp_path / "one.npy", {"a": SAMPLE}, allow_pickle=True)
    (told,) = refusal(tmp_path)
    assert (told.code, told.got, told.allowed) == (
        Code.DATA_NOT_FOUND,
        "a",
        "an array under 'x'",
    )
    np.save(tmp_path / "one.npy", SAMPLE)
    (told,) = refusal(tmp_path, format=Format.NUMPY_OBJECT)
    assert told.code is Code.DATA_UNREADABLE


def test_an_npz_that_is_none_or_has_no_such_array(tmp_path):
    np.savez(tmp_path / "a.npz", a=SAMPLE, b=SAMPLE)
    (told,) = refusal(tmp_path)
    assert (told.code, told.allowed) == (Code.DATA_NOT_FOUND, "a.npz:a, a.npz:b")
    (tmp_path / "a.npz").write_bytes(b"PK")
    assert [one.code for one in refusal(tmp_path)] == [Code.DATA_UNREADABLE]


def test_which_sources_may_feed_several_inputs(tmp_path):
    np.save(tmp_path / "array.npy", SAMPLE)
    np.save(tmp_path / "object.npy", {"x": SAMPLE}, allow_pickle=True)
    (tmp_path / "a.bin").write_bytes(b"")
    several = ["object.npy", "", "l.txt", "a.npz"]
    for name in ("array.npy", "none.npy", "a.bin", *several):
        assert may_feed_several(tmp_path / name) == (name in several)
