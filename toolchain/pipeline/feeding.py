"""Samples of one's own for the inputs of a published model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np

from toolchain.calibration.prepare import SampleRequest, prepare_samples
from toolchain.calibration.sources import Selection
from toolchain.core.dtypes import Array
from toolchain.core.options import InputOptions, Layout
from toolchain.core.progress import SilentProgress
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, ConfigError, DataError, Problem
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.published import Published
from toolchain.pipeline.stages.samples import options_by_input
from toolchain.plugin.manager import PluginManager

Sample: TypeAlias = str | Path | Array
"""A file that holds one sample, or the sample itself."""
IMAGE_RANK = 4
"""Dimensions of an input that images are fed to."""


def named_samples(published: Published, words: Sequence[str]) -> dict[str | None, list[Sample]]:
    """Samples by model input, from words like `file` and `name=file`.

    Words without a name are those of the only input, or stand under None where there are several. A
    word is taken as a file where what stands before `=` is no input and there is such a file.
    """
    inputs = [spec.name for spec in input_specs(published.optimized, ())]
    only = inputs[0] if len(inputs) == 1 else None
    found: dict[str | None, list[Sample]] = {}
    for word in words:
        name, equals, file = word.partition("=")
        named = bool(equals) and (name in inputs or not Path(word).is_file())
        found.setdefault(name if named else only, []).append(file if named else word)
    return found


def samples_by_input(
    samples: Mapping[str | None, Sequence[Sample]], published: Published
) -> dict[str, Sequence[Sample]]:
    """The samples of every model input, in the model's order; None stands for the only one.

    Raises:
        ConfigError: Inputs that the model does not have, or that have no sample.
        DataError: Inputs have different numbers of samples.
    """
    inputs = [spec.name for spec in input_specs(published.optimized, ())]
    if None in samples and len(inputs) > 1:
        raise ConfigError(
            Code.BAD_USAGE,
            "The model has several inputs; say which one is meant, as in name=file",
            where="--input",
            allowed=", ".join(inputs),
        )
    given = {inputs[0] if name is None else name: found for name, found in samples.items()}
    problems = [
        Problem(
            code=Code.UNKNOWN_NAME,
            message="The model has no such input",
            where="--input",
            got=name,
            allowed=", ".join(inputs),
        )
        for name in given
        if name not in inputs
    ]
    problems += [
        Problem(code=Code.BAD_USAGE, message="A model input has no sample", where=name)
        for name in inputs
        if len(given.get(name, ())) == 0
    ]
    if problems:
        raise ConfigError.of(problems)
    counts = {name: len(given[name]) for name in inputs}
    if len(set(counts.values())) > 1:
        raise DataError(
            Code.DATA_MISMATCH,
            "The inputs have different numbers of samples",
            where="--input",
            got=", ".join(f"{count} for {name}" for name, count in counts.items()),
            allowed="as many for every input; they are paired by order",
        )
    return {name: given[name] for name in inputs}


def names_of(given: Mapping[str, Sequence[Sample]]) -> list[str]:
    """What each sample is called: the file of the first input as it was given, or its number."""
    first = next(iter(given.values()))
    return [str(i) if isinstance(one, np.ndarray) else str(one) for i, one in enumerate(first)]


def prepare(
    given: Mapping[str, Sequence[Sample]],
    published: Published,
    scratch: Path,
    manager: PluginManager,
    *,
    preprocess: bool = True,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> SampleStore:
    """The samples as model inputs, preprocessed as the build's samples were.

    Args:
        given: Samples of every model input, as `samples_by_input` gives them.
        published: Knows the inputs, and how the build fed them.
        scratch: Takes the model inputs.
        manager: Knows the readers and preprocessors.
        preprocess: False feeds arrays as they are.
        shapes: Shapes of inputs that are not the model's own; images are resized and cropped in
            proportion.

    Raises:
        DataError: Samples do not exist, cannot be read, or do not fit the model input.
    """
    own = input_specs(published.optimized, ())
    options = options_by_input(own, published.inputs)
    specs = tuple(replace(s, shape=(shapes or {}).get(s.name, s.shape)) for s in own)
    options = tuple(map(_in_proportion, options, own, specs))
    if not preprocess:
        options = tuple(InputOptions(preprocess="array") for _ in specs)
    sources = {}
    for number, (name, samples) in enumerate(given.items()):
        folder = scratch / f"samples_{number}"
        folder.mkdir()
        sources[name] = str(_list_file(folder, samples))
    with _told_of_input(scratch):
        return prepare_samples(
            SampleRequest(
                sources=sources,
                inputs=specs,
                options=options,
                selection=Selection(samples=0),
            ),
            scratch / "prepared",
            tuple(manager.data_readers().values()),
            tuple(manager.preprocessors().values()),
            SilentProgress(),
        )


def _in_proportion(options: InputOptions, own: InputSpec, other: InputSpec) -> InputOptions:
    """How an input is fed in another shape: each extent in pixels grows as the model's does.

    One number for the short side grows as the side does that grows most, so that a crop still fits.
    """
    if own.shape == other.shape or len(own.shape) != IMAGE_RANK:
        return options
    first = 2 if options.layout is Layout.NCHW else 1
    ratios = [Fraction(other.shape[k], own.shape[k]) for k in (first, first + 1)]
    resize, crop = options.resize, options.crop
    if isinstance(resize, int):
        resize = math.ceil(resize * max(ratios))
    elif resize is not None:
        resize = _scaled(resize, ratios)
    return replace(options, resize=resize, crop=None if crop is None else _scaled(crop, ratios))


def _scaled(size: tuple[int, int], ratios: Sequence[Fraction]) -> tuple[int, int]:
    height, width = (math.ceil(n * ratio) for n, ratio in zip(size, ratios, strict=True))
    return height, width


def _list_file(folder: Path, samples: Sequence[Sample]) -> Path:
    """A list of the samples' files; arrays become files of their own."""
    lines, missing = [], []
    for number, sample in enumerate(samples):
        if isinstance(sample, np.ndarray):
            path = folder / f"{number}.npy"
            np.save(path, sample, allow_pickle=False)
        else:
            path = Path(sample).expanduser().absolute()
            missing += [] if path.is_file() else [str(sample)]
        lines.append(str(path))
    if missing:
        raise DataError.of(
            Problem(
                code=Code.DATA_NOT_FOUND,
                message="The sample does not exist",
                where="--input",
                got=name,
                allowed="an image, or a .npy array of one sample",
            )
            for name in missing
        )
    listed = folder / "samples.txt"
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return listed


@contextmanager
def _told_of_input(scratch: Path) -> Iterator[None]:
    """Say `--input` instead of the name of a temporary list."""
    try:
        yield
    except DataError as error:
        raise DataError.of(
            replace(problem, where="--input", hint=None)
            if problem.where is not None and problem.where.startswith(str(scratch))
            else problem
            for problem in error.problems
        ) from error
