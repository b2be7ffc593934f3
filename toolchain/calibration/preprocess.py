"""From a raw sample to what the model input takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.calibration.resize import letterboxed, resized
from toolchain.core.options import Color, InputOptions, Layout
from toolchain.errors import Code, ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.core.samples import InputSpec


def image(sample: Array, options: InputOptions, spec: InputSpec) -> Array:
    """Resize, crop, reorder colours, normalize and lay out one image.

    `resize` of one number n makes the short side n pixels and the long one floor(n * long /
    short); two numbers stretch, or with `letterbox` keep the aspect and pad. The centre crop leaves
    floor((size - crop) / 2) pixels above and to the left. Then float32 (x - mean) / std per channel
    of the model's colour order. The result must have the model's shape: nothing is stretched that
    was not asked for.

    Args:
        sample: uint8 (height, width, 3) in RGB, or (height, width) or (height, width, 1) gray.
        options: What is done.
        spec: The model input, (1, C, H, W) or (1, H, W, C).

    Returns:
        An array of the shape and dtype of `spec`.

    Raises:
        DataError: DATA_DTYPE if the sample is not uint8, or the dtype of `spec` cannot hold the
            result; DATA_SHAPE if sample, crop or result have the wrong shape.
        ConfigError: `mean` or `std` have neither one entry nor one per channel.
    """
    pixels = _resized(checked(sample, spec), options)
    return finished(_cropped(pixels, options, spec), options, spec)


def finished(pixels: NDArray[np.uint8], options: InputOptions, spec: InputSpec) -> Array:
    """Colour order, mean and std, layout and type of an image that has its size.

    Args:
        pixels: uint8 (height, width, 3) in RGB, or (height, width) gray.
        options: What is done.
        spec: The model input.

    Returns:
        An array of the shape and dtype of `spec`.

    Raises:
        DataError, ConfigError: As `image`.
    """
    normalized = _normalized(_colored(pixels, options), options, spec, axis=2)
    if options.layout is Layout.NCHW:
        normalized = normalized.transpose(2, 0, 1)
    result = normalized[np.newaxis]
    if result.shape != spec.shape:
        raise DataError(
            Code.DATA_SHAPE,
            "The preprocessed image does not have the shape of the model input",
            where=f"input '{spec.name}'",
            got=f"{result.shape} from {pixels.shape[0]} x {pixels.shape[1]} pixels",
            allowed=str(spec.shape),
            hint=_shape_hint(result.shape, spec.shape, options),
        )
    return cast_to(np.ascontiguousarray(result), spec)


def array(sample: Array, options: InputOptions, spec: InputSpec) -> Array:
    """Check and cast one array; subtract `mean` and divide by `std` where they are set.

    Both are per channel along axis 1 of the model input, in float32. Integers (and floats fed to an
    integer input) are cast only if no element changes; float64 is rounded to float32.

    Args:
        sample: The shape of the model input, or that without the batch axis.
        options: `mean` and `std`.
        spec: The model input.

    Returns:
        An array of the shape and dtype of `spec`.

    Raises:
        DataError: DATA_SHAPE, DATA_DTYPE, or DATA_NOT_FINITE for NaN and infinities.
        ConfigError: `mean` or `std` have neither one entry nor one per channel.
    """
    if sample.shape not in (spec.shape, spec.shape[1:]):
        raise DataError(
            Code.DATA_SHAPE,
            "The sample does not have the shape of the model input",
            where=f"input '{spec.name}'",
            got=str(sample.shape),
            allowed=f"{spec.shape[1:]} or {spec.shape}",
            hint='set preprocess = "image" for pixels that are to be resized, cropped or laid out'
            if sample.dtype == np.uint8
            else "save the samples in the shape of the model input, or set input.shape",
        )
    if sample.dtype.kind not in "fiub":
        raise _bad_dtype(sample.dtype, spec)
    shaped = sample.reshape(spec.shape)
    if options.mean != (0.0,) or options.std != (1.0,):
        axis = 1 if shaped.ndim > 1 else 0
        shaped = _normalized(shaped, options, spec, axis=axis)
    return cast_to(shaped, spec)


def checked(sample: Array, spec: InputSpec) -> NDArray[np.uint8]:
    """The sample, if it is an image of 8 bits; gray without its axis of one channel."""
    if sample.dtype != np.uint8:
        raise DataError(
            Code.DATA_DTYPE,
            "The preprocessor `image` takes pixels of 8 bits",
            where=f"input '{spec.name}'",
            got=str(sample.dtype),
            allowed="uint8",
            hint='set preprocess = "array" for samples that are preprocessed already',
        )
    if sample.ndim not in (2, 3) or (sample.ndim == 3 and sample.shape[2] not in (1, 3)):
        raise DataError(
            Code.DATA_SHAPE,
            "The sample is not an image",
            where=f"input '{spec.name}'",
            got=str(sample.shape),
            allowed="(height, width), (height, width, 1) or (height, width, 3)",
        )
    return sample[:, :, 0] if sample.ndim == 3 and sample.shape[2] == 1 else sample


def _resized(pixels: NDArray[np.uint8], options: InputOptions) -> NDArray[np.uint8]:
    if options.resize is None:
        return pixels
    height, width = pixels.shape[:2]
    if isinstance(options.resize, int):
        short = min(height, width)
        height = options.resize * height // short
        width = options.resize * width // short
        return resized(pixels, height, width, options.filter)
    height, width = options.resize
    if options.letterbox is None:
        return resized(pixels, height, width, options.filter)
    return letterboxed(pixels, height, width, options.filter, options.letterbox)


def _cropped(
    pixels: NDArray[np.uint8], options: InputOptions, spec: InputSpec
) -> NDArray[np.uint8]:
    if options.crop is None:
        return pixels
    (height, width), (rows, columns) = pixels.shape[:2], options.crop
    if rows > height or columns > width:
        raise DataError(
            Code.DATA_SHAPE,
            "The image is smaller than the crop",
            where=f"input '{spec.name}'",
            got=f"{height} x {width} pixels",
            allowed=f"at least {rows} x {columns}",
            hint="set resize to at least the crop",
        )
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _colored(pixels: NDArray[np.uint8], options: InputOptions) -> NDArray[np.uint8]:
    """(height, width, channels) in the model's order; gray weighs as ITU-R BT.601 does."""
    from PIL import Image

    if options.color is Color.GRAY:
        gray = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
        return gray[:, :, np.newaxis]
    colored = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return colored[:, :, ::-1] if options.color is Color.BGR else colored


