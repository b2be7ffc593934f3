"""One model input with its samples: opened, preprocessed, held to what the model takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.findings import Figures, figures_of
from toolchain.calibration.functions import UserFunction, load_function
from toolchain.calibration.readers import MemberReader
from toolchain.calibration.sources import Sources, open_source, paths_of
from toolchain.core.options import PRESETS, InputOptions
from toolchain.core.python_file import split_name
from toolchain.core.registry import SampleReader, SourceKind
from toolchain.core.samples import InputSpec
from toolchain.errors import Code, ConfigError, DataError, ToolchainError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.core.registry import DataReaderDef, PreprocessorDef

Maker = Callable[[int], "Array"]
"""Position of a sample in its source to what the model input takes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channel:
    """One model input with its samples.

    Attributes:
        where: The source.
        kind: How its samples are told apart.
        names: What the samples are called, in order.
        make: Reads and preprocesses one sample.
        image: True if a preprocessor of ours makes it of an image.
        options: How the input is fed.
        spec: The model input.
    """

    where: str
    kind: SourceKind
    names: Sequence[str]
    make: Maker
    image: bool
    options: InputOptions
    spec: InputSpec

    def sample(self, position: int) -> tuple[bytes, Figures]:
        """Bytes of one sample, little-endian, and its figures.

        Raises:
            DataError: The sample cannot be read or does not fit; errors name it.
        """
        try:
            ready = self.make(position)
        except DataError as error:
            raise DataError.of(
                replace(problem, where=self._named(position, problem.where))
                for problem in error.problems
            ) from error
        plain = ready.astype(np.dtype(self.spec.dtype).newbyteorder("<"), copy=False)
        return plain.tobytes(), figures_of(ready, self.options, image=self.image)

    def _named(self, position: int, where: str | None) -> str:
        name = f"sample '{self.names[position]}'"
        return name if where is None else f"{name}, {where}"


def open_channels(
    sources: Sources,
    inputs: Sequence[InputSpec],
    options: Sequence[InputOptions],
    readers: Sequence[DataReaderDef],
    preprocessors: Sequence[PreprocessorDef],
) -> list[Channel]:
    """All inputs with their samples, none of which is read yet.

    Raises:
        ConfigError: Sources or preprocessors that do not fit the inputs.
        DataError: Sources that cannot be opened, functions that cannot be loaded.
    """
    functions = [_function(given) for given in options]
    paths = paths_of(sources, [spec.name for spec in inputs])
    shared = isinstance(sources, str) and len(inputs) > 1
    found = []
    for path, spec, given, function in zip(paths, inputs, options, functions, strict=True):
        undecoded = function is not None and function.takes_files
        reader, kind = open_source(path, readers, spec, given, shared=shared, undecoded=undecoded)
        make = (
            _plain_maker(reader, given, spec, preprocessors)
            if function is None
            else _function_maker(reader, given, spec, function)
        )
        found.append(
            Channel(
                where=path,
                kind=kind.kind,
                names=reader.names(),
                make=make,
                image=_is_image(given.preprocess, reader),
                options=given,
                spec=spec,
            )
        )
    return found


def _is_image(preprocess: str, reader: SampleReader) -> bool:
    return preprocess in ("image", *PRESETS) or (preprocess == "auto" and reader.images)


def _function(options: InputOptions) -> UserFunction | None:
    split = split_name(options.preprocess)
    return None if split is None else load_function(Path(split[0]), split[1])


def _plain_maker(
    reader: SampleReader,
    options: InputOptions,
    spec: InputSpec,
    preprocessors: Sequence[PreprocessorDef],
) -> Maker:
    """How the chosen preprocessor makes a sample."""
    by_name = {item.name: item for item in preprocessors}
    name = options.preprocess
    if name == "auto":
        name = "image" if reader.images else "array"
    if name not in by_name:
        raise ConfigError(
            Code.UNKNOWN_NAME,
            "There is no such preprocessor",
            where="input.preprocess",
            got=name,
            allowed=", ".join(["auto", *sorted(by_name), "file.py:name"]),
        )
    chosen = by_name[name]
    return lambda position: _preprocessed(chosen, reader.read(position), options, spec)


def _preprocessed(
    chosen: PreprocessorDef, raw: Array, options: InputOptions, spec: InputSpec
) -> Array:
    """What the preprocessor makes of a sample; those of plugins are held to the contract, too."""
    try:
        ready = chosen.function(raw, options, spec)
    except Exception as error:
        if isinstance(error, ToolchainError):
            raise
        raise _failed(chosen, spec, f"{type(error).__name__}: {error}") from error
    if not isinstance(ready, np.ndarray):
        raise _failed(chosen, spec, type(ready).__name__)
    if ready.shape != spec.shape or ready.dtype != np.dtype(spec.dtype):
        raise _failed(chosen, spec, f"{ready.dtype} {ready.shape}")
    return ready


def _failed(chosen: PreprocessorDef, spec: InputSpec, got: str) -> DataError:
    return DataError(
        Code.PREPROCESS_FAILED,
        f"The preprocessor `{chosen.name}` does not deliver what was asked for",
        where=f"input '{spec.name}'",
        got=got,
        allowed=f"{spec.dtype} {spec.shape}",
    )


def _function_maker(
    reader: SampleReader, options: InputOptions, spec: InputSpec, function: UserFunction
) -> Maker:
    if not function.takes_files:
        return lambda position: function.run(reader.read(position), options, spec)
    if not isinstance(reader, MemberReader):
        raise DataError(
            Code.PREPROCESS_FAILED,
            "The function takes files, and the samples are not files of their own",
            where=f"{function.file}:{function.name}",
            allowed="samples in a folder, list or archive, or a function of one parameter",
        )
    files = reader

    def make(position: int) -> Array:
        with files.file(position) as path:
            return function.run(path, options, spec)

    return make
