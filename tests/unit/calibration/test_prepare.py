from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

from toolchain.calibration.prepare import SampleRequest, prepare_samples
from toolchain.calibration.presets import PREPROCESSORS
from toolchain.calibration.readers import READERS
from toolchain.calibration.sources import Selection
from toolchain.core.options import InputOptions, Order
from toolchain.core.progress import SilentProgress
from toolchain.core.registry import PreprocessorDef
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, ConfigError, DataError

X = InputSpec(name="x", dtype="float32", shape=(1, 3))
Y = InputSpec(name="y", dtype="int64", shape=(1, 2))


def prepare(
    sources, folder, inputs=(X,), options=None, selection=None, preprocessors=PREPROCESSORS
):
    request = SampleRequest(
        sources=sources,
        inputs=inputs,
        options=options or tuple(InputOptions() for _ in inputs),
        selection=selection or Selection(samples=100),
    )
    return prepare_samples(request, folder, READERS, preprocessors, SilentProgress())


def saved(tmp_path, name, array):
    np.save(tmp_path / name, array)
    return str(tmp_path / name)


def test_two_inputs_are_paired_and_read_back(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3))
    y = np.arange(40).reshape(20, 2)
    sources = {"y": saved(tmp_path, "y.npy", y), "x": saved(tmp_path, "x.npy", x)}
    selection = Selection(samples=7, order=Order.RANDOM, seed=3)
    store = prepare(sources, tmp_path / "out", (X, Y), selection=selection)
    again = SampleStore.open(tmp_path / "out")
    assert again == store
    positions = [int(name) for name in again.names]
    assert positions == selection.positions(20)
    feeds = again.batch(0, 7)
    np.testing.assert_array_equal(feeds["x"], x[positions].astype(np.float32))
    np.testing.assert_array_equal(feeds["y"], y[positions])


def test_the_same_bytes_twice(tmp_path):
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 8, 3), np.uint8)
        (tmp_path / "data").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{number}.png")
    spec = InputSpec(name="x", dtype="float32", shape=(1, 3, 4, 4))
    options = (InputOptions(resize=4, crop=(4, 4), std=(255.0,)),)
    for name in ("a", "b"):
        prepare(str(tmp_path / "data"), tmp_path / name, (spec,), options)
    for file in ("input_0.bin", "observations.json", "samples.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == [
        "input_0.bin",
        "observations.json",
        "samples.json",
    ]


def test_counts_must_match(tmp_path):
    sources = {
        "x": saved(tmp_path, "x.npy", np.zeros((3, 3))),
        "y": saved(tmp_path, "y.npy", np.zeros((2, 2), int)),
    }
    with pytest.raises(DataError) as caught:
        prepare(sources, tmp_path / "out", (X, Y))
    assert caught.value.code is Code.DATA_MISMATCH


def test_nothing_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="finds 0 items") as caught:
        prepare(str(tmp_path / "empty"), tmp_path / "out")
    assert caught.value.code is Code.DATA_EMPTY


def test_errors_name_the_sample_and_leave_no_index(tmp_path):
    x = np.zeros((9, 3))
    x[5, 1] = np.nan
    source = saved(tmp_path, "x.npy", x)
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out")
    assert caught.value.code is Code.DATA_NOT_FINITE
    assert caught.value.problems[0].where == "sample '5', input 'x'"
    assert not (tmp_path / "out" / "samples.json").exists()


def test_preprocessors_are_named_and_held_to_the_contract(tmp_path):
    source = saved(tmp_path, "x.npy", np.zeros((2, 3)))
    with pytest.raises(ConfigError) as caught:
        prepare(source, tmp_path / "out", options=(InputOptions(preprocess="imgae"),))
    assert caught.value.code is Code.UNKNOWN_NAME

    def wrong(sample, _options, _spec):
        return sample

    def raising(sample, _options, _spec):
        return sample["no"]

    for function in (wrong, raising):
        own = PreprocessorDef(name="own", summary="", function=function)
        with pytest.raises(DataError) as caught:
            prepare(
                source,
                tmp_path / "out",
                options=(InputOptions(preprocess="own"),),
                preprocessors=(own,),
            )
        assert caught.value.code is Code.PREPROCESS_FAILED


