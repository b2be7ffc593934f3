"""Evaluation on real models and real data; needs the model zoo in the folder named by TC_ZOO."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from toolchain.calibration.boxes import box_labels
from toolchain.core.labels import LabelSource
from toolchain.core.registry import MetricDef
from toolchain.plugin.userfile import load_user_object

ZOO = os.environ.get("TC_ZOO")
CONFIGS = Path(__file__).parents[2] / "configs"

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(ZOO is None, reason="TC_ZOO does not name the model zoo"),
]


@pytest.mark.parametrize(("name", "metric"), [("kws_dscnn", "top1"), ("vww", "agreement")])
def test_small_models(command: Any, tmp_path: Path, name: str, metric: str) -> None:
    words = ("eval", "-c", CONFIGS / f"{name}.toml", "-t", "riscv", "-o", tmp_path / "out")
    answer = command(*words, "--samples", 40, "--format", "json")
    assert answer.code == 0, answer.err
    report = json.loads(answer.out)
    assert (report["metric"], report["samples"]) == (metric, 40)
    real, _, reference = report["rows"]
    assert real["score"] > 0.8
    assert reference["agreement"] >= 0.9
    assert reference["low"] <= 0.0 <= reference["high"]


def test_the_float_detector_is_as_good_as_its_authors_say() -> None:
    zoo = Path(str(ZOO))
    packed = (zoo / "models" / "fastestdet.onnx.xz").read_bytes()
    session = onnxruntime.InferenceSession(lzma.decompress(packed))
    folder = zoo / "images" / "coco_val"
    files = sorted((folder / "images").iterdir())
    source = LabelSource(data=str(folder / "images"), labels=None, names=[f.name for f in files])
    truths = box_labels(source)
    metric = load_user_object(CONFIGS / "fastestdet_metric.py", "METRIC", "metric").value
    assert isinstance(metric, MetricDef)
    assert metric.evidence is not None
    assert metric.score is not None
    found = []
    for position, objects in truths.items():
        with Image.open(files[position]) as image:
            pixels = np.asarray(image.convert("RGB").resize((352, 352)), np.float32)
        feed = pixels[:, :, ::-1].transpose(2, 0, 1)[None] / 255
        outputs = session.run(None, {"input.1": np.ascontiguousarray(feed)})
        found.append(metric.evidence({"758": outputs[0]}, objects))
    # The zoo's README: about 34 on all of COCO val; these are 64 images of it.
    assert 0.29 < metric.score(found) < 0.41
