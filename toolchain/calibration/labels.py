"""The classes of labelled samples."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.arrays import open_npy, open_npz
from toolchain.calibration.readers import split_key
from toolchain.errors import Code, DataError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.labels import LabelSource

_SHOWN = 5
_FILE_WORDS = frozenset({"file", "filename", "file_name", "image", "name", "path", "sample"})
_CLASS_WORDS = frozenset({"class", "label", "target", "category"})
"""Words that head the columns of a CSV file."""


def class_labels(source: LabelSource) -> dict[int, int]:
    """Classes of the samples that have one, by their position.

    Labels that nobody gave are looked for in the folder of the samples: `labels.csv`, or else a
    folder per class. A CSV file labels the samples that it names, an array all of them in order.

    Raises:
        DataError: LABELS_INVALID where there are no labels, where labels name no sample, are no
            classes, or do not fit the samples.
    """
    spec = source.labels
    if spec is None:
        beside = Path(source.data) / "labels.csv"
        if not beside.is_file():
            return _from_folders(source)
        spec = str(beside)
    positions = labelled(spec, source.names, source.classes)
    labels = load_labels(spec, [source.names[i] for i in positions], source.classes)
    return dict(zip(positions, labels.tolist(), strict=True))


def load_labels(spec: str, names: Sequence[str], classes: Sequence[str] = ()) -> NDArray[np.int64]:
    """One class per sample, in the order of `names`.

    A CSV file is matched by relative path, or by bare file name where that is unique. Arrays are
    matched by order.

    Args:
        spec: A .csv file of `file,class` lines (with or without a line of such words at the top), a
            .npy file, or `file.npz:key`.
        names: All samples of the source (or, of a folder, those that `labelled` picks).
        classes: Names that may stand for the classes in a CSV file, in the model's order.

    Returns:
        int64 (samples,), every class >= 0.

    Raises:
        DataError: LABELS_INVALID for samples without a label, labels without a sample, and
            classes that are not whole numbers >= 0; or the file cannot be read.
    """
    path, key = split_key(spec)
    if path.suffix.lower() != ".csv":
        return _from_array(path, key, len(names))
    rows = _csv_rows(path, classes)
    found = _matches(rows, names)
    labels = [rows[row] for row in found.values()]
    missing = [name for name in names if name not in found]
    used = set(found.values())
    superfluous = [row for row in rows if row not in used]
    problems = [
        *_listed(path, "Samples have no label", missing),
        *_listed(path, "Labels name no sample, or one that has another", superfluous),
    ]
    if problems:
        raise DataError.of(problems)
    return np.array(labels, np.int64)


def labelled(spec: str, names: Sequence[str], classes: Sequence[str] = ()) -> tuple[int, ...]:
    """Positions in `names` of the samples that count: those with a row in a CSV file, else all.

    Raises:
        DataError: The file cannot be read.
    """
    path, _ = split_key(spec)
    if path.suffix.lower() != ".csv":
        return tuple(range(len(names)))
    found = _matches(_csv_rows(path, classes), names)
    return tuple(position for position, name in enumerate(names) if name in found)


def _from_folders(source: LabelSource) -> dict[int, int]:
    """The number of the folder that each sample is in; folders sorted unless `classes` orders."""
    folders = [name.split("/")[0] if "/" in name else None for name in source.names]
    found = sorted({folder for folder in folders if folder is not None})
    if None in folders or len(found) < 2:
        raise DataError(
            Code.LABELS_INVALID,
            "There are no labels",
            where="evaluation.labels",
            got=f"neither labels.csv nor a folder per class in {source.data}",
            allowed="a CSV file of `file,class` lines, .npy, file.npz:key, or a folder per class",
            hint='without labels, `metric = "agreement"` compares with the float model',
        )
    order = source.classes or tuple(found)
    unknown = [folder for folder in found if folder not in order]
    if unknown:
        raise DataError(
            Code.LABELS_INVALID,
            "Folders are not among the classes",
            where="evaluation.classes",
            got=", ".join(unknown),
            allowed=", ".join(order),
        )
    return {i: order.index(folder) for i, folder in enumerate(folders) if folder is not None}


def _matches(rows: dict[str, int], names: Sequence[str]) -> dict[str, str]:
    """Sample name to the row that labels it, in the order of the samples."""
    by_file = defaultdict(list)
    for name in names:
        by_file[name.rsplit("/", 1)[-1]].append(name)
    found = {}
    for name in names:
        file = name.rsplit("/", 1)[-1]
        if name in rows:
            found[name] = name
        elif file in rows and len(by_file[file]) == 1:
            found[name] = file
    return found


def _csv_rows(path: Path, classes: Sequence[str]) -> dict[str, int]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            Code.LABELS_INVALID, f"The labels cannot be read: {error}", where=str(path)
        ) from error
    header = [field.strip().lower() for field in lines[0]] if lines else []
    if len(header) > 1 and header[0] in _FILE_WORDS and header[1] in _CLASS_WORDS:
        lines = lines[1:]
    numbers = {name: str(number) for number, name in enumerate(classes)}
    rows: dict[str, int] = {}
    bad = []
    for line in lines:
        name = line[0].strip().replace("\\", "/").removeprefix("./")
        given = line[1].strip() if len(line) > 1 else ""
        number = numbers.get(given, given)
        if not number.isdecimal() or rows.get(name, int(number)) != int(number):
            bad.append(",".join(line))
        else:
            rows[name] = int(number)
    wanted = "a whole number >= 0" + (" or a name among `classes`" if classes else "")
    problems = _listed(path, f"Lines need a file and one class, {wanted}", bad)
    if problems:
        raise DataError.of(problems)
    return rows


def _from_array(path: Path, key: str | None, count: int) -> NDArray[np.int64]:
    is_npz = path.suffix.lower() == ".npz"
    labels = (open_npz(path, key) if is_npz else open_npy(path, key)).whole()
    flat = labels.reshape(-1) if labels.shape == (count, 1) else labels
    if flat.shape != (count,) or flat.dtype.kind not in "iu" or flat.min(initial=0) < 0:
        raise DataError(
            Code.LABELS_INVALID,
            "The labels do not fit the samples",
            where=str(path) if key is None else f"{path}:{key}",
            got=f"{labels.dtype} {labels.shape}",
            allowed=f"integers >= 0 of shape ({count},), one per sample",
        )
    return flat.astype(np.int64)


def _listed(path: Path, message: str, items: Sequence[str]) -> list[Problem]:
    if not items:
        return []
    shown = ", ".join(items[:_SHOWN])
    rest = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return [
        Problem(code=Code.LABELS_INVALID, message=message, where=str(path), got=f"{shown}{rest}")
    ]
