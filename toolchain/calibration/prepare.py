"""Selects samples, preprocesses them and writes them where every later forward run reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.ordered import core_count, ordered_map
from toolchain.calibration.sources import Selection, Sources, open_source, paths_of
from toolchain.core.options import InputOptions
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, ConfigError, DataError, ToolchainError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.core.progress import Progress
    from toolchain.core.registry import DataReaderDef, PreprocessorDef, SampleReader


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """What to prepare for which inputs.

    Attributes:
        sources: Where the samples are.
        inputs: The model inputs, in the model's order.
        options: How each of them is fed, in the same order.
        selection: Which samples.
    """

    sources: Sources
    inputs: Sequence[InputSpec]
    options: Sequence[InputOptions]
    selection: Selection


def prepare_samples(
    request: SampleRequest,
    folder: Path,
    readers: Sequence[DataReaderDef],
    preprocessors: Sequence[PreprocessorDef],
    progress: Progress,
) -> SampleStore:
    """Write the chosen samples, preprocessed, to `folder`; memory is independent of their number.

    Several inputs are paired by order. The samples are named as the first input's reader names
    them. `samples.json` is written last, so that a folder with it is complete.

    Raises:
        ConfigError: Sources or preprocessors that do not fit the inputs.
        DataError: Samples that are missing, unreadable or do not fit the model input.
    """
    paths = paths_of(request.sources, [spec.name for spec in request.inputs])
    opened = [open_source(path, readers) for path in paths]
    channels = [
        _Channel(reader, _preprocessor(options, kind, preprocessors), options, spec)
        for (reader, kind), options, spec in zip(
            opened, request.options, request.inputs, strict=True
        )
    ]
    names = _paired_names(paths, channels)
    positions = request.selection.positions(len(names))
    if not positions:
        raise _empty(paths[0], "no sample is selected")
    store = SampleStore(
        folder=folder,
        inputs=tuple(request.inputs),
        names=tuple(names[position] for position in positions),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "samples.json").unlink(missing_ok=True)

    def sample(position: int) -> list[bytes]:
        return [channel.sample(position) for channel in channels]

    with ExitStack() as stack:
        files = [stack.enter_context(store.path(k).open("wb")) for k in range(len(channels))]
        advance = stack.enter_context(progress.task("samples", len(positions)))
        for parts in ordered_map(sample, positions, core_count()):
            for file, data in zip(files, parts, strict=True):
                file.write(data)
            advance()
    _write_index(store)
    return store


class _Channel:
    """One model input with its samples."""

    def __init__(
        self,
        reader: SampleReader,
        preprocessor: PreprocessorDef,
        options: InputOptions,
        spec: InputSpec,
    ) -> None:
        self.reader, self.preprocessor = reader, preprocessor
        self.options, self.spec = options, spec
        self.names = reader.names()

    def sample(self, position: int) -> bytes:
        """Bytes of one sample, little-endian; errors name it."""
        raw = self.reader.read(position)
        try:
            ready = self.preprocessor.function(raw, self.options, self.spec)
        except DataError as error:
            name = self.names[position]
            raise DataError.of(
                replace(problem, where=f"sample '{name}', {problem.where}")
                for problem in error.problems
            ) from error
        except Exception as error:
            if isinstance(error, ToolchainError):
                raise
            raise self._failed(position, f"{type(error).__name__}: {error}") from error
        self._check(ready, position)
        return ready.astype(np.dtype(self.spec.dtype).newbyteorder("<"), copy=False).tobytes()

    def _check(self, ready: Array, position: int) -> None:
        """Plugins' preprocessors are held to the contract, too."""
        if ready.shape == self.spec.shape and ready.dtype == np.dtype(self.spec.dtype):
            return
        raise self._failed(position, f"{ready.dtype} {ready.shape}")

    def _failed(self, position: int, got: str) -> DataError:
        return DataError(
            Code.PREPROCESS_FAILED,
            f"The preprocessor `{self.preprocessor.name}` does not deliver what was asked for",
            where=f"sample '{self.names[position]}', input '{self.spec.name}'",
            got=got,
            allowed=f"{self.spec.dtype} {self.spec.shape}",
        )


def _preprocessor(
    options: InputOptions, reader: DataReaderDef, preprocessors: Sequence[PreprocessorDef]
) -> PreprocessorDef:
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
            allowed=", ".join(["auto", *sorted(by_name)]),
        )
    return by_name[name]


def _paired_names(paths: Sequence[str], channels: Sequence[_Channel]) -> Sequence[str]:
    counts = [len(channel.names) for channel in channels]
    for path, count in zip(paths, counts, strict=True):
        if count == 0:
            raise _empty(path, "0 items")
    if len(set(counts)) > 1:
        found = (f"{count} in {path}" for path, count in zip(paths, counts, strict=True))
        raise DataError(
            Code.DATA_MISMATCH,
            "The inputs have different numbers of samples",
            where="calibration.data",
            got=", ".join(found),
            allowed="as many samples for every input; they are paired by order",
        )
    return channels[0].names


def _empty(path: str, got: str) -> DataError:
    return DataError(
        Code.DATA_EMPTY,
        "The source finds 0 items",
        where=path,
        got=got,
        allowed="at least one sample",
        hint="images are .jpg, .jpeg, .png, .bmp and .webp, in the folder or folders in it",
    )


def _write_index(store: SampleStore) -> None:
    record = {
        "inputs": [
            {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}
            for spec in store.inputs
        ],
        "names": list(store.names),
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    partial = store.folder / "samples.json.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(store.folder / "samples.json")
