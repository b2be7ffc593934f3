from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.findings import (
    Observer,
    figures_of,
    read_observations,
    suspicions,
    write_observations,
)
from toolchain.core.options import Color, InputOptions, Layout
from toolchain.core.samples import InputSpec
from toolchain.errors import Code

RNG = np.random.default_rng(2)
PIXELS = [RNG.integers(0, 256, (1, 3, 8, 8)).astype(np.float32) for _ in range(4)]
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}


def spec(dtype="float32"):
    return InputSpec(name="x", dtype=dtype, shape=(1, 3, 8, 8))


def seen(samples, options, image=True):
    observer = Observer(image=image)
    for sample in samples:
        observer.update(figures_of(sample, options, image=image), sample.tobytes())
    return observer.result()


def said(samples, dtype="float32", image=True, **settings):
    """Messages about samples fed with these settings; `samples` are as before mean and std."""
    options = InputOptions(**settings)
    mean, std = (np.reshape(value, (-1, 1, 1)) for value in (options.mean, options.std))
    fed = [((sample - mean) / std).astype(dtype) for sample in samples]
    found = list(suspicions(seen(fed, options, image), options, spec(dtype), "calibration.data"))
    assert all(told.code is Code.DATA_SUSPICIOUS for told in found)
    assert all(told.where == "calibration.data, input 'x'" for told in found)
    return [told.message for told in found]


def test_figures_by_channel():
    samples = [np.array([[[[1.0, 3.0]], [[5.0, 5.0]]]]), np.array([[[[1.0, -1.0]], [[5.0, 5.0]]]])]
    found = seen(samples, InputOptions())
    assert (found.samples, found.varies) == (2, True)
    assert (found.minimum, found.maximum) == ((-1.0, 5.0), (3.0, 5.0))
    # 1, 3, 1, -1: mean 1, squares of the deviations 0, 4, 0, 4
    assert found.deviation == (pytest.approx(np.sqrt(2)), 0.0)


def test_they_come_back_from_disk(tmp_path):
    found = (seen(PIXELS, InputOptions()),)
    write_observations(tmp_path, found)
    assert read_observations(tmp_path) == found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        IMAGENET,
        {"mean": (127.5,), "std": (127.5,)},
        {"std": (255.0,)},
        {"mean": (103.939, 116.779, 123.68), "color": Color.BGR},
        {"mean": (128.0, 128.0, 128.0), "std": (128.0,)},
    ],
)
def test_nothing_is_said_of_what_is_right(settings):
    assert said(PIXELS, **settings) == []
    small = [sample / 255 for sample in PIXELS]
    assert said(small, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)) == []
    assert said(small) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"mean": (0.5,)},
        {"std": (0.5,)},
    ],
)
def test_mean_and_std_of_normalized_pixels(settings):
    assert said(PIXELS, **settings) == [
        "`mean` and `std` are for values of 0..1, and the samples are not"
    ]


def test_samples_that_are_normalized_already():
    small = [sample / 255 for sample in PIXELS]
    assert said(small, **IMAGENET) == ["`mean` is outside the range of the samples"]
    assert said(small, std=(255.0,)) == ["Next to nothing of the samples is left after `std`"]


@pytest.mark.parametrize(
    ("color", "mean"),
    [(Color.BGR, IMAGENET["mean"]), (Color.RGB, (103.939, 116.779, 123.68))],
)
def test_the_opposite_colour_order(color, mean):
    message = "`mean` is that of ImageNet in the opposite colour order"
    assert said(PIXELS, mean=mean, color=color) == [message]
    # Arrays have their colours already.
    assert said(PIXELS, mean=mean, color=color, image=False) == []


def test_nothing_is_said_of_what_others_preprocess():
    for preprocess in ("own.py:f", "of_a_plugin"):
        settings = {"mean": (0.5,), "std": (0.5,), "preprocess": preprocess}
        assert said(PIXELS, image=False, **settings) == []
        assert said(PIXELS[:1] * 2, image=False, **settings) == ["All samples are the same"]


def test_channels_are_those_of_the_layout():
    nhwc = [np.full((1, 8, 8, 3), [0, 1, value], np.float32) for value in (2, 3)]
    (told,) = suspicions(
        seen(nhwc, InputOptions(layout=Layout.NHWC)), InputOptions(), spec(), "check.data"
    )
    assert told.got == "channel 0, 1"
    # An axis of an array is no channel unless mean or std say so.
    assert said([sample.transpose(0, 3, 1, 2) for sample in nhwc], image=False) == []


def test_constants():
    zeros = [np.zeros((1, 3, 8, 8))] * 3
    assert said(zeros) == ["Every sample is the same number everywhere"]
    assert said(PIXELS[:1] * 3) == ["All samples are the same"]
    assert said(PIXELS[:1]) == []
    blue = [sample * np.reshape([1, 1, 0], (3, 1, 1)) for sample in PIXELS]
    assert said(blue) == ["A channel is the same number in every sample"]
    assert said(zeros, dtype="int64") == []
