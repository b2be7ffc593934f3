"""The objects on labelled images: a text file per image, as YOLO training has them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, DataError, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.labels import LabelSource

_SHOWN = 10
"""Mistakes that are told one by one."""


def box_labels(source: LabelSource) -> dict[int, NDArray[np.float64]]:
    """Objects of every image that has a text file, by its position.

    A line is one object: class, centre x and y, width and height, as shares of the image; an empty
    file means an image without objects. The file has the relative path of its image with the suffix
    .txt, or else its bare name. Where no folder is given it is `labels` beside the folder of the
    images; images without a file do not count.

    Returns:
        float64 (objects, 5) per image.

    Raises:
        DataError: LABELS_INVALID where there is no folder, no file fits an image, or lines are no
            objects; all of them are listed.
    """
    folder = _folder(source)
    files = {i: file for i, name in enumerate(source.names) if (file := _file(folder, name))}
    if not files:
        raise DataError(
            Code.LABELS_INVALID,
            "No label file belongs to an image",
            where=str(folder),
            got=f"nothing like {PurePosixPath(source.names[0]).stem}.txt" if source.names else None,
            allowed="a .txt file with the name of each image",
        )
    problems: list[Problem] = []
    found = {position: _objects(file, problems) for position, file in files.items()}
    if problems:
        raise DataError.of(problems[:_SHOWN])
    if not any(len(objects) for objects in found.values()):
        raise DataError(
            Code.LABELS_INVALID,
            "No image has an object, so there is nothing to find",
            where=str(folder),
        )
    return found


def _folder(source: LabelSource) -> Path:
    folder = Path(source.labels or Path(source.data).parent / "labels")
    if folder.is_dir():
        return folder
    raise DataError(
        Code.LABELS_INVALID,
        "The folder of the boxes does not exist",
        where="evaluation.labels",
        got=str(folder),
        allowed="a folder with a .txt file per image",
    )


def _file(folder: Path, name: str) -> Path | None:
    relative = PurePosixPath(name).with_suffix(".txt")
    for candidate in (folder / relative, folder / relative.name):
        if candidate.is_file():
            return candidate
    return None


def _objects(file: Path, problems: list[Problem]) -> NDArray[np.float64]:
    rows = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(_problem(file, 0, str(error)))
        return np.zeros((0, 5))
    for number, line in enumerate(lines, 1):
        row = _numbers(line)
        if row is None:
            problems.append(_problem(file, number, line))
        elif row:
            rows.append(row)
    return np.array(rows, np.float64).reshape(-1, 5)


def _numbers(line: str) -> list[float] | None:
    """The five numbers of a line, [] for a blank one, None where it is no object."""
    if not line.strip():
        return []
    try:
        row = [float(word) for word in line.split()]
    except ValueError:
        return None
    whole = len(row) == 5 and row[0] >= 0 and row[0] == int(row[0])
    return row if whole and all(0 <= share <= 1 for share in row[1:]) else None


def _problem(file: Path, number: int, got: str) -> Problem:
    return Problem(
        code=Code.LABELS_INVALID,
        message="A line is no object",
        where=f"{file}:{number}",
        got=got,
        allowed="class, centre x, centre y, width and height, as shares of the image",
    )
