"""What the samples themselves say: figures gathered while they are prepared, and warnings.

Only what can really be inferred is said. Raw pixels are right for some models, so nothing is said
of inputs without `mean` and `std`; integers are indices or masks, so nothing is said of them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.options import Color, InputOptions, Layout
from toolchain.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.core.samples import InputSpec

FEW_SAMPLES = 10
"""Fewer say little of a range: XSlim warns below, vendors advise 100 to 1000."""

_IMAGENET = (123.675, 116.28, 103.53)
"""Mean of the red, green and blue pixels 0..255 of ImageNet, as torchvision gives them."""
_WIDE = 20.0
"""Standard deviation that no normalized input has: std is chosen so that it is about 1."""
_TINY = 1 / 64
_FILE = "observations.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """Figures of one sample of one input, float64 (channels,) each."""

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    elements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Figures of all samples of one input, by channel.

    Attributes:
        samples: How many.
        image: True if they are images that a preprocessor of ours made ready.
        varies: True if two samples differ.
        minimum: Smallest value.
        maximum: Largest value.
        deviation: Standard deviation of the values.
    """

    samples: int
    image: bool
    varies: bool
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    deviation: tuple[float, ...]


class Observer:
    """Gathers the figures of one input, sample by sample, in constant memory."""

    def __init__(self, *, image: bool) -> None:
        """Take whether the samples are images that a preprocessor of ours makes ready."""
        self._image = image
        self._first: bytes | None = None
        self._samples = 0
        self._varies = False
        self._sum: Figures | None = None

    def update(self, figures: Figures, data: bytes) -> None:
        """Take one more sample: its figures and its bytes."""
        if self._first is None:
            self._first = data
        self._varies = self._varies or data != self._first
        self._samples += 1
        self._sum = figures if self._sum is None else _joined(self._sum, figures)

    def result(self) -> Observation:
        """What was seen; at least one sample must have been."""
        if self._sum is None:
            raise ValueError("no sample was seen")
        found = self._sum
        mean = found.total / found.elements
        variance = found.squares / found.elements - mean * mean
        return Observation(
            samples=self._samples,
            image=self._image,
            varies=self._varies,
            minimum=tuple(found.minimum.tolist()),
            maximum=tuple(found.maximum.tolist()),
            deviation=tuple(np.sqrt(variance.clip(0)).tolist()),
        )


def figures_of(sample: Array, options: InputOptions, *, image: bool) -> Figures:
    """Figures of one prepared sample, by channel of images and where mean and std are by channel.

    Args:
        sample: What the model input takes.
        options: How it is fed.
        image: True if a preprocessor of ours made it of an image.
    """
    axis = _channel_axis(options, sample.ndim, image=image)
    table = sample.reshape(1, -1) if axis is None else np.moveaxis(sample, axis, 0)
    table = table.reshape(len(table), -1)
    return Figures(
        minimum=table.min(axis=1).astype(np.float64),
        maximum=table.max(axis=1).astype(np.float64),
        total=table.sum(axis=1, dtype=np.float64),
        squares=np.square(table, dtype=np.float64).sum(axis=1),
        elements=table.shape[1],
    )


def suspicions(
    seen: Observation, options: InputOptions, spec: InputSpec, source: str
) -> Iterator[Problem]:
    """Everything about the samples of one input that looks wrong.

    Args:
        seen: What was observed.
        options: How the input is fed.
        spec: The model input.
        source: Config path of the samples ("calibration.data").
    """
    if np.dtype(spec.dtype).kind != "f":
        return
    place = f"{source}, input '{spec.name}'"
    yield from _constants(seen, place)
    if not seen.image and options.preprocess not in ("auto", "array"):
        return  # what the function or the plugin makes of mean and std is its own affair
    if options.mean != (0.0,) or options.std != (1.0,):
        yield from _scaling(seen, options, place)
    if seen.image:
        yield from _color_order(options, place)


