"""`tc eval` and `toolchain.evaluate`, from the config to the table."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from toolchain import Wanted, evaluate
from toolchain.errors import Code, ToolchainError

CROP = [{"crop": [8, 8]}]


@pytest.fixture
def truth(evaluated: Any) -> Any:
    """Labels of the evaluation samples: what the float model says, the first four wrong."""
    data = np.load(evaluated.folder / "evaluation.npz")["x"]
    session = onnxruntime.InferenceSession(str(evaluated.folder / "tiny.onnx"))
    found = np.array([session.run(None, {"x": one[None]})[0].argmax() for one in data])
    labels = found.copy()
    labels[:4] = (labels[:4] + 1) % 5
    np.save(evaluated.folder / "labels.npy", labels)
    return evaluated.changed(evaluation__labels="labels.npy")


def scores(command: Any, project: Any, *words: object) -> Any:
    """The report as JSON."""
    answer = command("eval", "-c", project.write(), "-t", "riscv", "--format", "json", *words)
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_the_table_has_all_forms(command: Any, truth: Any) -> None:
    report = scores(command, truth)
    assert (report["metric"], report["samples"]) == ("top1", 10)
    rows = {row["form"]: row for row in report["rows"]}
    assert list(rows) == ["float", "qdq", "reference"]
    assert rows["float"]["score"] == 0.6
    for row in (rows["qdq"], rows["reference"]):
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["difference"] == pytest.approx(row["score"] - 0.6)
        assert 0 < row["p_value"] <= 1
        assert row["sqnr_db"] > 10
    assert all(row["samples_per_second"] > 0 for row in rows.values())
    # Nothing was published, and what a build then needs is in the cache.
    assert not truth.target.exists()
    assert set(truth.build().cached) == {"optimize", "quantize", "compile"}


def test_the_build_says_the_same(command: Any, truth: Any) -> None:
    built = truth.build().accuracy
    rows = {row["form"]: row for row in scores(command, truth)["rows"]}
    assert rows["reference"]["score"] == built.reference_score
    assert rows["reference"]["agreement"] == built.agreement
    assert rows["reference"]["sqnr_db"] == built.sqnr_db
    assert rows["qdq"]["score"] == built.qdq_score


def test_text_and_csv(command: Any, truth: Any) -> None:
    config = truth.write()
    shown = command("eval", "-c", config, "-t", "riscv")
    assert shown.out.startswith("top1: reference against float: riscv ")
    assert "Evaluation: top1  10 samples; 95 % intervals by paired bootstrap" in shown.err
    assert "60.00 %" in shown.err
    table = command("eval", "-c", config, "-t", "riscv", "--format", "csv")
    assert table.err == ""
    rows = list(csv.DictReader(io.StringIO(table.out)))
    assert [(row["target"], row["form"]) for row in rows] == [
        ("riscv", "float"),
        ("riscv", "qdq"),
        ("riscv", "reference"),
    ]
    assert (rows[0]["metric"], rows[0]["samples"], rows[0]["score"]) == ("top1", "10", "0.6")
    assert (rows[0]["difference"], rows[1]["difference"] != "") == ("", True)


def test_without_a_target_those_that_were_built_are_scored(command: Any, truth: Any) -> None:
    words = ("eval", "-c", truth.write(), "--format", "json")
    answer = command(*words)
    assert (answer.code, answer.problems[0]["code"]) == (2, Code.MISSING_KEY)
    truth.build()
    answer = command(*words)
    assert answer.code == 0, answer.err
    assert {row["target"] for row in json.loads(answer.out)["rows"]} == {"riscv"}


def test_a_subset_by_number_and_seed(command: Any, truth: Any) -> None:
    assert scores(command, truth, "--samples", 4)["rows"][0]["score"] == 0.0
    drawn = scores(command, truth, "--samples", 5, "--seed", 3)
    assert drawn["samples"] == 5
    assert drawn["rows"][0]["score"] > 0.0  # some of those behind the first four
    again = scores(command, truth, "--samples", 5, "--seed", 3)
    assert again["rows"][2]["score"] == drawn["rows"][2]["score"]


@pytest.fixture
def photos(project: Any) -> Any:
    """A folder per class, with the calibration data of images, too."""
    rng = np.random.default_rng(3)
    for name in ("b_cat", "a_dog"):
        (project.folder / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (8, 9, 3), np.uint8)
            Image.fromarray(pixels).save(project.folder / "photos" / name / f"{number}.png")
    return project.changed(calibration={"data": "photos", "samples": 3}, input=CROP)


def test_data_without_a_table_in_the_config(command: Any, photos: Any) -> None:
    answer = command("eval", "-c", photos.write(), "-t", "riscv", "--format", "json")
    assert (answer.code, answer.problems[0]["code"]) == (2, Code.MISSING_KEY)
    folder = photos.folder / "photos"
    report = scores(command, photos, "--data", folder)
    assert (report["samples"], report["metric"]) == (6, "top1")
    assert (
        scores(command, photos, "--data", folder, "--metric", "agreement")["rows"][0]["score"] == 1
    )


def test_other_data_has_labels_of_its_own(command: Any, photos: Any, monkeypatch: Any) -> None:
    (photos.folder / "labels.csv").write_text("b_cat/0.png,4\n")
    config = photos.changed(
        evaluation={"data": "photos", "labels": "labels.csv", "skip": 2, "metric": "top5"}
    )
    assert scores(command, config)["samples"] == 1  # what the file labels behind the first two
    shutil.copytree(photos.folder / "photos", photos.folder / "others")
    monkeypatch.chdir(photos.folder)
    assert scores(command, config, "--data", "others")["samples"] == 6
    assert scores(command, config, "--data", "photos")["samples"] == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--metric", "top3"], Code.UNKNOWN_NAME),
        (["--labels", "nowhere.csv"], Code.LABELS_INVALID),
        (["--data", "nowhere"], Code.DATA_NOT_FOUND),
        (["--metric", "nowhere.py:M"], Code.BAD_VALUE),
        (["--samples", "-1"], Code.BAD_USAGE),
        (["--format", "xml"], Code.BAD_USAGE),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_built(
    command: Any, truth: Any, words: list[str], code: Code
) -> None:
    config = truth.write()
    answer = command("eval", "-c", config, "-t", "riscv", "--format", "json", *words)
    if answer.out:
        assert answer.problems[0]["code"] == code
    assert str(code) in answer.err
    assert answer.code in (2, 4)
    cache = truth.output / ".cache"
    assert not cache.exists() or not (cache / "optimize").exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(9, np.int64), "do not fit"),
        (np.zeros(10, np.float32), "do not fit"),
        (np.full(10, -1), "do not fit"),
    ],
)
def test_labels_that_do_not_match_stop_a_build_at_once(
    truth: Any, labels: Any, message: str
) -> None:
    np.save(truth.folder / "labels.npy", labels)
    with pytest.raises(ToolchainError, match=message) as caught:
        truth.build()
    assert caught.value.code is Code.LABELS_INVALID
    assert not (truth.output / ".cache" / "samples").exists()


def test_a_class_that_the_model_does_not_have(truth: Any) -> None:
    np.save(truth.folder / "labels.npy", np.arange(10))
    with pytest.raises(ToolchainError, match="beyond the outputs") as caught:
        truth.build()
    assert caught.value.problems[0].allowed == "0 to 4"


def test_from_python(truth: Any) -> None:
    report = evaluate(truth.write(), targets=["riscv"], wanted=Wanted(samples=6))
    assert report.samples == 6
    assert [row.form for row in report.rows] == ["float", "qdq", "reference"]
    # The first four are wrong, the other two right.
    assert report.rows[0].score == pytest.approx(1 / 3)


METRIC = """
import numpy as np

