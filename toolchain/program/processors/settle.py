"""Processors from options, with what other options say where these leave it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType
from toolchain.core.options import (
    PRESETS,
    Color,
    CompileOptions,
    InputOptions,
    InputProcessor,
    OutputProcessor,
    Source,
)
from toolchain.errors import Code, ConfigError, Problem
from toolchain.program.processors.inputs import apply_input
from toolchain.program.processors.outputs import apply_output
from toolchain.program.processors.records import YUV, InputSource, OutputForm
from toolchain.program.processors.samples import source_sample
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolchain.core.dtypes import Array
    from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Processors:
    """All processors of a build."""

    inputs: tuple[InputSource, ...] = ()
    outputs: tuple[OutputForm, ...] = ()

    def __bool__(self) -> bool:
        """True if there are any."""
        return bool(self.inputs or self.outputs)

    def apply(self, program: Program) -> Program:
        """The program with all of them; see `apply_input` and `apply_output`.

        Raises:
            CompileError: Also PROGRAM_INVALID, where shapes that were asked for are too large.
        """
        for source in self.inputs:
            program = apply_input(program, source)
        for form in self.outputs:
            program = apply_output(program, form)
        if self:
            check_program(program)
        return program

    def feeds(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Feeds of the model as feeds of the program with processors; see `source_sample`."""
        sources = {source.name: source for source in self.inputs}
        return {
            name: source_sample(sources[name], array) if name in sources else array
            for name, array in feeds.items()
        }


def settle(
    options: CompileOptions,
    inputs: Mapping[str, InputOptions],
    outputs: Sequence[str],
) -> Processors:
    """The processors of a build.

    Args:
        options: What was asked for.
        inputs: How the samples of every model input are made, in the model's order.
        outputs: Names of the model outputs.

    Raises:
        ConfigError: Names that the model does not have or that stand there twice, and whatever is
            needed to know which colours are which and is not said, or said in two ways; all of it.
    """
    names = [_name(each.name, tuple(inputs)) for each in options.input_processors]
    wanted = [_name(each.name, outputs) for each in options.output_processors]
    problems = [
        *_name_problems("input", names, inputs),
        *_name_problems("output", wanted, outputs),
    ]
    for name, each in zip(names, options.input_processors, strict=True):
        if name in inputs:
            where = f"compile.input_processors, input {name!r}"
            problems += [
                Problem(code=Code.CONTRADICTION, message=message, where=where, hint=hint)
                for message, hint in _contradictions(each, inputs[name])
            ]
    if problems:
        raise ConfigError.of(problems)
    return Processors(
        inputs=tuple(
            _source(name, each, inputs[name])
            for name, each in zip(names, options.input_processors, strict=True)
        ),
        outputs=tuple(
            _form(name, each) for name, each in zip(wanted, options.output_processors, strict=True)
        ),
    )


def _name(name: str | None, known: Sequence[str]) -> str:
    """The name given, or that of the only one; empty where there are several."""
    if name is not None:
        return name
    return known[0] if len(known) == 1 else ""


def _name_problems(kind: str, names: Sequence[str], known: Iterable[str]) -> Iterator[Problem]:
    where = f"compile.{kind}_processors"
    allowed = ", ".join(known)
    for index, name in enumerate(names):
        if not name:
            message = f"The model has several {kind}s; say which one is meant by `name`"
            yield Problem(code=Code.BAD_VALUE, message=message, where=where, allowed=allowed)
        elif name not in known:
            message = f"The model has no such {kind}"
            yield Problem(
                code=Code.UNKNOWN_NAME, message=message, where=where, got=name, allowed=allowed
            )
        elif name in names[:index]:
            message = f"The {kind} stands here twice"
            yield Problem(code=Code.CONTRADICTION, message=message, where=where, got=name)


_COLORED = frozenset({Source.RGB, Source.BGR}) | YUV


def _contradictions(asked: InputProcessor, fed: InputOptions) -> Iterator[tuple[str, str | None]]:
    """What is said in two ways, or not at all, each with a hint."""
    yuv, colored = asked.format in YUV, asked.format in _COLORED
    color = asked.color
    if colored and color not in (Color.RGB, Color.BGR):
        yield (
            f"Which colours the model expects is not said: `{asked.format}` needs `color`",
            'set color = "rgb" or "bgr"; where they differ, channels are swapped',
        )
    if asked.format is Source.GRAY and color not in (None, Color.GRAY):
        yield f"`gray` has no colours: `color` is {color}", None
    if asked.format is Source.RAW and color is not None:
        yield (
            f"`raw` is fed in the model's own channels: `color` = {color} has no effect",
            "say in `format` which colours are fed",
        )
    # Arrays and functions make model inputs of their own: `input.color` says nothing about them.
    samples = fed.color if fed.preprocess in _OF_IMAGES else color
    if color is not None and samples is not color:
        yield (
            f"`color` is {color}, but `input.color` is {samples}: the model saw such samples",
            'say the same twice, or preprocess = "array" for samples that are no images',
        )
    if yuv and (asked.range is None) == (asked.matrix is None):
        has = "neither" if asked.range is None else "both"
        yield f"`{asked.format}` needs either `range` or `matrix`; this has {has}", None
    if not yuv and (asked.range, asked.matrix) != (None, None):
        yield f"`range` and `matrix` are for YUV, and have no effect on `{asked.format}`", None
    if asked.matrix is not None and not _fits(asked.matrix):
        yield "A factor of `matrix` is not from -8 to below 8, or an offset beyond 65536", None
    if yuv and (asked.layout is not None or asked.dtype != DType.UINT8.value):
        yield f"`{asked.format}` has a layout of its own, and elements of uint8", None
    if asked.padding_value != InputProcessor(format=asked.format).padding_value and not any(
        asked.padding
    ):
        yield "`padding_value` has no effect without `padding`", None


_OF_IMAGES = frozenset({"auto", "image", *PRESETS})
_LARGEST_OFFSET = 65536.0


def _fits(matrix: Sequence[float]) -> bool:
    """True if 16-bit factors with 12 bits behind the point hold a matrix, and its sums 32 bits."""
    factors = [each for index, each in enumerate(matrix) if index % 4 != 3]
    return all(-8 <= each < 8 - 2**-12 for each in factors) and all(
        abs(each) <= _LARGEST_OFFSET for each in matrix[3::4]
    )


def _source(name: str, asked: InputProcessor, fed: InputOptions) -> InputSource:
    return InputSource(
        name=name,
        format=asked.format,
        color=Color.GRAY if asked.format is Source.GRAY else asked.color,
        layout=fed.layout if asked.layout is None else asked.layout,
        model_layout=fed.layout,
        dtype=DType(asked.dtype.value),
        conversion=asked.range if asked.matrix is None else asked.matrix,
        mean=fed.mean if asked.mean is None else asked.mean,
        std=fed.std if asked.std is None else asked.std,
        shape=asked.shape,
        slicing=asked.slicing,
        padding=asked.padding,
        padding_value=asked.padding_value,
    )


def _form(name: str, asked: OutputProcessor) -> OutputForm:
    return OutputForm(name=name, perm=asked.perm, dtype=asked.dtype)
