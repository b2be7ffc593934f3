"""What has to be said about a processor, and what may be said once only."""

from __future__ import annotations

from typing import Any

import pytest

from toolchain.core.options import (
    Color,
    CompileOptions,
    InputOptions,
    InputProcessor,
    Layout,
    OutputProcessor,
    Source,
    SourceDtype,
    YuvRange,
)
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.program.processors import Processors, settle

YUV = {"format": Source.NV12, "color": Color.RGB}
RGB = {"format": Source.RGB, "color": Color.RGB}


def settled(fed: InputOptions | None = None, **asked: Any) -> Processors:
    options = CompileOptions(input_processors=(InputProcessor(**asked),))
    return settle(options, {"x": fed or InputOptions()}, ("y",))


def test_what_is_left_out_is_what_samples_are_fed_with() -> None:
    fed = InputOptions(mean=(1.0,), std=(2.0,), layout=Layout.NHWC)
    (source,) = settled(fed, format=Source.RAW).inputs
    assert (source.name, source.mean, source.std) == ("x", (1.0,), (2.0,))
    assert (source.layout, source.model_layout) == (Layout.NHWC, Layout.NHWC)
    (source,) = settled(fed, **RGB, mean=(3.0,), std=(4.0,), layout=Layout.NCHW).inputs
    assert (source.mean, source.std, source.layout) == ((3.0,), (4.0,), Layout.NCHW)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "colours not said": ({"format": Source.RGB}, "needs `color`"),
    "yuv to gray": ({**YUV, "color": Color.GRAY, "range": YuvRange.FULL}, "needs `color`"),
    "raw colours": ({"format": Source.RAW, "color": Color.RGB}, "has no effect"),
    "gray colours": ({"format": Source.GRAY, "color": Color.RGB}, "has no colours"),
    "samples in other colours": ({**RGB, "color": Color.BGR}, "`input.color` is rgb"),
    "no range": (YUV, "neither"),
    "range and matrix": ({**YUV, "range": YuvRange.FULL, "matrix": (1.0,) * 12}, "both"),
    "range of rgb": ({**RGB, "range": YuvRange.FULL}, "no effect on `rgb`"),
    "large factor": ({**YUV, "matrix": (8.0, *(0.0,) * 11)}, "below 8"),
    "large offset": ({**YUV, "matrix": (0.0, 0.0, 0.0, 1e5, *(0.0,) * 8)}, "offset"),
    "not finite": ({**YUV, "matrix": (float("nan"), *(0.0,) * 11)}, "below 8"),
    "layout of yuv": ({**YUV, "range": YuvRange.FULL, "layout": Layout.NCHW}, "of its own"),
    "type of yuv": ({**YUV, "range": YuvRange.FULL, "dtype": SourceDtype.INT8}, "uint8"),
    "fill without padding": ({**RGB, "padding_value": 3}, "without `padding`"),
}


@pytest.mark.parametrize(("asked", "word"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_said_or_said_in_two_ways_is_refused(asked: Any, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settled(**asked)
    assert any(
        problem.code is Code.CONTRADICTION and word in problem.message
        for problem in caught.value.problems
    )


def test_colours_of_samples_that_are_no_images_may_differ() -> None:
    fed = InputOptions(preprocess="array")
    (source,) = settled(fed, format=Source.RGB, color=Color.BGR).inputs
    assert (source.format, source.color) == (Source.RGB, Color.BGR)


@pytest.mark.parametrize(
    ("inputs", "outputs", "code"),
    [
        (("z",), (), Code.UNKNOWN_NAME),
        ((None,), (), Code.BAD_VALUE),
        (("a", "a"), (), Code.CONTRADICTION),
        ((), ("z",), Code.UNKNOWN_NAME),
        ((), (None, "y"), Code.CONTRADICTION),
    ],
)
def test_names(inputs: tuple[str | None, ...], outputs: tuple[str | None, ...], code: Code) -> None:
    options = CompileOptions(
        input_processors=tuple(InputProcessor(name=n, format=Source.RAW) for n in inputs),
        output_processors=tuple(OutputProcessor(name=name) for name in outputs),
    )
    with pytest.raises(ConfigError) as caught:
        settle(options, {"a": InputOptions(), "b": InputOptions()}, ("y",))
    assert [problem.code for problem in caught.value.problems] == [code]


def test_pixels_beyond_what_indices_can_name_are_refused(storing) -> None:
    shape = (1, 3, 40000, 40000)
    cut = {"slicing": (0, 0, 0, 0, 1, 3, 4, 6), "shape": shape}
    with pytest.raises(CompileError, match="more than") as caught:
        settled(**RGB, **cut).apply(storing())
    assert caught.value.problems[0].code is Code.PROGRAM_INVALID


def test_nothing_asked_for_is_nothing_to_do() -> None:
    assert not settle(CompileOptions(), {"x": InputOptions()}, ("y",))
