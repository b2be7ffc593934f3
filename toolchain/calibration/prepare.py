"""Selects samples, preprocesses them and writes them where every later forward run reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.calibration.channel import Channel, open_channels
from toolchain.calibration.findings import Figures, Observer, write_observations
from toolchain.calibration.ordered import core_count, ordered_map
from toolchain.calibration.pairing import NamedSource, Pairing, paired
from toolchain.calibration.sources import Selection, Sources
from toolchain.core.options import InputOptions, Pair
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import Code, DataError

if TYPE_CHECKING:
    from toolchain.core.progress import Progress
    from toolchain.core.registry import DataReaderDef, PreprocessorDef


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """What to prepare for which inputs.

    Attributes:
        sources: Where the samples are.
        inputs: The model inputs, in the model's order.
        options: How each of them is fed, in the same order.
        selection: Which samples.
        pair: How samples of several inputs find each other.
    """

    sources: Sources
    inputs: Sequence[InputSpec]
    options: Sequence[InputOptions]
    selection: Selection
    pair: Pair = Pair.AUTO


def prepare_samples(
    request: SampleRequest,
    folder: Path,
    readers: Sequence[DataReaderDef],
    preprocessors: Sequence[PreprocessorDef],
    progress: Progress,
) -> SampleStore:
    """Write the chosen samples, preprocessed, to `folder`; memory is independent of their number.

    The samples are named as `pairing.paired` says. What was seen of them is in
    `observations.json`; `samples.json` is written last, so that a folder with it is complete.

    Raises:
        ConfigError: Sources or preprocessors that do not fit the inputs.
        DataError: Samples that are missing, unreadable or do not fit the model input.
    """
    channels = open_channels(
        request.sources, request.inputs, request.options, readers, preprocessors
    )
    pairing = _paired(channels, request)
    positions = request.selection.positions(len(pairing.names))
    if not positions:
        raise _empty(channels[0].where, "no sample is selected")
    store = SampleStore(
        folder=folder,
        inputs=tuple(request.inputs),
        names=tuple(pairing.names[position] for position in positions),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "samples.json").unlink(missing_ok=True)

    def sample(position: int) -> list[tuple[bytes, Figures]]:
        return [
            channel.sample(indices[position])
            for channel, indices in zip(channels, pairing.indices, strict=True)
        ]

    observers = [Observer(image=channel.image) for channel in channels]
    with ExitStack() as stack:
        files = [stack.enter_context(store.path(k).open("wb")) for k in range(len(channels))]
        advance = stack.enter_context(progress.task("samples", len(positions)))
        for parts in ordered_map(sample, positions, core_count()):
            for file, observer, (data, figures) in zip(files, observers, parts, strict=True):
                file.write(data)
                observer.update(figures, data)
            advance()
    write_observations(folder, [observer.result() for observer in observers])
    _write_index(store)
    return store


def sample_names(
    request: SampleRequest,
    readers: Sequence[DataReaderDef],
    preprocessors: Sequence[PreprocessorDef],
) -> tuple[str, ...]:
    """Names of all samples that there are to choose from, in order.

    Raises:
        ConfigError, DataError: As `prepare_samples`, before a sample is read.
    """
    channels = open_channels(
        request.sources, request.inputs, request.options, readers, preprocessors
    )
    return _paired(channels, request).names


def _paired(channels: Sequence[Channel], request: SampleRequest) -> Pairing:
    """Samples of all inputs together; one source of dictionaries has them together already."""
    for channel in channels:
        if not channel.names:
            raise _empty(channel.where, "0 items")
    sources = [
        NamedSource(where=channel.where, kind=channel.kind, names=channel.names)
        for channel in channels
    ]
    return paired(sources, request.pair)


def _empty(path: str, got: str) -> DataError:
    return DataError(
        Code.DATA_EMPTY,
        "The source finds 0 items",
        where=path,
        got=got,
        allowed="at least one sample",
        hint="samples are .jpg, .jpeg, .png, .bmp, .webp, .npy, .npz, .bin or .raw files; "
        "input.format says which kind is meant",
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
