from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.labels import class_labels, labelled, load_labels
from toolchain.core.labels import LabelSource
from toolchain.errors import Code, DataError

NAMES = ["a/x.jpg", "a/y.jpg", "b/x.jpg"]


def csv(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return str(path)


def test_csv_by_relative_path_and_by_unique_file_name(tmp_path):
    spec = csv(tmp_path, "file,class\ny.jpg,5\nb/x.jpg,2\n./a/x.jpg,0\n")
    labels = load_labels(spec, NAMES)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 5, 2]


def test_missing_and_superfluous_are_told_together(tmp_path):
    spec = csv(tmp_path, "file,class\na/x.jpg,1\nx.jpg,2\nzzz.jpg,3\n")
    with pytest.raises(DataError) as caught:
        load_labels(spec, NAMES)
    assert [problem.got for problem in caught.value.problems] == [
        "a/y.jpg, b/x.jpg",
        "x.jpg, zzz.jpg",
    ]
    assert caught.value.code is Code.LABELS_INVALID


def test_labelled_picks_what_has_a_row(tmp_path):
    spec = csv(tmp_path, "file,class\nb/x.jpg,1\ny.jpg,4\n")
    assert labelled(spec, NAMES) == (1, 2)
    assert load_labels(spec, [NAMES[1], NAMES[2]]).tolist() == [4, 1]
    assert labelled("labels.npy", NAMES) == (0, 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,colour\na/x.jpg,1\n",
        "file,class\na/x.jpg,cat\n",
        "file,class\na/x.jpg\n",
        "file,class\na,1\na,2\n",
    ],
)
def test_bad_csv(tmp_path, text):
    with pytest.raises(DataError) as caught:
        load_labels(csv(tmp_path, text), ["a/x.jpg"])
    assert caught.value.code is Code.LABELS_INVALID


def test_a_header_line_may_be_missing(tmp_path):
    assert load_labels(csv(tmp_path, "a/x.jpg,1\n"), ["a/x.jpg"]).tolist() == [1]


def test_arrays_are_taken_by_order(tmp_path):
    np.save(tmp_path / "y.npy", np.array([3, 1, 2], np.uint8))
    np.savez(tmp_path / "y.npz", x=np.zeros(3), y=np.array([[3], [1], [2]]))
    assert load_labels(str(tmp_path / "y.npy"), NAMES).tolist() == [3, 1, 2]
    assert load_labels(str(tmp_path / "y.npz") + ":y", NAMES).tolist() == [3, 1, 2]


@pytest.mark.parametrize("labels", [np.array([1, 2]), np.array([1.0, 2, 3]), np.array([1, -1, 2])])
def test_arrays_must_fit(tmp_path, labels):
    np.save(tmp_path / "y.npy", labels)
    with pytest.raises(DataError) as caught:
        load_labels(str(tmp_path / "y.npy"), NAMES)
    assert caught.value.code is Code.LABELS_INVALID


@pytest.mark.parametrize("head", ["filename,label\n", "Image, Class\n", "path,target,width\n", ""])
def test_words_that_head_a_csv(tmp_path, head):
    assert load_labels(csv(tmp_path, f"{head}a/x.jpg,1\n"), ["a/x.jpg"]).tolist() == [1]


def test_names_of_classes_in_a_csv(tmp_path):
    spec = csv(tmp_path, "file,class\nx.jpg,dog\ny.jpg,0\n")
    assert load_labels(spec, ["x.jpg", "y.jpg"], ("cat", "dog")).tolist() == [1, 0]
    with pytest.raises(DataError) as caught:
        load_labels(spec, ["x.jpg", "y.jpg"], ("cat", "cow"))
    assert caught.value.problems[0].got == "x.jpg,dog"


def source(data, *names, labels=None, classes=()):
    return LabelSource(data=str(data), labels=labels, names=names, classes=classes)


def test_a_csv_in_the_data_folder_is_found(tmp_path):
    (tmp_path / "labels.csv").write_text("y.jpg,7\n")
    assert class_labels(source(tmp_path, "x.jpg", "y.jpg")) == {1: 7}


def test_a_folder_per_class(tmp_path):
    names = ("rose/1.jpg", "rose/old/2.jpg", "daisy/1.jpg", "tulip/1.jpg")
    assert class_labels(source(tmp_path, *names)) == {0: 1, 1: 1, 2: 0, 3: 2}
    order = ("tulip", "rose", "oak", "daisy")
    assert class_labels(source(tmp_path, *names, classes=order)) == {0: 1, 1: 1, 2: 3, 3: 0}
    with pytest.raises(DataError) as caught:
        class_labels(source(tmp_path, *names, classes=("rose", "oak")))
    assert (caught.value.code, caught.value.problems[0].got) == (
        Code.LABELS_INVALID,
        "daisy, tulip",
    )


@pytest.mark.parametrize(
    "names", [("x.jpg", "y.jpg"), ("a/x.jpg", "a/y.jpg"), ("a/x.jpg", "y.jpg")]
)
def test_no_labels_at_all(tmp_path, names):
    with pytest.raises(DataError) as caught:
        class_labels(source(tmp_path, *names))
    problem = caught.value.problems[0]
    assert problem.code is Code.LABELS_INVALID
    assert "agreement" in problem.hint


def test_labels_given_win_over_those_found(tmp_path):
    (tmp_path / "labels.csv").write_text("x.jpg,1\n")
    np.save(tmp_path / "y.npy", np.array([4, 5]))
    given = source(tmp_path, "x.jpg", "y.jpg", labels=str(tmp_path / "y.npy"))
    assert class_labels(given) == {0: 4, 1: 5}
