from __future__ import annotations

import pytest

from toolchain.calibration.boxes import box_labels
from toolchain.core.labels import LabelSource
from toolchain.errors import Code, DataError


@pytest.fixture
def given(tmp_path):
    """Writes label files into `labels` beside `images`; gives what is read for some images."""

    def make(files, *names, labels=None):
        (tmp_path / "labels").mkdir()
        for name, text in files.items():
            path = tmp_path / "labels" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        data = str(tmp_path / "images")
        return box_labels(LabelSource(data=data, labels=labels, names=names))

    return make


def test_files_by_path_or_by_name(given):
    files = {
        "1.txt": "0 0.5 0.5 1 1\n\n16 0.25 0.75 0.5 0.125\n",
        "2.txt": "",
        "sub/3.txt": "2 0.1 0.1 0.1 0.1",
        "3.txt": "3 0.1 0.1 0.1 0.1",
        "9.txt": "an image that is not among them",
    }
    found = given(files, "1.jpg", "deep/2.png", "sub/3.jpg", "none.jpg")
    assert sorted(found) == [0, 1, 2]
    assert found[0].tolist() == [[0, 0.5, 0.5, 1, 1], [16, 0.25, 0.75, 0.5, 0.125]]
    assert found[1].shape == (0, 5)
    assert found[2].tolist() == [[2, 0.1, 0.1, 0.1, 0.1]]


def test_every_bad_line_is_told(given):
    text = "0 0.5 0.5 1\n-1 0 0 0 0\n0.5 0 0 0 0\n1 0 0 0 1.5\n1 0 0 x 0\n1 nan 0 0 0\n1 0 0 1 1\n"
    with pytest.raises(DataError) as caught:
        given({"1.txt": text}, "1.jpg")
    problems = caught.value.problems
    assert {problem.code for problem in problems} == {Code.LABELS_INVALID}
    assert [problem.where.rpartition(":")[2] for problem in problems] == list("123456")


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        ({}, None),  # no file fits
        ({"1.txt": ""}, None),  # no object at all
        ({"1.txt": "0 0 0 1 1"}, "/nowhere"),
    ],
)
def test_what_leaves_nothing_to_find(given, files, labels):
    with pytest.raises(DataError) as caught:
        given(files, "1.jpg", labels=labels)
    assert caught.value.code is Code.LABELS_INVALID


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "1.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError) as caught:
        box_labels(LabelSource(data=str(tmp_path / "images"), labels=None, names=["1.jpg"]))
    assert caught.value.code is Code.LABELS_INVALID
