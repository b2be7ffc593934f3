from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.functions import (
    function_digest,
    input_parameters,
    load_function,
)
from toolchain.core.options import Color, InputOptions
from toolchain.core.samples import InputSpec
from toolchain.errors import Code, DataError

SPEC = InputSpec(name="x", dtype="float32", shape=(1, 2, 2))

SOURCE = """
import numpy as np

def scaled(sample):
    return sample * 2.0

def preprocess_impl(path_list, input_parametr):
    return np.stack([np.load(path) for path in path_list]) - input_parametr["mean_value"][0]

class Tensor:
    def __init__(self, values):
        self.values = values
    def numpy(self):
        return self.values

def like_torch(sample):
    return Tensor(sample.astype(np.float32))

def raises(sample):
    return wrong(sample)

def wrong(sample):
    return sample["no"]

def nothing(sample): return None
def text(sample): return np.array(["a"])
def flat(sample): return sample.ravel()
def nan(sample): return sample * np.nan
def leaves(sample): raise SystemExit(3)
def three(a, b, c): return a
VALUE = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(SOURCE)
    return path


def failed(call):
    with pytest.raises(DataError) as caught:
        call()
    return caught.value.problems[0]


def test_a_function_of_the_sample(file):
    sample = np.arange(4).reshape(2, 2)
    for name, factor in (("scaled", 2), ("like_torch", 1)):
        result = load_function(file, name).run(sample, InputOptions(), SPEC)
        assert (result.dtype, result.shape) == (np.float32, SPEC.shape)
        np.testing.assert_array_equal(result[0], sample * factor)


def test_a_function_of_files_as_xquant_calls_it(file, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2), np.float32))
    function = load_function(file, "preprocess_impl")
    assert function.takes_files
    options = InputOptions(mean=(3.0,), color=Color.BGR)
    result = function.run(tmp_path / "a.npy", options, SPEC)
    assert result.tolist() == [[[-2.0, -2.0], [-2.0, -2.0]]]
    assert input_parameters(options, SPEC) == {
        "input_name": "x",
        "input_shape": [1, 2, 2],
        "dtype": "float32",
        "color_format": "bgr",
        "mean_value": [3.0],
        "std_value": [1.0],
    }


def test_what_it_raises_names_file_and_line(file):
    line = SOURCE.splitlines().index('    return sample["no"]') + 1
    told = failed(lambda: load_function(file, "raises").run(np.zeros(4), InputOptions(), SPEC))
    assert told.code is Code.PREPROCESS_FAILED
    assert told.where == f"{file}:{line}"
    assert "IndexError" in told.message
    told = failed(lambda: load_function(file, "leaves").run(np.zeros(4), InputOptions(), SPEC))
    assert "SystemExit" in told.message


@pytest.mark.parametrize(
    ("name", "got", "code"),
    [
        ("nothing", "NoneType: None", Code.PREPROCESS_FAILED),
        ("text", "an array of <U1", Code.PREPROCESS_FAILED),
        ("flat", "float64 (4,)", Code.PREPROCESS_FAILED),
        ("nan", "nan at (0, 0, 0)", Code.DATA_NOT_FINITE),
    ],
)
def test_nonsense_is_named(file, name, got, code):
    told = failed(lambda: load_function(file, name).run(np.ones((2, 2)), InputOptions(), SPEC))
    assert (told.code, told.got) == (code, got)
    if code is Code.PREPROCESS_FAILED:
        line = next(n for n, text in enumerate(SOURCE.splitlines(), 1) if f"def {name}" in text)
        assert told.where == f"{file}:{line}, input 'x'"


def test_functions_that_cannot_be_had(file, tmp_path):
    told = failed(lambda: load_function(file, "scald"))
    assert "scaled" in told.allowed
    assert failed(lambda: load_function(file, "VALUE")).got == "VALUE"
    assert failed(lambda: load_function(file, "three")).got == "3"
    assert "cannot be read" in failed(lambda: load_function(tmp_path / "none.py", "f")).message
    for source, line in (("x = 1\ndef f(:", 2), ("\n\nimport nothing_of_this_name", 3), ("1/0", 1)):
        file.write_text(source)
        told = failed(lambda: load_function(file, "f"))
        assert (told.code, told.where) == (Code.PREPROCESS_FAILED, f"{file}:{line}")


def test_neighbours_cannot_be_imported_since_the_cache_would_not_see_them(file, tmp_path):
    (tmp_path / "neighbour.py").write_text("")
    file.write_text("import neighbour")
    assert "neighbour" in failed(lambda: load_function(file, "f")).message


def test_the_digest_is_of_the_source(file):
    before = function_digest(f"{file}:scaled")
    assert before == function_digest(f"{file}:other")
    assert function_digest("image") is None
    file.write_text(SOURCE + "\n")
    assert function_digest(f"{file}:scaled") != before
    with pytest.raises(DataError):
        function_digest(f"{file}x.py:scaled")
