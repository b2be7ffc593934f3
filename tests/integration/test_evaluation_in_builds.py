"""Scores on labelled samples, from the config to the exit code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnxruntime
import pytest

from toolchain.errors import CheckFailed, Code


def predictions(project: Any, data: Any) -> Any:
    """Classes of the float model."""
    session = onnxruntime.InferenceSession(str(project.folder / "tiny.onnx"))
    return np.array([session.run(None, {"x": one[None]})[0].argmax() for one in data])


def labelled(project: Any, **options: Any) -> Any:
    evaluation = {"data": "evaluation.npz:x", "labels": "labels.npy", **options}
    return project.changed(evaluation=evaluation)


@pytest.fixture
def truth(project: Any) -> Any:
    """Labels of the evaluation samples: what the float model says, the first four wrong."""
    found = predictions(project, np.load(project.folder / "evaluation.npz")["x"])
    labels = found.copy()
    labels[:4] = (labels[:4] + 1) % 5
    np.save(project.folder / "labels.npy", labels)
    return found


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize(
    ("options", "samples", "score"),
    [({}, 10, 0.6), ({"skip": 4}, 6, 1.0), ({"samples": 5}, 5, 0.2),
     ({"skip": 2, "samples": 4}, 4, 0.5), ({"metric": "top5"}, 10, 1.0)],
)  # fmt: skip
def test_which_samples_are_scored(
    project: Any, options: dict[str, Any], samples: int, score: float
) -> None:
    result = labelled(project, **options).build()
    assert (result.accuracy.samples, result.accuracy.float_score) == (samples, score)


def test_labels_of_a_folder_by_file_name(project: Any, truth: Any) -> None:
    data = np.load(project.folder / "evaluation.npz")["x"]
    lines = []
    for number, (sample, label) in enumerate(zip(data, truth, strict=True)):
        np.save(project.folder / f"s{number}.npy", sample)
        lines.append(f"s{number}.npy,{label}")
    (project.folder / "list.txt").write_text("\n".join(f"s{n}.npy" for n in range(10)))
    (project.folder / "labels.csv").write_text("file,class\n" + "\n".join(lines[::-1][:7]))
    changed = project.changed(evaluation={"data": "list.txt", "labels": "labels.csv"})
    result = changed.build()
    assert (result.accuracy.samples, result.accuracy.float_score) == (7, 1.0)


def test_a_loss_beyond_the_limit_fails_the_build(command: Any, project: Any, truth: Any) -> None:
    # With one class for all the reference cannot agree: its weights are wrong by a pin.
    np.save(project.folder / "labels.npy", truth)
    bad = labelled(project, max_drop=0.05).changed(
        mixed_precision__pins=[{"tensor": "logits", "min": -0.001, "max": 0.001}],
        check__float_reference={"metric": "allclose", "rtol": 1e9, "atol": 1e9},
    )
    answer = command("build", "-c", bad.write(), "-t", "riscv", "-q")
    assert answer.code == CheckFailed.exit_code
    assert answer.err.startswith(f"error[{Code.CHECK_FAILED}]: accuracy is beyond")
    report = json.loads((project.output / "riscv.failed" / "report.json").read_text())
    (row,) = [row for row in report["check"]["rows"] if row["comparison"] == "accuracy"]
    accuracy = report["accuracy"]
    assert row["value"] == accuracy["float_score"] - accuracy["reference_score"]
    assert (row["limit"], row["tensor"], row["passed"]) == (0.05, "top1", False)
    assert not project.target.exists()
    loose = bad.changed(evaluation__max_drop=1.0)
    result = loose.build()
    assert result.check.passed
    assert result.cached[-1] == "check"


def test_without_a_check_the_limit_still_counts(project: Any, truth: Any) -> None:
    del truth
    result = labelled(project, max_drop=1.0).changed(check__enabled=False).build()
    assert [row.comparison for row in result.check.rows] == ["accuracy"]
