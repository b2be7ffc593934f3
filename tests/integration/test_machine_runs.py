"""`tc run` of a folder with a compiled model: on the machine, in batches and groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from toolchain import run
from toolchain.errors import Code, ToolchainError

GROUPS = [{"input_shapes": {"x": [1, 3, 12, 6]}}]


@pytest.fixture
def images(project: Any) -> Any:
    """The small project on images, compiled for npu in the batches 1, 2 and 4 and two shapes."""
    rng = np.random.default_rng(4)
    (project.folder / "images").mkdir()
    for name in "abc":
        pixels = rng.integers(0, 256, (16, 20, 3), np.uint8)
        Image.fromarray(pixels).save(project.folder / "images" / f"{name}.jpg")
    changed = project.changed(
        {
            "calibration": {"data": "images", "samples": 3},
            "input": [{"resize": [8, 8], "mean": [120.0], "std": [60.0], "color": "bgr"}],
            "compile.static_batch_sizes": [1, 2, 4],
            "compile.groups": GROUPS,
            "check.enabled": False,
        }
    )
    changed.run(targets=("npu",))
    return changed


def words(project: Any, names: str = "abc") -> list[str]:
    return [word for n in names for word in ("--input", str(project.folder / f"images/{n}.jpg"))]


def test_three_images_run_as_two_and_one(images: Any, command: Callable[..., Any]) -> None:
    folder = images.output / "npu"
    answer = command("run", folder, *words(images))
    assert (answer.code, answer.out) == (0, "npu, npu: 3 samples as 2 + 1\n")
    found = json.loads(command("run", folder, *words(images), "--format", "json").out)
    assert (found["runner"], found["batches"], found["group"]) == ("npu", [2, 1], 0)
    again = ("run", folder, *words(images), "--runner", "reference", "--format", "json")
    reference = json.loads(command(*again).out)
    assert (reference["runner"], reference["batches"]) == ("reference", [1, 1, 1])
    assert found["samples"] == reference["samples"]
    assert len({str(sample["outputs"]) for sample in found["samples"]}) == 3


def test_a_batch_of_one_s_choice(images: Any, command: Callable[..., Any]) -> None:
    folder = images.output / "npu"
    one = command("run", folder, *words(images), "--batch", 1)
    assert one.out == "npu, npu: 3 samples\n"
    assert command("run", folder, *words(images, "ab"), "--batch", 2).out.endswith("as 2\n")
    for chosen, code, exit_code in (
        (["--batch", 3], Code.BAD_VALUE, 2),
        (["--batch", 2], Code.DATA_MISMATCH, 4),
        (["--batch", 2, "--runner", "reference"], Code.BAD_VALUE, 2),
        (["--group", 2], Code.BAD_VALUE, 2),
        (["--group", -1], Code.BAD_VALUE, 2),
        (["--group", 1, "--runner", "float"], Code.BAD_VALUE, 2),
        (["--group", 1, "--runner", "c"], Code.BAD_VALUE, 2),
    ):
        answer = command("run", folder, *words(images), *chosen, "--format", "json")
        assert (answer.code, answer.problems[0]["code"]) == (exit_code, code), chosen


def test_layers_of_the_machine(images: Any) -> None:
    """Every layer's tensors are those of the reference, in both groups."""
    file = images.folder / "images" / "a.jpg"
    for group in (0, 1):
        (machine,) = run(images.output / "npu", [file], group=group, layers=True)
        (reference,) = run(
            images.output / "npu", [file], group=group, layers=True, runner="reference"
        )
        assert len(machine.layers) > 3
        assert machine.layers.keys() == reference.layers.keys()
        for name, array in {**machine.layers, **machine.outputs}.items():
            np.testing.assert_array_equal(array, {**reference.layers, **reference.outputs}[name])


def test_images_of_another_group_are_resized_for_it(images: Any) -> None:
    files = [images.folder / "images" / f"{name}.jpg" for name in "abc"]
    found = run(images.output / "npu", files, group=1)
    assert [one.batch for one in found] == [2, 2, 1]
    for file, one in zip(files, found, strict=True):
        with Image.open(file) as image:
            small = image.resize((6, 12), Image.Resampling.BILINEAR)
        pixels = np.asarray(small, np.float32)[:, :, ::-1].transpose(2, 0, 1)[None]
        np.testing.assert_allclose(one.inputs["x"], (pixels - 120) / 60, atol=1.5 / 60)


def test_samples_that_no_batches_make_up(project: Any, command: Callable[..., Any]) -> None:
    project.changed({"compile.static_batch_sizes": [2], "check.enabled": False}).run(
        targets=("npu",)
    )
    file = project.folder / "one.npy"
    np.save(file, np.load(project.folder / "calibration.npy")[0])
    words = ("-i", file, "-i", file, "-i", file, "--format", "json")
    answer = command("run", project.output / "npu", *words)
    (problem,) = answer.problems
    assert (answer.code, problem["code"], problem["got"]) == (4, Code.DATA_MISMATCH, "3")
    assert problem["allowed"] == "multiples of 2"


def test_arrays_of_another_group(images: Any) -> None:
    sample = np.linspace(-1, 1, 3 * 12 * 6, dtype=np.float32).reshape(3, 12, 6)
    (one,) = run(images.output / "npu", [sample], group=1, preprocess=False)
    assert one.inputs["x"].shape == (1, 3, 12, 6)
    with pytest.raises(ToolchainError) as caught:
        run(images.output / "npu", [sample], preprocess=False)
    assert caught.value.code is Code.DATA_SHAPE
