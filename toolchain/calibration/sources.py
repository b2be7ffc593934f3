"""Which samples there are, where they are and which of them are taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.members import list_entries
from toolchain.calibration.readers import may_feed_several, split_key
from toolchain.core.options import InputOptions, Order
from toolchain.core.registry import SourceRequest
from toolchain.errors import Code, ConfigError, DataError, Problem

if TYPE_CHECKING:
    from toolchain.core.registry import DataReaderDef, SampleReader
    from toolchain.core.samples import InputSpec

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


def paths_of(sources: Sources, inputs: Sequence[str]) -> list[str]:
    """Path of every input, in the order of `inputs`.

    One path serves several inputs if it may hold dictionaries: an array for each under its name.

    Raises:
        ConfigError: One path for several inputs, unknown names, or inputs without a path.
    """
    where = "calibration.data"
    if isinstance(sources, str):
        if len(inputs) == 1 or may_feed_several(split_key(sources)[0]):
            return [sources] * len(inputs)
        raise ConfigError(
            Code.BAD_VALUE,
            "The model has several inputs, and there is one path",
            where=where,
            got=sources,
            allowed=f"a table with {', '.join(inputs)}, or dictionaries with these keys",
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
    their bytes: that is quick for folders of many files. A list counts with its text and the
    files it names. Like every such key, it misses a file that is rewritten in
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


def open_source(
    path_text: str,
    readers: Sequence[DataReaderDef],
    spec: InputSpec | None = None,
    options: InputOptions | None = None,
    *,
    shared: bool = False,
    undecoded: bool = False,
) -> tuple[SampleReader, DataReaderDef]:
    """Open one source with the first reader that accepts it.

    Args:
        path_text: The source, with a `:key` for an array of an .npz file.
        readers: The kinds of sources there are.
        spec: The model input it feeds; None where only names are asked for.
        options: How that input is fed.
        shared: True if other inputs take their arrays from the same source, under their names.
        undecoded: True if a function of the user's reads the files.

    Raises:
        DataError: DATA_NOT_FOUND if there is nothing, DATA_UNREADABLE if no reader accepts it.
    """
    path, key = split_key(path_text)
    require_source(path_text)
    chosen = options or InputOptions()
    request = SourceRequest(
        path=path,
        key=spec.name if shared and spec is not None and key is None else key,
        input=spec,
        format=chosen.format,
        dtype=None if chosen.raw_dtype is None else chosen.raw_dtype.value,
        undecoded=undecoded,
    )
    for reader in readers:
        if reader.accepts(path):
            return reader.open(request), reader
    raise DataError(
        Code.DATA_UNREADABLE,
        "No data reader knows this kind of source",
        where=str(path),
        allowed="; ".join(reader.summary for reader in readers),
    )


def require_source(path_text: str) -> None:
    """Look whether a source is there.

    Raises:
        DataError: DATA_NOT_FOUND if it is not.
    """
    path, _ = split_key(path_text)
    if not path.exists():
        raise DataError(
            Code.DATA_NOT_FOUND,
            "The samples do not exist",
            where=str(path),
            hint="relative paths start at the folder of the config file",
        )


def _fingerprint(path_text: str) -> list[object]:
    path, key = split_key(path_text)
    require_source(path_text)
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
