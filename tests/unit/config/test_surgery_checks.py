"""The section `surgery`, as far as it shows what is wrong without the model."""

from __future__ import annotations

import json

import pytest

from toolchain.core.options import ConstantPatch, NodePatch, SurgeryOptions
from toolchain.errors import Code

SMALL = 'model = "m.onnx"\ntargets = ["vector"]\ncalibration.data = "x"\n[surgery]\n'
NODE = SMALL + '[[surgery.nodes]]\nname = "a"\n'
CONSTANT = SMALL + '[[surgery.constants]]\nname = "c"\n'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (NODE + "attributes = {}", "surgery.nodes.0"),
        (CONSTANT, "surgery.constants.0"),
        (CONSTANT + 'data = [1]\nfile = "c.npy"', "surgery.constants.0"),
        (CONSTANT + "data = [1]\n" + CONSTANT.partition("[surgery]\n")[2] + "data = [2]",
         "surgery.constants"),
        (SMALL + 'truncate = ["a", "b", "a"]', "surgery.truncate"),
        (SMALL + 'outputs = ["a", "a"]', "surgery.outputs"),
        (SMALL + 'rename_inputs = { a = "x", b = "x" }', "surgery.rename_inputs"),
        (SMALL + 'rename_outputs = { a = "x", b = "x" }', "surgery.rename_outputs"),
        (SMALL + '[optimize]\nenabled = false\nskip = ["pad"]', "optimize.skip"),
    ],
)  # fmt: skip
def test_contradictions(problems, text, place):
    (problem,) = problems(text)
    assert problem.code is Code.CONTRADICTION
    assert problem.where.startswith(f"{place} in ")


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (NODE, Code.MISSING_KEY, "surgery.nodes.0.attributes"),
        (NODE + "attributes = { group = true }", Code.WRONG_TYPE, "surgery.nodes.0"),
        (NODE + 'attributes = {}\ntype = "Conv"', Code.UNKNOWN_KEY, "surgery.nodes.0"),
        (CONSTANT + 'data = ["1"]', Code.WRONG_TYPE, "surgery.constants.0.data"),
        (SMALL + 'rename_inputs = { a = "" }', Code.BAD_VALUE, "surgery.rename_inputs"),
        (SMALL + 'cut = ["a"]', Code.UNKNOWN_KEY, "surgery.cut"),
        (SMALL + "[compile]\nopset = 12", Code.BAD_VALUE, "compile.opset"),
        (SMALL + "[compile]\nopset = 25", Code.BAD_VALUE, "compile.opset"),
    ],
)  # fmt: skip
def test_values_of_the_wrong_kind(problems, text, code, place):
    (problem,) = problems(text)
    assert problem.code is code
    assert problem.where.startswith(place)


def test_every_kind_of_value(run, tmp_path):
    attributes = {"i": 1, "f": 1.5, "s": "SAME", "is": [1, 2], "fs": [1.5, 2], "ss": ["a"]}
    config = {
        "model": "m.onnx",
        "targets": ["vector"],
        "calibration": {"data": "x"},
        "surgery": {
            "nodes": [{"name": "a", "attributes": attributes}],
            "constants": [{"name": "c", "data": [1, 2.5]}, {"name": "d", "file": "d.npy"}],
        },
    }
    (build,) = run(json.loads(json.dumps(config))).builds
    (node,) = build.surgery.nodes
    lists = {"is": (1, 2), "fs": (1.5, 2.0), "ss": ("a",)}
    assert node == NodePatch(name="a", attributes={**attributes, **lists})
    assert isinstance(node.attributes["i"], int)
    assert build.surgery.constants == (
        ConstantPatch(name="c", data=(1, 2.5)),
        ConstantPatch(name="d", file=str(tmp_path / "d.npy")),
    )


def test_a_target_has_surgery_of_its_own(run, tmp_path):
    overlay = '[[target.vector.surgery.constants]]\nname = "d"\nfile = "d.npy"\n'
    both = SMALL.replace('"vector"', '"vector", "tile-npu"') + 'truncate = ["a"]\n' + overlay
    vector, npu = run(both).builds
    patch = ConstantPatch(name="d", file=str(tmp_path / "d.npy"))
    assert vector.surgery == SurgeryOptions(truncate=("a",), constants=(patch,))
    assert npu.surgery == SurgeryOptions(truncate=("a",))
