"""`tc run` and `toolchain.run` on what a build published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from toolchain import run
from toolchain.errors import Code, ToolchainError
from toolchain.program.interpreter import Interpreter
from toolchain.program.serialize import load_program

RUNNERS = ("float", "qdq", "reference")


@pytest.fixture
def built(project: Any) -> Any:
    """The published folder of the small project, and a sample of it in a file."""
    project.build()
    np.save(project.folder / "one.npy", np.load(project.folder / "calibration.npy")[0])
    return project


def sample(project: Any) -> Any:
    return np.load(project.folder / "one.npy")


def test_all_runners(command: Callable[..., Any], built: Any) -> None:
    session = onnxruntime.InferenceSession(str(built.folder / "tiny.onnx"))
    (expected,) = session.run(None, {"x": sample(built)[None]})
    for runner in RUNNERS:
        words = ("run", built.target, "--input", built.folder / "one.npy", "--runner", runner)
        answer = command(*words, "--format", "json")
        assert answer.code == 0, answer.err
        found = json.loads(answer.out)
        assert (found["target"], found["runner"], found["dump"]) == ("riscv", runner, None)
        (output,) = found["samples"][0]["outputs"]
        assert (output["name"], output["shape"]) == ("logits", [1, 5])
        assert output["best"][0][0] == expected.argmax()
        tolerance = 1e-5 if runner == "float" else 0.2
        assert output["best"][0][1] == pytest.approx(expected.max(), abs=tolerance)


def test_text(command: Callable[..., Any], built: Any) -> None:
    file = str(built.folder / "one.npy")
    answer = command("run", built.target, "-i", file, "-i", f"x={file}")
    assert answer.out == "riscv, reference: 2 samples\n"
    assert "Largest outputs" in answer.err


def test_the_reference_hands_out_the_program_s_tensors(built: Any) -> None:
    (result,) = run(built.target, [sample(built)], layers=True)
    program = load_program(built.target, "tiny")
    names = [name for op in program.operations for name in op.outputs if name != "logits"]
    assert list(result.layers) == names
    expected = Interpreter(program).run({"x": sample(built)[None]}, names)
    for name, array in result.layers.items():
        assert array.dtype == expected[name].dtype
        assert np.array_equal(array, expected[name])
        tensor = program.tensors[name]
        storage = result.storage[name]
        assert (storage.dtype, storage.scale, storage.zero_point) == (
            tensor.dtype,
            tensor.scale,
            tensor.zero_point,
        )
    (plain,) = run(built.target, [sample(built)])
    assert plain.layers == {}
    assert np.array_equal(plain.outputs["logits"], result.outputs["logits"])


def test_float_and_qdq_hand_out_their_layers(built: Any) -> None:
    (real,) = run(built.target, [sample(built)], runner="float", layers=True)
    assert {"r1", "r2", "p", "f"} <= set(real.layers)
    assert all(storage.scale is None for storage in real.storage.values())
    (qdq,) = run(built.target, [sample(built)], runner="qdq", layers=True)
    integers = {name: array for name, array in qdq.layers.items() if array.dtype == np.int8}
    assert {name.removesuffix("/quantized") for name in integers} >= {"r1", "r2"}
    storage = qdq.storage["r1/quantized"]
    assert np.abs(storage.real(integers["r1/quantized"]) - real.layers["r1"]).max() < 0.2


def test_a_dump(command: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    out = tmp_path / "dump"
    for _ in range(2):
        answer = command("run", built.target, "-i", built.folder / "one.npy", "--dump", out)
        assert answer.out == f"{out / 'index.json'}\n"
    index = json.loads((out / "index.json").read_text())
    (entry,) = index["samples"]
    assert (entry["folder"], entry["name"]) == ("one_npy", str(built.folder / "one.npy"))
    (result,) = run(built.target, [sample(built)], layers=True)
    tensors = {**result.inputs, **result.layers, **result.outputs}
    assert [tensor["name"] for tensor in entry["tensors"]] == list(tensors)
    for tensor in entry["tensors"]:
        stored = np.load(out / tensor["file"], allow_pickle=False)
        assert np.array_equal(stored, tensors[tensor["name"]])
        assert list(stored.shape) == tensor["shape"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_test_data_that_onnxruntime_agrees_with(
    command: Callable[..., Any], built: Any, tmp_path: Path, runner: str
) -> None:
    file, folder = built.folder / "one.npy", tmp_path / "tests"
    words = ("run", built.target, "-i", file, "-i", file, "--runner", runner)
    answer = command(*words, "--export-tests", folder, "--format", "json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["tests"] == str(folder)
    (model,) = folder.glob("*.onnx")
    session = onnxruntime.InferenceSession(str(model))
    for number in range(2):
        data = folder / f"test_data_set_{number}"
        assert sorted(path.name for path in data.iterdir()) == ["input_0.pb", "output_0.pb"]
        read = [onnx.load_tensor(data / f"{kind}_0.pb") for kind in ("input", "output")]
        assert [tensor.name for tensor in read] == ["x", "logits"]
        given, expected = map(numpy_helper.to_array, read)
        (actual,) = session.run(None, {"x": given})
        assert expected.dtype == actual.dtype
        np.testing.assert_allclose(actual, expected, atol=0.05)
    again = command(*words, "--export-tests", folder, "--format", "json")
    assert (again.code, again.problems[0]["code"]) == (7, Code.NOT_WRITABLE)


def test_the_build_s_preprocessing(project: Any) -> None:
    folder = project.folder / "images"
    folder.mkdir()
    pixels = np.random.default_rng(2).integers(0, 256, (10, 12, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    changed = project.changed(
        calibration={"data": "images", "samples": 1},
        input=[{"crop": [8, 8], "mean": [100.0], "std": [50.0], "color": "bgr"}],
    )
    changed.build()
    cropped = pixels[1:9, 2:10, ::-1].transpose(2, 0, 1)[None]
    expected = ((cropped.astype(np.float32) - 100) / 50).astype(np.float32)
    for given in (folder / "a.png", str(folder / "a.png")):
        (found,) = run(changed.target, [given])
        np.testing.assert_array_equal(found.inputs["x"], expected)
    (found,) = run(changed.target, [expected[0]], preprocess=False)
    np.testing.assert_array_equal(found.inputs["x"], expected)


def test_a_folder_may_be_moved_and_renamed(built: Any, tmp_path: Path) -> None:
    (before,) = run(built.target, [sample(built)])
    moved = tmp_path / "delivered"
    shutil.copytree(built.target, moved)
    shutil.rmtree(built.output)
    (after,) = run(moved, [sample(built)])
    assert np.array_equal(before.outputs["logits"], after.outputs["logits"])


def test_several_inputs(project: Any, make_model: Callable[..., Any]) -> None:
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [
        helper.make_node("Add", ["a", "b"], ["s"], "add"),
        helper.make_node("MatMul", ["s", "w"], ["y"], "mul"),
    ]
    inputs = {"a": (1, 4), "b": (1, 4)}
    model = make_model(nodes, inputs, {"y": (1, 4)}, [weight])
    onnx.save(model, project.folder / "two.onnx")
    rng = np.random.default_rng(5)
    for name in "ab":
        np.save(project.folder / f"{name}.npy", rng.normal(size=(5, 4)).astype(np.float32))
    data = {"a": "a.npy", "b": "b.npy"}
    changed = project.changed(model="two.onnx", calibration={"data": data, "samples": 5})
    changed.build()
    rows = {name: np.load(project.folder / f"{name}.npy") for name in "ab"}
    found = run(changed.target, {"b": rows["b"][:2], "a": rows["a"][:2]}, runner="float")
    for index, one in enumerate(found):
        np.testing.assert_allclose(one.outputs["y"][0], rows["a"][index] + rows["b"][index])
    for samples, code in (
        ([rows["a"][0]], Code.BAD_USAGE),
        ({"a": rows["a"][:1]}, Code.BAD_USAGE),
        ({"a": rows["a"][:1], "b": rows["b"][:2]}, Code.DATA_MISMATCH),
        ({"a": rows["a"][:1], "b": rows["b"][:1], "c": rows["b"][:1]}, Code.UNKNOWN_NAME),
    ):
        with pytest.raises(ToolchainError) as caught:
            run(changed.target, samples)  # type: ignore[arg-type]
        assert caught.value.code is code


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.zeros((3, 8, 9), np.float32), Code.DATA_SHAPE),
        (np.zeros((2, 3, 8, 8), np.float32), Code.DATA_SHAPE),
        (np.full((3, 8, 8), np.nan, np.float32), Code.DATA_NOT_FINITE),
        (np.zeros((3, 8, 8), np.complex64), Code.DATA_DTYPE),
        (np.array("text"), Code.DATA_SHAPE),
        (np.zeros((0, 8, 8), np.float32), Code.DATA_SHAPE),
        (np.zeros((), np.float32), Code.DATA_SHAPE),
        (np.full((3, 8, 8), np.inf, np.float32), Code.DATA_NOT_FINITE),
        (np.full((3, 8, 8), 1e300, np.float64), Code.DATA_NOT_FINITE),
        (np.full((3, 8, 8), "a"), Code.DATA_DTYPE),
    ],
)
def test_samples_that_do_not_fit(built: Any, array: Any, code: Code) -> None:
    with pytest.raises(ToolchainError) as caught:
        run(built.target, [array])
    assert caught.value.code is code


def test_objects_are_never_unpickled(
    command: Callable[..., Any], built: Any, tmp_path: Path
) -> None:
    np.save(tmp_path / "evil.npy", np.array([{}], object), allow_pickle=True)
    answer = command("run", built.target, "-i", tmp_path / "evil.npy", "--format", "json")
    assert (answer.code, answer.problems[0]["code"]) == (4, Code.DATA_PICKLED)


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["-i", "nowhere.npy"], Code.DATA_NOT_FOUND, 4),
        (["-i", "other=one.npy"], Code.UNKNOWN_NAME, 2),
        (["-i", "config.json"], Code.DATA_UNREADABLE, 4),
        (["-i", "empty.npy"], Code.DATA_UNREADABLE, 4),
        (["-i", "short.npy"], Code.DATA_UNREADABLE, 4),
        (["-i", "."], Code.DATA_NOT_FOUND, 4),
        (["-i", "x="], Code.DATA_NOT_FOUND, 4),
        (["-i", "image.png"], Code.DATA_SHAPE, 4),
        (["-i", "one.npy", "--runner", "board"], Code.BAD_VALUE, 2),
        ([], Code.BAD_USAGE, 2),
    ],
)
def test_bad_words(
    command: Callable[..., Any],
    built: Any,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: Code,
    exit_code: int,
) -> None:
    monkeypatch.chdir(built.folder)
    Path("empty.npy").touch()
    Path("short.npy").write_bytes(Path("one.npy").read_bytes()[:200])
    Image.new("RGB", (9, 5)).save("image.png")
    answer = command("run", built.target, *words, "--format", "json")
    assert answer.code == exit_code
    assert answer.problems[0]["code"] == code
    assert "tc-run" not in answer.out  # no name of a temporary file


def test_folders_that_cannot_be_run(built: Any, tmp_path: Path) -> None:
    def code_of(folder: Path, runner: str = "reference") -> Code:
        with pytest.raises(ToolchainError) as caught:
            run(folder, [sample(built)], runner=runner)
        return caught.value.code

    assert code_of(tmp_path / "nowhere") is Code.BAD_USAGE
    assert code_of(built.output) is Code.BAD_USAGE  # the folder of a target is meant
    assert code_of(built.target, "board") is Code.BAD_VALUE
    for name, runner in (("optimized.onnx", "float"), ("tiny.q.onnx", "qdq")):
        with (built.target / name).open("ab") as file:
            file.write(b"more")
        assert code_of(built.target, runner) is Code.PACKAGE_INVALID
    (built.target / "manifest.json").write_text("[")
    assert code_of(built.target) is Code.PACKAGE_INVALID


def test_a_build_that_stopped_early_has_no_program(project: Any) -> None:
    project.build(until="optimize")
    np.save(project.folder / "one.npy", np.load(project.folder / "calibration.npy")[0])
    run(project.target, [sample(project)], runner="float")
    for runner in ("qdq", "reference"):
        with pytest.raises(ToolchainError) as caught:
            run(project.target, [sample(project)], runner=runner)
        assert caught.value.code is Code.PACKAGE_INVALID
