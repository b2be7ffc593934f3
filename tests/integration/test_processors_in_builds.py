"""Builds whose compiled model takes pixels and hands out integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolchain import analyze, run, verify
from toolchain.core.check_report import LevelStatus
from toolchain.errors import Code, ToolchainError
from toolchain.program.interpreter import Interpreter
from toolchain.program.serialize import load_program
from toolchain.testing.compiled import COMPILER

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")


@pytest.fixture
def images() -> np.ndarray:
    """Pixels of 12 images, channels first."""
    return np.random.default_rng(3).integers(0, 256, (12, 3, 8, 8), dtype=np.uint8)


@pytest.fixture
def fed(project: Any, images: np.ndarray) -> Any:
    """The small project with such samples, BGR in NHWC on the device, and integers out of it."""
    np.save(project.folder / "calibration.npy", images)
    return project.changed(
        {
            "input": [{"mean": [128.0, 120.0, 99.5], "std": [64.0]}],
            "compile.input_processors": [{"format": "bgr", "color": "rgb", "layout": "nhwc"}],
            "compile.output_processors": [{"dtype": "stored"}],
        }
    )


def test_what_was_compiled_computes_what_the_model_does(fed: Any, images: np.ndarray) -> None:
    built = fed.build()
    compiled, model = (load_program(fed.target, stem) for stem in ("tiny", "model/tiny"))
    assert built.check is not None
    assert built.check.passed
    assert not any("pixels" in each.problem.message for each in built.diagnostics)
    assert model.tensors["x"].dtype == "float32"
    assert compiled.tensors["x"].shape == (1, 8, 8, 3)
    stored = compiled.tensors["logits"]
    mean = np.array([128.0, 120.0, 99.5], np.float32).reshape(3, 1, 1)
    for image in images[:3]:
        real = ((image - mean) / np.float32(64)).astype(np.float32)
        expected = Interpreter(model).run({"x": real[np.newaxis]})["logits"]
        bgr = np.ascontiguousarray(image[::-1].transpose(1, 2, 0))
        found = Interpreter(compiled).run({"x": bgr[np.newaxis]})["logits"]
        centred = (found.astype(np.float32) - stored.zero_point) * np.float32(stored.scale)
        np.testing.assert_array_equal(centred, expected)
    assert built.optimize is not None
    assert [(row.change, row.old, row.new) for row in built.optimize.surgery] == [
        ("input processor", "float32[1,3,8,8]", "uint8[1,8,8,3] bgr"),
        ("output processor", "float32[1,5]", "int8[1,5]"),
    ]


@needs_compiler
def test_every_form_is_fed_the_same_pixels(fed: Any, images: np.ndarray) -> None:
    project = fed.changed(
        {
            "compile.sources": True,
            "check.runners": ["c"],
            "target.riscv.options.binary": False,
        }
    )
    built = project.build()
    assert built.check is not None
    assert [level.status for level in built.check.levels] == [LevelStatus.EQUAL]
    (reference,), (native,), (real,) = (
        run(project.target, [images[0]], runner=runner) for runner in ("reference", "c", "float")
    )
    bgr = images[0][::-1].transpose(1, 2, 0)[np.newaxis]
    for found in (reference, native):
        np.testing.assert_array_equal(found.inputs["x"], bgr, strict=True)
    np.testing.assert_array_equal(native.outputs["logits"], reference.outputs["logits"])
    assert native.outputs["logits"].dtype == np.int8
    assert real.inputs["x"].shape == (1, 3, 8, 8)
    assert real.outputs["logits"].dtype == np.float32


def test_dumps_are_of_what_was_compiled(
    fed: Any, images: np.ndarray, command: Callable[..., Any]
) -> None:
    fed.build()
    np.save(fed.folder / "one.npy", images[0])
    dump = fed.folder / "dump"
    words = ("run", fed.target, "-i", fed.folder / "one.npy")
    assert command(*words, "--dump", dump).code == 0
    assert all(not sample.rows for sample in verify(fed.target, dump).samples)
    assert all(not s.rows for s in verify(fed.target, dump, [images[0]]).samples)
    answer = command(*words, "--export-tests", fed.folder / "tests", "--format", "json")
    assert [problem["code"] for problem in answer.problems] == [Code.CONTRADICTION]
    tests = ("--runner", "qdq", "--export-tests", fed.folder / "tests")
    assert command(*words, *tests).code == 0


def test_layers_are_compared_without_processors(fed: Any) -> None:
    fed.build()
    (report,) = analyze(fed.target, samples=2)
    layers = {row.output for row in report.rows}
    assert layers
    assert not any(name.startswith("x/") for name in layers)


def test_samples_that_no_pixels_give_are_a_warning(fed: Any) -> None:
    built = fed.changed({"input": [{"mean": [128.5]}]}).build()
    own = fed.changed(
        {"compile.input_processors": [{"format": "raw", "mean": [0.0], "std": [1.0]}]}
    ).build()
    assert not any("pixels" in each.problem.message for each in built.diagnostics)
    (found,) = [each.problem for each in own.diagnostics if "pixels" in each.problem.message]
    assert found.code is Code.DATA_SUSPICIOUS
    assert "input 'x'" in str(found.where)


@pytest.mark.parametrize(
    ("processor", "code"),
    [
        ({"format": "rgb"}, Code.CONTRADICTION),
        ({"format": "nv12", "color": "rgb"}, Code.CONTRADICTION),
        ({"format": "gray"}, Code.BAD_VALUE),
        ({"format": "raw", "name": "y"}, Code.UNKNOWN_NAME),
        ({"format": "raw", "mean": [1.0, 2.0]}, Code.BAD_VALUE),
    ],
)
def test_mistakes_are_said_before_any_sample_is_read(
    fed: Any, processor: dict[str, Any], code: Code
) -> None:
    (fed.folder / "calibration.npy").unlink()
    with pytest.raises(ToolchainError) as caught:
        fed.changed({"compile.input_processors": [processor]}).build()
    assert [problem.code for problem in caught.value.problems] == [code]
