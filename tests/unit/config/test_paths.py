from __future__ import annotations

import pytest

from toolchain.config.paths import PathRules
from toolchain.errors import Code, ConfigError


@pytest.fixture(name="rules")
def rules_fixture(tmp_path):
    return PathRules(folder=tmp_path, environment={"ZOO": "/zoo", "EMPTY": ""})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m.onnx", "{folder}/m.onnx"),
        ("a/../m.onnx", "{folder}/m.onnx"),
        ("/abs/m.onnx", "/abs/m.onnx"),
        ("${ZOO}/m.onnx", "/zoo/m.onnx"),
        ("${EMPTY}${ZOO}/a${ZOO}", "/zoo/a/zoo"),
        ("$ZOO", "{folder}/$ZOO"),
        ("x.npz:key", "{folder}/x.npz:key"),
        ("${ZOO}/x.NPZ:a.b", "/zoo/x.NPZ:a.b"),
        ("x.npz", "{folder}/x.npz"),
        ("a:b.txt", "{folder}/a:b.txt"),
    ],
)
def test_file_names_become_absolute(rules, tmp_path, text, expected):
    assert rules.absolute(text, "here") == expected.format(folder=tmp_path)


def test_home_is_expanded(rules, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert rules.absolute("~/x.npz:k", "here") == "/home/someone/x.npz:k"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${NO}/m", Code.UNDEFINED_VARIABLE),
        ("${}/m", Code.UNDEFINED_VARIABLE),
        ("", Code.BAD_VALUE),
        ("${EMPTY}", Code.BAD_VALUE),
        ("~no_such_user_here/m", Code.BAD_VALUE),
    ],
)
def test_names_that_cannot_be_completed(rules, text, code):
    with pytest.raises(ConfigError) as caught:
        rules.absolute(text, "model in c.toml")
    assert caught.value.code is code
    assert caught.value.problems[0].where == "model in c.toml"


def test_every_file_name_of_a_config_is_absolute(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA", "/data")
    text = (
        'model = "../m.onnx"\noutput = "out"\ntargets = ["vector"]\n'
        '[calibration.data]\na = "x.npz:k"\n"b.c" = "${DATA}/y"\n'
        '[evaluation]\ndata = "v"\nlabels = "l.csv"\n[compile]\nname = "m"\n'
    )
    (build,) = run(text).builds
    assert build.model == str(tmp_path.parent / "m.onnx")
    assert build.output == str(tmp_path / "out")
    assert build.calibration.data == {"a": str(tmp_path / "x.npz:k"), "b.c": "/data/y"}
    assert build.evaluation.data == str(tmp_path / "v")
    assert build.evaluation.labels == str(tmp_path / "l.csv")
    assert build.compile.name == "m"


def test_files_of_functions_and_of_overlays_are_absolute(run, tmp_path):
    text = (
        'model = "m.onnx"\ntargets = ["vector"]\ncalibration.data = "x"\n'
        '[[input]]\nname = "a"\npreprocess = "own/f.py:g"\n'
        '[[input]]\nname = "b"\npreprocess = "image"\n'
        '[check]\ndata = "shared"\n[target.vector.check]\ndata = "own"\n'
    )
    (build,) = run(text).builds
    assert [given.preprocess for given in build.input] == [f"{tmp_path}/own/f.py:g", "image"]
    assert build.check.data == str(tmp_path / "own")


def test_undefined_variables_are_collected(problems):
    found = problems(
        'model = "${NO1}"\ntargets = ["vector"]\ncalibration.data = { a = "${NO2}", b = "b" }\n'
        '[[input]]\npreprocess = "${NO3}/f.py:g"\n'
    )
    assert [problem.code for problem in found] == [Code.UNDEFINED_VARIABLE] * 3
    assert found[1].where.startswith("calibration.data.a in ")


def test_names_in_overlays_are_file_names_too(run, tmp_path):
    text = (
        'model = "m"\n[calibration]\ndata = "d"\n[analysis]\ndata = "a"\n'
        '[target.vector.analysis]\ndata = "b"\n'
    )
    for name, expected in (("vector", "b"), ("tile-npu", "a")):
        (build,) = run(text, selected=[name]).builds
        assert build.analysis.data == str(tmp_path / expected)
