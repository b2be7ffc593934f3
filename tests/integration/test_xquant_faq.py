"""The five errors of XQuant's FAQ: each situation is a clear error here, before any sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from toolchain.errors import Code, Problem, ToolchainError


def refused(project: Any) -> tuple[Problem, ...]:
    """The problems of a build that gets no further than its samples."""
    with pytest.raises(ToolchainError) as caught:
        project.run()
    assert not (project.output / ".cache" / "calibrate").exists()
    assert not project.target.exists()
    return tuple(caught.value.problems)


def refusal(project: Any) -> Problem:
    """The only problem."""
    (problem,) = refused(project)
    return problem


@pytest.fixture
def two_inputs(project: Any, make_tiny: Callable[..., onnx.ModelProto]) -> Any:
    """The project with a second model input, added to the first."""
    model = make_tiny()
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, 8, 8)))
    model.graph.node.insert(0, helper.make_node("Add", ["x", "y"], ["sum"], "sum"))
    model.graph.node[1].input[0] = "sum"
    return project.save("two.onnx", model)


class TestAsManyInputsAsTheModel:
    """Calibration input_parametres size should equal to model inputs size."""

    def test_an_input_that_the_model_does_not_have(self, project: Any) -> None:
        problem = refusal(project.changed(input=[{"name": "x"}, {"name": "data1"}]))
        assert problem.code is Code.UNKNOWN_NAME
        assert (problem.where, problem.got, problem.allowed) == ("input.1.name", "data1", "x")

    def test_samples_for_an_input_that_the_model_does_not_have(self, project: Any) -> None:
        data = {"x": "calibration.npy", "data1": "calibration.npy"}
        problem = refusal(project.changed(calibration__data=data))
        assert problem.code is Code.UNKNOWN_NAME
        assert (problem.where, problem.allowed) == ("calibration.data.data1", "x")

    def test_one_source_for_several_inputs(self, two_inputs: Any) -> None:
        problem = refusal(two_inputs)
        assert problem.code is Code.BAD_VALUE
        assert problem.allowed == "a table with x, y, or dictionaries with these keys"

    def test_an_input_without_samples(self, two_inputs: Any) -> None:
        problem = refusal(two_inputs.changed(calibration__data={"x": "calibration.npy"}))
        assert problem.code is Code.BAD_VALUE
        assert (problem.where, problem.allowed) == ("calibration.data", "a path for 'y'")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"quantize.method": "entropy"}, "quantize.method"),
        (
            {"mixed_precision.rules": [{"nodes": ["fc"], "method": "entropy"}]},
            "mixed_precision.rules[0].method",
        ),
    ],
)
def test_a_calibration_type_that_is_not_implemented(
    project: Any, change: dict[str, Any], where: str
) -> None:
    problem = refusal(project.changed(change))
    assert problem.code is Code.UNKNOWN_NAME
    assert (problem.where, problem.got) == (where, "entropy")
    assert problem.allowed == "default, minmax, percentile, mse, kl"


class TestFileType:
    """file_type xxx not implemented yet."""

    def test_of_the_config(self, project: Any) -> None:
        problem = refusal(project.changed(input=[{"format": "video"}]))
        assert problem.code is Code.BAD_VALUE
        assert problem.where.startswith("input.0.format")
        assert problem.allowed == "'auto', 'image', 'numpy', 'binary' or 'numpy_object'"

    def test_of_a_listed_file(self, project: Any) -> None:
        (project.folder / "clip.mp4").touch()
        (project.folder / "list.txt").write_text("clip.mp4\n", encoding="utf-8")
        problem = refusal(project.changed(calibration__data="list.txt"))
        assert (problem.code, problem.got) == (Code.DATA_UNREADABLE, "clip.mp4")


class TestNoItems:
    """Calibration input xxx finds 0 items."""

    @pytest.fixture
    def sources(self, project: Any) -> Path:
        folder: Path = project.folder
        (folder / "empty").mkdir()
        (folder / "texts").mkdir()
        (folder / "texts" / "read.me").touch()
        (folder / "empty.txt").write_text("# nothing yet\n", encoding="utf-8")
        np.save(folder / "empty.npy", np.zeros((0, 3, 8, 8), np.float32))
        return folder

    @pytest.mark.parametrize("source", ["empty", "texts", "empty.txt", "empty.npy"])
    def test_in_a_source(self, project: Any, sources: Path, source: str) -> None:
        problem = refusal(project.changed(calibration__data=source))
        assert problem.code is Code.DATA_EMPTY
        assert str(sources / source) in problem.where

    def test_because_there_is_no_source(self, project: Any) -> None:
        problem = refusal(project.changed(calibration__data="nowhere"))
        assert problem.code is Code.DATA_NOT_FOUND

    def test_because_a_list_is_wrong(self, project: Any) -> None:
        (project.folder / "list.txt").write_text("no.jpg\n", encoding="utf-8")
        problem = refusal(project.changed(calibration__data="list.txt"))
        assert (problem.code, problem.got) == (Code.DATA_NOT_FOUND, "no.jpg")


class TestTruncation:
    """truncate graph failed."""

    def test_at_a_misspelled_tensor(self, project: Any) -> None:
        problem = refusal(project.changed({"surgery.truncate": ["logit"]}))
        assert problem.code is Code.NO_MATCH
        assert problem.hint == "did you mean `logits`?"

    def test_that_does_not_cut_the_graph_in_two(
        self, project: Any, make_model: Callable[..., onnx.ModelProto]
    ) -> None:
        nodes = [
            helper.make_node("Relu", ["x"], ["a"], "left"),
            helper.make_node("Sigmoid", ["x"], ["b"], "right"),
            helper.make_node("Add", ["a", "b"], ["y"], "join"),
        ]
        shape = (1, 3, 8, 8)
        model = make_model(nodes, {"x": shape}, {"y": shape}, [])
        problem = refusal(project.save("fork.onnx", model).changed({"surgery.truncate": ["a"]}))
        assert (problem.code, problem.got) == (Code.BAD_VALUE, "`x`")

    def test_of_nothing(self, project: Any) -> None:
        problem = refusal(project.changed({"surgery.truncate": ["logits"]}))
        assert problem.code is Code.NO_EFFECT
