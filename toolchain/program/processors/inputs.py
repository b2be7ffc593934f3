"""An input of floats replaced by pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.options import Color, Layout, Source
from toolchain.core.quant import PerTensor, QuantParams, QuantSpec
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.numerics.affine import quantize
from toolchain.program.checks.facts import FLOAT32_LEAST, FLOAT32_MAX
from toolchain.program.processors.colors import FRACTION_BITS, FixedPoint, to_colors
from toolchain.program.processors.geometry import (
    TO_NHWC,
    Geometry,
    geometry,
    permutation,
    refused,
)
from toolchain.program.processors.records import PLANAR, YUV
from toolchain.program.processors.steps import Steps
from toolchain.program.records import Operation, Program, Quantize, Table, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.processors.records import InputSource


def apply_input(program: Program, source: InputSource) -> Program:
    """The program with an input of pixels, and the operations that make of them what it stored.

    The program may be one of several samples at once. The input keeps its name; its `Quantize`
    becomes a `Table` of pixels (docs/processors.md).

    Raises:
        ConfigError: There is no such float input, or the processor does not fit its shape.
        CompileError: LOWERING_FAILED where anything reads the input as floats.
    """
    old = _input(program, source)
    source = source.for_batch(old.shape[0])
    shapes = check_input(source, old.shape, old.dtype.value)
    quantizers = _quantizers(program, old)
    fed = Tensor(name=old.name, dtype=source.dtype, shape=shapes.fed, scale=1.0)
    without = replace(program, tensors={**program.tensors, old.name: fed})
    steps = Steps(without, old.name)
    pixels = _bounded(_pixels(steps, source, shapes), steps, source, shapes)
    tables = [_table(op, pixels, steps, source) for op in quantizers]
    return replace(
        without,
        tensors={**without.tensors, **steps.tensors},
        constants={**program.constants, **steps.constants},
        operations=(
            *steps.operations,
            *tables,
            *(op for op in program.operations if op not in quantizers),
        ),
    )


def _input(program: Program, source: InputSource) -> Tensor:
    if source.name not in program.inputs:
        raise ConfigError(
            Code.UNKNOWN_NAME,
            "The model has no such input",
            where="compile.input_processors",
            got=source.name,
            allowed=", ".join(program.inputs),
        )
    return program.tensors[source.name]


def _quantizers(program: Program, tensor: Tensor) -> list[Quantize]:
    """What quantizes an input; nothing else may read it."""
    readers = [op for op in program.operations if tensor.name in op.inputs]
    others = [op.name for op in readers if not isinstance(op, Quantize)]
    if tensor.name in program.outputs:
        others.append("the output of the same name")
    if others or not readers:
        raise CompileError(
            Code.LOWERING_FAILED,
            "An input that is read as floats cannot be fed as pixels",
            where=tensor.name,
            got=f"read by {', '.join(others)}" if others else "read by nothing",
            allowed="an input that is only quantized",
            hint="let the operators that read it run on integers, or feed floats",
        )
    return [op for op in readers if isinstance(op, Quantize)]


def check_input(source: InputSource, shape: tuple[int, ...], dtype: str) -> Geometry:
    """The shapes of an input, if `source` fits a model input of this shape and type.

    Raises:
        ConfigError: It does not.
    """
    if dtype != DType.FLOAT32.value:
        message = "Only inputs of floats are preprocessed"
        raise refused(source, "name", message, dtype, DType.FLOAT32)
    channels = shape[source.channel_axis(len(shape))]
    for key, entries in (("mean", source.mean), ("std", source.std)):
        if len(entries) not in (1, channels):
            message = f"`{key}` does not fit the channels of the input"
            raise refused(source, key, message, len(entries), f"1 or {channels} entries")
        if not all(_is_float32(each) and (key == "mean" or each > 0) for each in entries):
            message = f"`{key}` is not made of finite float32 numbers"
            raise refused(source, key, message, entries)
    if not source.dtype.qmin <= source.padding_value <= source.dtype.qmax:
        message = f"The padding is no {source.dtype}"
        raise refused(source, "padding_value", message, source.padding_value)
    if source.format is Source.RAW:
        return geometry(source, shape)
    wanted = 1 if source.format is Source.GRAY else 3
    message = f"An image in {source.format} does not fit the model input"
    allowed = f"an image of 4 axes with {wanted} channels"
    if len(shape) != 4:
        raise refused(source, "format", message, shape, allowed)
    found = geometry(source, shape)
    if found.pixels[source.channel_axis(4)] != wanted:
        raise refused(source, "format", message, found.pixels, allowed)
    return found


def _is_float32(value: float) -> bool:
    """True for 0 and what float32 holds without turning it into 0 or an infinity."""
    low, high = FLOAT32_LEAST, FLOAT32_MAX
    return value == 0 or low <= abs(value) <= high


def _pixels(steps: Steps, source: InputSource, shapes: Geometry) -> str:
    """All pixels, with the axes and the colours of the model input."""
    x = source.name
    if source.format in YUV:
        return _converted(steps, source, shapes)
    perm = permutation(source, len(shapes.fed))
    if perm is not None:
        x = steps.transpose(x, perm)
    if source.format in (Source.RGB, Source.BGR) and source.format.value != source.color:
        axis = source.channel_axis(len(shapes.pixels))
        x = steps.concat([steps.part(x, axis, c, c + 1) for c in (2, 1, 0)], axis)
    return x


def _converted(steps: Steps, source: InputSource, shapes: Geometry) -> str:
    """Y, U and V as channels of the whole image, and the colours made of them."""
    batch, rows, width, _ = shapes.fed
    if source.format in PLANAR:
        height = rows * 2 // 3
        luma = steps.part(source.name, 1, 0, height)
        pairs = steps.part(source.name, 1, height, rows)
        pairs = steps.reshape(pairs, (batch, height // 2, width // 2, 2))
        doubled: tuple[int, ...] = (2, 3)
    else:
        height, first = rows, 0 if source.format is Source.YUYV else 1
        luma = steps.part(source.name, 3, first, first + 1)
        pairs = steps.part(source.name, 3, 1 - first, 2 - first)
        pairs = steps.reshape(pairs, (batch, height, width // 2, 2))
        doubled = (3,)
    luma = steps.reshape(luma, (batch, 1, height, width))
    chroma = steps.doubled(steps.transpose(pairs, (0, 3, 1, 2)), doubled)
    numbers = _numbers(source)
    colors = steps.matrix(steps.concat([luma, chroma], 1), numbers, FRACTION_BITS)
    return steps.transpose(colors, TO_NHWC) if source.model_layout is Layout.NHWC else colors


def _numbers(source: InputSource) -> FixedPoint:
    """Factors of the channels in the order in which the source has them."""
    if source.conversion is None or source.color is None:
        raise refused(source, "range", "YUV needs its `range` or a `matrix`, and the `color`")
    numbers = to_colors(source.conversion, Color(source.color))
    if source.format is not Source.NV21:
        return numbers
    return FixedPoint(weight=numbers.weight[:, [0, 2, 1]], bias=numbers.bias)


def _bounded(x: str, steps: Steps, source: InputSource, shapes: Geometry) -> str:
    """The pixels that are kept, and those that are added."""
    rank = len(shapes.pixels)
    if source.slicing:
        x = steps.slice(x, source.slicing[:rank], source.slicing[rank:])
    if any(source.padding):
        x = steps.pad(x, source.padding, source.padding_value)
    return x


def _table(op: Quantize, pixels: str, steps: Steps, source: InputSource) -> Operation:
    """What an input's `Quantize` becomes: its result for every pixel, looked up."""
    target = steps.program.tensors[op.outputs[0]]
    entries = quantize(_normalized(source), _params(op, target))
    axis = source.channel_axis(len(target.shape))
    single = bool((entries == entries[0]).all())
    table = entries[0] if single else entries
    return Table(
        name=op.name,
        inputs=(pixels,),
        outputs=op.outputs,
        table=steps.constant("table", table),
        axis=None if single else axis,
    )


def _normalized(source: InputSource) -> NDArray[np.float32]:
    """(float32(p) - mean) / std of every pixel, float32 (channels, 256), or (1, 256) for all."""
    pixels: Array = np.arange(source.dtype.qmin, source.dtype.qmax + 1, dtype=np.float32)
    mean, std = (np.array(each, np.float32)[:, None] for each in (source.mean, source.std))
    with np.errstate(over="ignore"):  # a quotient beyond float32 is infinite and saturates
        return np.asarray((pixels - mean) / std, np.float32)


def _params(op: Quantize, target: Tensor) -> QuantParams:
    spec = QuantSpec(
        dtype=target.dtype,
        symmetric=target.zero_point == 0,
        granularity=PerTensor(),
        rounding=op.rounding,
    )
    return QuantParams(
        scale=np.asarray(target.scale, np.float32),
        zero_point=np.asarray(target.zero_point, np.int32),
        spec=spec,
    )
