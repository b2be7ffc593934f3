"""Selects samples, preprocesses them and writes them where every later forward run reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.ordered import core_count, ordered_map
from toolchain.calibration.readers import list_entries, split_key
from toolchain.core.options import InputOptions, Order
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, ConfigError, DataError, Problem

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.core.progress import Progress
    from toolchain.core.registry import DataReaderDef, PreprocessorDef, SampleReader

Sources = str | Mapping[str, str]
"""One path for a model of one input, else input name to path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which samples of a source are taken.

    Attributes:
        samples: How many, fewer where there are fewer; 0 takes all.
        order: The first ones, or drawn at random (and kept in the order of the source).
        seed: Seed of `numpy.random.default_rng`.
        among: Positions that count at all, as `labels.labelled` gives them; None for every one.
    """

    samples: int
    order: Order = Order.FIRST
    seed: int = 0
    among: tuple[int, ...] | None = None

    def positions(self, count: int) -> list[int]:
        """Ascending positions chosen of `count` samples."""
        pool = np.arange(count) if self.among is None else np.array(self.among, np.int64)
        wanted = min(self.samples or len(pool), len(pool))
        if self.order is Order.RANDOM:
            pool = np.random.default_rng(self.seed).permutation(pool)
        return [int(position) for position in np.sort(pool[:wanted])]


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
    """Write the chosen samples to `folder`, preprocessed, in memory that their number does not grow.

    Several inputs are paired by order. The samples are named as the first input's reader names
    them. `samples.json` is written last, so that a folder with it is complete.

    Raises:
        ConfigError: Sources or preprocessors that do not fit the inputs.
        DataError: Samples that are missing, unreadable or do not fit the model input.
    """
    paths = paths_of(request.sources, [spec.name for spec in request.inputs])
    opened = [_open(path, readers) for path in paths]
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


def open_source(path_text: str, readers: Sequence[DataReaderDef]) -> SampleReader:
    """Open one source with the first reader that accepts it.

    Raises:
        DataError: DATA_NOT_FOUND if there is nothing, DATA_UNREADABLE if no reader accepts it.
    """
    return _open(path_text, readers)[0]


def paths_of(sources: Sources, inputs: Sequence[str]) -> list[str]:
    """Path of every input, in the order of `inputs`.

    Raises:
        ConfigError: One path for several inputs, unknown names, or inputs without a path.
    """
    where = "calibration.data"
    if isinstance(sources, str):
        if len(inputs) == 1:
            return [sources]
        raise ConfigError(
            Code.BAD_VALUE,
            "The model has several inputs, and there is one path",
            where=where,
            got=sources,
            allowed="a table with " + ", ".join(inputs),
        )
    problems = [
        Problem(
            code=Code.UNKNOWN_NAME,
            message="The model has no such input",
            where=f"{where}.{name}",
            got=name,
            allowed=", ".join(inputs),
        )
        for name in sorted(set(sources) - set(inputs))
    ]
    problems += [
        Problem(
            code=Code.BAD_VALUE,
            message="The input has no samples",
            where=where,
            got=", ".join(sorted(sources)),
            allowed=f"a path for '{name}'",
        )
        for name in inputs
        if name not in sources
    ]
    if problems:
        raise ConfigError.of(problems)
    return [sources[name] for name in inputs]


def source_digest(sources: Sources, selection: Selection) -> str:
    """A cache key of the samples: SHA-256 over what is there and what is chosen of it.

    Files count with their name relative to the source, size and time of last change, not with
    their bytes: hashing thousands of images would take longer than preprocessing them. A list counts with its
    text and the files it names. Like every such key, it misses a file that is rewritten in
    place with the same size and time.

    Raises:
        DataError: DATA_NOT_FOUND if a source does not exist.
    """
    named = {"": sources} if isinstance(sources, str) else sources
    record = {
        "sources": {name: _fingerprint(path) for name, path in sorted(named.items())},
        "selection": [selection.samples, selection.order.value, selection.seed, selection.among],
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


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
        self._check(ready, position)
        return ready.astype(np.dtype(self.spec.dtype).newbyteorder("<"), copy=False).tobytes()

    def _check(self, ready: Array, position: int) -> None:
        """Plugins' preprocessors are held to the contract, too."""
        if ready.shape == self.spec.shape and ready.dtype == np.dtype(self.spec.dtype):
            return
        raise DataError(
            Code.PREPROCESS_FAILED,
            f"The preprocessor `{self.preprocessor.name}` returned something else than asked for",
            where=f"sample '{self.names[position]}', input '{self.spec.name}'",
            got=f"{ready.dtype} {ready.shape}",
            allowed=f"{self.spec.dtype} {self.spec.shape}",
        )


def _open(path_text: str, readers: Sequence[DataReaderDef]) -> tuple[SampleReader, DataReaderDef]:
    path, key = split_key(path_text)
    _require(path)
    for reader in readers:
        if reader.accepts(path):
            return reader.open(path, key), reader
    raise DataError(
        Code.DATA_UNREADABLE,
        "No data reader knows this kind of source",
        where=str(path),
        allowed="; ".join(reader.summary for reader in readers),
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


def _require(path: Path) -> None:
    if not path.exists():
        raise DataError(
            Code.DATA_NOT_FOUND,
            "The samples do not exist",
            where=str(path),
            hint="relative paths start at the folder of the config file",
        )


def _fingerprint(path_text: str) -> list[object]:
    path, key = split_key(path_text)
    _require(path)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        return [_entry(file.relative_to(path).as_posix(), file) for file in found]
    if path.suffix.lower() == ".txt":
        files = [(name, file) for name, file in list_entries(path) if file.is_file()]
        text = hashlib.sha256(path.read_bytes()).hexdigest()
        return [text, *(_entry(name, file) for name, file in files)]
    return [_entry(path.name, path), key]


def _entry(name: str, file: Path) -> list[object]:
    status = file.stat()
    return [name, status.st_size, status.st_mtime_ns]


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