def _normalized(
    values: Array, options: InputOptions, spec: InputSpec, axis: int
) -> NDArray[np.float32]:
    """float32 (values - mean) / std, one entry for all or one per index of `axis`."""
    channels = values.shape[axis]
    shape = [1] * values.ndim
    operands = []
    for name in ("mean", "std"):
        entries = getattr(options, name)
        if len(entries) not in (1, channels):
            raise ConfigError(
                Code.BAD_VALUE,
                f"`{name}` does not fit the channels of the input",
                where=f"input '{spec.name}'.{name}",
                got=f"{len(entries)} entries",
                allowed="1 entry" if channels == 1 else f"1 or {channels} entries",
            )
        shape[axis] = len(entries)
        operands.append(np.array(entries, np.float32).reshape(shape))
    return np.asarray((values.astype(np.float32) - operands[0]) / operands[1], np.float32)


def cast_to(values: Array, spec: InputSpec) -> Array:
    """`values` in the dtype of `spec`, every integer unchanged and every float finite.

    Raises:
        DataError: DATA_NOT_FINITE, or DATA_DTYPE if numbers would change.
    """
    dtype = np.dtype(spec.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        result = values.astype(dtype)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise _not_finite(values, spec)
    if dtype.kind == "f" and not np.isfinite(result).all():
        raise _not_finite(result, spec)
    exact = dtype.kind == "f" and values.dtype.kind == "f"
    if not exact and not _same(result, values):
        raise _bad_dtype(values.dtype, spec)
    return result


def _same(result: Array, values: Array) -> bool:
    """True if both hold the same numbers, so that the way back gives `values` again."""
    if result.dtype == values.dtype:
        return True
    with np.errstate(invalid="ignore", over="ignore"):
        back = result.astype(values.dtype)
    same_sign = not np.any((result < 0) != (values < 0))
    return same_sign and bool(np.array_equal(back, values))


def _not_finite(values: Array, spec: InputSpec) -> DataError:
    position = tuple(int(index) for index in np.argwhere(~np.isfinite(values))[0])
    return DataError(
        Code.DATA_NOT_FINITE,
        "The sample holds NaN or infinity",
        where=f"input '{spec.name}'",
        got=f"{values[position]} at {position}",
        allowed="finite numbers",
    )


def _bad_dtype(dtype: np.dtype[Any], spec: InputSpec) -> DataError:
    return DataError(
        Code.DATA_DTYPE,
        "The sample cannot be fed to the model input without changing numbers",
        where=f"input '{spec.name}'",
        got=str(dtype),
        allowed=f"values that {spec.dtype} holds exactly",
    )


def _shape_hint(got: tuple[int, ...], wanted: tuple[int, ...], options: InputOptions) -> str:
    """Which option leads from one shape to the other."""
    if len(wanted) != 4:
        return 'the model input is no image; set preprocess = "array"'
    first = options.layout is Layout.NCHW
    other = (
        (wanted[0], wanted[2], wanted[3], wanted[1])
        if first
        else (wanted[0], wanted[3], wanted[1], wanted[2])
    )
    if got == other or (got[1] != wanted[1] and wanted[3 if first else 1] in (1, 3)):
        return f'set layout = "{"nhwc" if first else "nchw"}"'
    channel, size = (1, wanted[2:]) if first else (3, wanted[1:3])
    if got[channel] != wanted[channel]:
        return 'set color = "gray" for one channel, "rgb" or "bgr" for three'
    side = max(size)
    return (
        f"set crop = [{size[0]}, {size[1]}] and resize = {side} to keep the aspect, "
        f"or resize = [{size[0]}, {size[1]}] to stretch"
    )