from toolchain.api import MetricDef, Truth


def right(outputs, classes):
    return (outputs.argmax(axis=1) == classes).astype(float)


def fail(outputs, truth):
    raise ValueError("no")


def words(source):
    return {int(name): "even" for name in source.names if int(name) % 2 == 0}


WORDS = MetricDef(
    name="words", summary="", evidence=lambda outputs, word: float(word == "even"), truth=words
)
BEYOND = MetricDef(name="beyond", summary="", evidence=fail, truth=lambda _: {99: 1})
NO_DATA = MetricDef(name="no_data", summary="", evidence=fail, truth=lambda _: {0: object()})
FAILS = MetricDef(name="fails", summary="", evidence=fail)
NONE = 3
"""


@pytest.fixture
def own(truth: Any) -> Any:
    (truth.folder / "mine.py").write_text(METRIC)
    return truth


def test_a_metric_in_a_file_of_ones_own(own: Any) -> None:
    found = own.changed(evaluation__metric="mine.py:right").build().accuracy
    assert (found.metric, found.float_score) == ("right", 0.6)
    assert json.loads((own.target / "manifest.json").read_text())["evaluation"]["metric"] == (
        "mine.py:right"  # without its folder: published bytes hold no paths
    )
    # Every second sample has a label that only this metric understands.
    found = own.changed(evaluation__metric="mine.py:WORDS").build().accuracy
    assert (found.samples, found.reference_score) == (5, 1.0)


def test_another_file_is_another_score(own: Any) -> None:
    project = own.changed(evaluation__metric="mine.py:right")
    assert project.build().accuracy.float_score == 0.6
    (own.folder / "mine.py").write_text(METRIC.replace("== classes", "!= classes"))
    assert project.build().accuracy.float_score == 0.4


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FAILS", Code.PLUGIN_RAISED),
        ("NONE", Code.BAD_VALUE),
        ("nothing", Code.BAD_VALUE),
        ("words", Code.PLUGIN_RAISED),
        ("BEYOND", Code.PLUGIN_BAD_RETURN),
        ("NO_DATA", Code.PLUGIN_BAD_RETURN),
    ],
)
def test_a_metric_of_ones_own_that_is_none(own: Any, name: str, code: Code) -> None:
    with pytest.raises(ToolchainError) as caught:
        own.changed(evaluation__metric=f"mine.py:{name}").build()
    problem = caught.value.problems[0]
    assert problem.code is code
    assert "mine.py" in f"{problem.where} {problem.got}" or code is not Code.PLUGIN_RAISED


def test_boxes_need_a_metric_that_decodes(photos: Any) -> None:
    labels = photos.folder / "labels"
    for file in sorted((photos.folder / "photos").rglob("*.png")):
        text = labels / file.relative_to(photos.folder / "photos").with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("2 0.5 0.5 1 1\n")
    Path(photos.folder / "boxes.py").write_text(
        "import numpy as np\n"
        "from toolchain.analysis.detection import detection_metric\n"
        "def decode(outputs):\n"
        "    logits = outputs['logits'].reshape(-1)\n"
        "    return np.array([[0, 0, 1, 1, logits.max(), 2]])\n"
        "METRIC = detection_metric('whole', decode)\n"
    )
    evaluation = {"data": "photos", "metric": "boxes.py:METRIC"}
    found = photos.changed(evaluation=evaluation).build().accuracy
    assert (found.metric, found.samples, found.float_score) == ("whole", 6, 1.0)
