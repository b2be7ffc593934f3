"""Shapes from what is fed to what the model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.core.options import Layout
from toolchain.errors import Code, ConfigError
from toolchain.program.processors.records import PLANAR, YUV

if TYPE_CHECKING:
    from toolchain.program.processors.records import InputSource

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Shapes of an input on its way, batch first; all but `fed` have the model's axes.

    Attributes:
        fed: What is fed.
        pixels: All pixels.
        kept: Those that slicing keeps.
        model: The model input: those and the padding.
    """

    fed: tuple[int, ...]
    pixels: tuple[int, ...]
    kept: tuple[int, ...]
    model: tuple[int, ...]


def geometry(source: InputSource, model: tuple[int, ...]) -> Geometry:
    """The shapes of an input, from that of the model input.

    Raises:
        ConfigError: `slicing`, `padding`, `shape` or `format` do not fit the model input.
    """
    kept = _unpadded(source, model)
    pixels = _unsliced(source, kept)
    fed = fed_shape(source, pixels)
    if source.shape is not None and source.shape != fed:
        raise refused(source, "shape", "`shape` does not fit the model input", source.shape, fed)
    return Geometry(fed=fed, pixels=pixels, kept=kept, model=model)


def refused(
    source: InputSource, key: str, message: str, got: object = None, allowed: object = None
) -> ConfigError:
    """The error of an option of a processor."""
    return ConfigError(
        Code.BAD_VALUE,
        message,
        where=f"{source.where}: {key}",
        got=None if got is None else str(got),
        allowed=None if allowed is None else str(allowed),
    )


def permutation(source: InputSource, rank: int) -> tuple[int, ...] | None:
    """Axes of what is fed in the order of the model input; None where they are the same."""
    if source.layout is source.model_layout or source.format in YUV or rank != 4:
        return None
    return TO_NCHW if source.layout is Layout.NHWC else TO_NHWC


def _unpadded(source: InputSource, model: tuple[int, ...]) -> tuple[int, ...]:
    rank = len(model)
    pads = source.padding or (0,) * (2 * rank)
    if len(pads) != 2 * rank:
        allowed = f"{2 * rank} numbers: before and behind each of {rank} axes"
        raise refused(source, "padding", "`padding` does not fit the model input", pads, allowed)
    if pads[0] or pads[rank]:
        raise refused(source, "padding", "`padding` adds samples to the batch", pads)
    kept = tuple(
        extent - before - behind
        for extent, before, behind in zip(model, pads[:rank], pads[rank:], strict=True)
    )
    if min(kept) < 1:
        message = "`padding` is all that the model input has on an axis"
        raise refused(source, "padding", message, pads, f"less than {model}")
    return kept


def _unsliced(source: InputSource, kept: tuple[int, ...]) -> tuple[int, ...]:
    if not source.slicing:
        return kept
    rank = len(kept)
    if source.shape is None:
        raise refused(source, "shape", "`slicing` needs `shape`, of which it cuts")
    pixels = _pixel_shape(source, source.shape, kept)
    firsts, ends = source.slicing[:rank], source.slicing[rank:]
    fits = len(firsts) == len(ends) == len(pixels) and all(
        0 <= first < end <= extent and end - first == left
        for first, end, extent, left in zip(firsts, ends, pixels, kept, strict=True)
    )
    if not fits:
        message = "`slicing` does not cut the model input out of the pixels"
        raise refused(source, "slicing", message, source.slicing, f"{kept} out of {pixels}")
    return pixels


def _pixel_shape(
    source: InputSource, fed: tuple[int, ...], kept: tuple[int, ...]
) -> tuple[int, ...]:
    """Shape of all pixels in the model's axes, from that of what is fed."""
    if len(fed) != len(kept):
        raise refused(source, "shape", "`shape` has another rank than the model input", fed, kept)
    if source.format in YUV:
        height = fed[1] * 2 // 3 if source.format in PLANAR else fed[1]
        if source.model_layout is Layout.NHWC:
            return (fed[0], height, fed[2], 3)
        return (fed[0], 3, height, fed[2])
    perm = permutation(source, len(fed))
    return fed if perm is None else tuple(fed[axis] for axis in perm)


def fed_shape(source: InputSource, pixels: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of what is fed, from that of all pixels in the model's axes.

    YUV has NHWC: (N, 3/2 H, W, 1) with the plane of colours below that of Y, or (N, H, W, 2).
    """
    if source.format not in YUV:
        perm = permutation(source, len(pixels))
        if perm is None:
            return pixels
        found = [0] * len(perm)
        for place, axis in enumerate(perm):
            found[axis] = pixels[place]
        return tuple(found)
    rows_first = source.model_layout is Layout.NHWC
    batch, height, width = (pixels[0], *(pixels[1:3] if rows_first else pixels[2:]))
    if source.format in PLANAR:
        if height % 2 or width % 2:
            message = f"An image in {source.format} needs an even height and width"
            raise refused(source, "format", message, f"{height} x {width}")
        return (batch, height * 3 // 2, width, 1)
    if width % 2:
        raise refused(source, "format", f"An image in {source.format} needs an even width", width)
    return (batch, height, width, 2)