def _constants(seen: Observation, place: str) -> Iterator[Problem]:
    flat = [low == high for low, high in zip(seen.minimum, seen.maximum, strict=True)]
    if all(flat) and len(set(seen.minimum)) == 1:
        yield _problem("Every sample is the same number everywhere", place, f"{seen.minimum[0]:g}")
    elif not seen.varies and seen.samples > 1:
        yield _problem("All samples are the same", place, f"{seen.samples} equal samples")
    elif any(flat):
        channels = ", ".join(str(index) for index, same in enumerate(flat) if same)
        yield _problem("A channel is the same number in every sample", place, f"channel {channels}")


def _scaling(seen: Observation, options: InputOptions, place: str) -> Iterator[Problem]:
    """At most one: each mistake shows in several figures."""
    low, high, wide = min(seen.minimum), max(seen.maximum), max(seen.deviation)
    got = f"{low:g} to {high:g}, standard deviation {wide:g}"
    small = max(map(abs, options.mean)) <= 1 and max(options.std) <= 1
    if small and wide > _WIDE:
        yield _problem(
            "`mean` and `std` are for values of 0..1, and the samples are not",
            place,
            got,
            "multiply both by 255: they are in units of the pixels 0..255",
        )
    elif max(map(abs, options.mean)) > 0 and (
        all(value > 0 for value in seen.minimum) or all(value < 0 for value in seen.maximum)
    ):
        yield _problem(
            "`mean` is outside the range of the samples",
            place,
            got,
            "samples that are normalized already want no mean and std",
        )
    elif options.std != (1.0,) and max(abs(low), abs(high)) < _TINY:
        yield _problem(
            "Next to nothing of the samples is left after `std`",
            place,
            got,
            "samples that are scaled already want no std",
        )


def _color_order(options: InputOptions, place: str) -> Iterator[Problem]:
    if len(options.mean) != 3 or options.color is Color.GRAY:
        return
    other = _IMAGENET[::-1] if options.color is Color.RGB else _IMAGENET
    if max(abs(mean - known) for mean, known in zip(options.mean, other, strict=True)) <= 1:
        opposite = Color.BGR if options.color is Color.RGB else Color.RGB
        yield _problem(
            "`mean` is that of ImageNet in the opposite colour order",
            place,
            f"{list(options.mean)} with color = {options.color.value}",
            f'set color = "{opposite.value}", or turn `mean` and `std` around',
        )


def _problem(message: str, place: str, got: str, hint: str | None = None) -> Problem:
    return Problem(code=Code.DATA_SUSPICIOUS, message=message, where=place, got=got, hint=hint)


def _joined(one: Figures, other: Figures) -> Figures:
    return Figures(
        minimum=np.minimum(one.minimum, other.minimum),
        maximum=np.maximum(one.maximum, other.maximum),
        total=one.total + other.total,
        squares=one.squares + other.squares,
        elements=one.elements + other.elements,
    )


def _channel_axis(options: InputOptions, rank: int, *, image: bool) -> int | None:
    """The axis along which images, and arrays with several means, have their channels."""
    if image:
        return 3 if options.layout is Layout.NHWC else 1
    return 1 if rank > 1 and max(len(options.mean), len(options.std)) > 1 else None


def write_observations(folder: Path, seen: Sequence[Observation]) -> None:
    """Write what was seen of all inputs beside the samples."""
    text = json.dumps([asdict(item) for item in seen], sort_keys=True, separators=(",", ":"))
    (folder / _FILE).write_text(text, encoding="utf-8")


def read_observations(folder: Path) -> tuple[Observation, ...]:
    """What `write_observations` wrote, in the order of the inputs."""
    return tuple(
        Observation(
            samples=item["samples"],
            image=item["image"],
            varies=item["varies"],
            minimum=tuple(item["minimum"]),
            maximum=tuple(item["maximum"]),
            deviation=tuple(item["deviation"]),
        )
        for item in json.loads((folder / _FILE).read_text(encoding="utf-8"))
    )