@pytest.mark.parametrize("form", ["folder of objects", "folder of npz", "one npz"])
def test_one_source_feeds_several_inputs(tmp_path, form):
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(4, 1, 3)).astype(np.float32), np.arange(8).reshape(4, 1, 2)
    if form == "one npz":
        source = tmp_path / "all.npz"
        np.savez(source, x=x, y=y)
    else:
        source = tmp_path / "d"
        source.mkdir()
        for k in range(4):
            if form == "folder of objects":
                np.save(source / f"{k}.npy", {"x": x[k], "y": y[k]}, allow_pickle=True)
            else:
                np.savez(source / f"{k}.npz", x=x[k], y=y[k])
    feeds = prepare(str(source), tmp_path / "out", (X, Y)).batch(0, 4)
    np.testing.assert_array_equal(feeds["x"], x[:, 0])
    np.testing.assert_array_equal(feeds["y"], y[:, 0])


def test_one_source_that_cannot_feed_several_inputs(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError) as caught:
        prepare(str(tmp_path), tmp_path / "out", (X, Y))
    assert "table of input name to path" in caught.value.problems[0].allowed


def test_inputs_are_paired_by_file_name_and_by_a_list_of_one_line(tmp_path):
    for folder, names in (("x", "ba"), ("y", "ab")):
        (tmp_path / folder).mkdir()
        for name in names:
            values = np.full((1, 3 if folder == "x" else 2), ord(name), np.int64)
            np.save(tmp_path / folder / f"{name}.npy", values)
    sources = {name: str(tmp_path / name) for name in "xy"}
    feeds = prepare(sources, tmp_path / "out", (X, Y)).batch(0, 2)
    assert (feeds["x"][:, 0].tolist(), feeds["y"][:, 0].tolist()) == ([97, 98], [97, 98])
    (tmp_path / "one.txt").write_text("y/b.npy")
    sources["y"] = str(tmp_path / "one.txt")
    feeds = prepare(sources, tmp_path / "again", (X, Y)).batch(0, 2)
    assert (feeds["x"][:, 0].tolist(), feeds["y"][:, 0].tolist()) == ([97, 98], [98, 98])


def test_functions_of_files_need_files(tmp_path):
    (tmp_path / "f.py").write_text("def f(paths, parameters): ...")
    options = (InputOptions(preprocess=f"{tmp_path / 'f.py'}:f"),)
    with pytest.raises(DataError, match="not files of their own"):
        prepare(saved(tmp_path, "x.npy", np.zeros((2, 3))), tmp_path / "out", options=options)


def test_a_function_of_files_reads_members_of_an_archive(tmp_path):
    (tmp_path / "f.py").write_text(
        "import numpy as np\n"
        "def f(paths, parameters):\n"
        "    return np.stack([np.load(path) for path in paths]).astype(np.float64)\n"
    )
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, archive.open("d/1.npy", "w") as file:
        np.save(file, np.arange(3))
    options = (InputOptions(preprocess=f"{tmp_path / 'f.py'}:f"),)
    store = prepare(str(tmp_path / "a.zip"), tmp_path / "out", options=options)
    assert (store.names, store.batch(0)["x"].tolist()) == (("d/1.npy",), [[0.0, 1.0, 2.0]])


def test_what_a_function_raises_names_sample_file_and_line(tmp_path):
    (tmp_path / "f.py").write_text("def f(sample):\n    return 1 / 0\n")
    options = (InputOptions(preprocess=f"{tmp_path / 'f.py'}:f"),)
    with pytest.raises(DataError, match="ZeroDivisionError") as caught:
        prepare(saved(tmp_path, "x.npy", np.zeros((2, 3))), tmp_path / "out", options=options)
    assert caught.value.problems[0].where == f"sample '0', {tmp_path / 'f.py'}:2"


@pytest.mark.parametrize("source", ["list.txt", "sounds"])
def test_functions_of_files_take_any_kind_of_file(tmp_path, source):
    (tmp_path / "f.py").write_text(
        "from pathlib import Path\n"
        "import numpy as np\n"
        "def f(paths, parameters):\n"
        "    return np.array([list(Path(path).read_bytes()[4:7]) for path in paths])\n"
    )
    (tmp_path / "sounds").mkdir()
    for number in range(2):
        (tmp_path / "sounds" / f"{number}.wav").write_bytes(b"RIFF" + bytes([number, 5, 6]))
    (tmp_path / "list.txt").write_text("sounds/0.wav\nsounds/1.wav\n")
    options = (InputOptions(preprocess=f"{tmp_path / 'f.py'}:f"),)
    store = prepare(str(tmp_path / source), tmp_path / "out", options=options)
    assert store.batch(0, 2)["x"].tolist() == [[0, 5, 6], [1, 5, 6]]
    with pytest.raises(DataError):
        prepare(str(tmp_path / source), tmp_path / "again")
