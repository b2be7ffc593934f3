from __future__ import annotations

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
