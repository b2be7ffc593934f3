"""Tensors of runs as files: one .npy per tensor, and an index that says what they are."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.analysis.tracing import Storage
from toolchain.core.dtypes import Array
from toolchain.errors import Code, SystemFailure
from toolchain.pipeline.execute import SampleRun
from toolchain.pipeline.published import Published
from toolchain.render.jsonout import dumps

INDEX = "index.json"
FORMAT = "tc-dump"
"""Word by which an index is known."""
VERSION = 1
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """One tensor in a file.

    Attributes:
        name: Its name in the model.
        kind: "input", "output" or "layer".
        file: Path relative to the folder of the index.
        dtype: Stored type; 4-bit integers lie in 8-bit ones.
        shape: Its shape.
        scale: For quantized tensors: real = (integer - zero_point) * scale.
        zero_point: See `scale`.
        real_range: Smallest and largest real value that the stored type can say.
    """

    name: str
    kind: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int
    real_range: tuple[float, float] | None


class Dump:
    """A folder that takes runs one by one."""

    def __init__(self, folder: Path, published: Published, *, runner: str) -> None:
        """Make `folder` for runs of what is `published`; an earlier dump in it is replaced.

        Raises:
            SystemFailure: NOT_WRITABLE where it holds anything else.
        """
        _clear(folder)
        self._folder = folder
        self._head = {
            "format": FORMAT,
            "version": VERSION,
            "target": published.target,
            "runner": runner,
            "published": published.folder.absolute(),
            "program_sha256": published.program_digest,
        }
        self._samples: list[dict[str, object]] = []
        self._folders: set[str] = set()

    def add(self, run: SampleRun) -> None:
        """Write the tensors of one sample into a folder of its own, and the index anew."""
        name = unique_name(Path(run.sample).name, self._folders)
        tensors = write_tensors(self._folder, name, run)
        self._samples.append({"name": run.sample, "folder": name, "tensors": tensors})
        index = {**self._head, "samples": self._samples}
        (self._folder / INDEX).write_text(dumps(index) + "\n", encoding="utf-8")


def unique_name(name: str, taken: set[str]) -> str:
    """A file name for `name`: all but letters, digits, `_` and `-` become `_`.

    Where that is taken, in whatever case (some file systems know none), `_2`, `_3` and so on is
    added. What is returned is added to `taken`, in lower case.
    """
    plain = _UNSAFE.sub("_", name) or "_"
    found, number = plain, 1
    while found.lower() in taken:
        number += 1
        found = f"{plain}_{number}"
    taken.add(found.lower())
    return found


def write_tensors(folder: Path, name: str, run: SampleRun) -> list[TensorFile]:
    """Write inputs, outputs and layers of a run into the folder `name` within `folder`."""
    (folder / name).mkdir()
    taken: set[str] = set()
    kinds: Mapping[str, Mapping[str, Array]] = {
        "input": run.inputs,
        "layer": run.layers,
        "output": run.outputs,
    }
    files = []
    for kind, tensors in kinds.items():
        for tensor, array in tensors.items():
            file = f"{name}/{unique_name(tensor, taken)}.npy"
            np.save(folder / file, array, allow_pickle=False)
            files.append(_described(tensor, kind, file, array, run.storage[tensor]))
    return files


def _described(name: str, kind: str, file: str, array: Array, storage: Storage) -> TensorFile:
    return TensorFile(
        name=name,
        kind=kind,
        file=file,
        dtype=storage.dtype,
        shape=array.shape,
        scale=storage.scale,
        zero_point=storage.zero_point,
        real_range=storage.real_range,
    )


def _clear(folder: Path) -> None:
    """Make the folder, without what an earlier dump left in it."""
    for name in _earlier(folder):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / INDEX).unlink(missing_ok=True)
    if folder.is_dir() and any(folder.iterdir()):
        raise SystemFailure(
            Code.NOT_WRITABLE,
            "Files that are no dump are in the way",
            where=str(folder),
            hint="choose another folder",
        )
    folder.mkdir(parents=True, exist_ok=True)


def _earlier(folder: Path) -> Iterable[str]:
    """Folders of samples that the index of an earlier dump names; SystemFailure for another's."""
    index = folder / INDEX
    if not index.is_file():
        return ()
    try:
        record = json.loads(index.read_text(encoding="utf-8"))
        known = isinstance(record, dict) and record.get("format") == FORMAT
        names = [sample["folder"] for sample in record["samples"]] if known else []
    except (ValueError, LookupError, TypeError):
        known, names = False, []
    if not known or not all(isinstance(n, str) and not _UNSAFE.search(n) and n for n in names):
        raise SystemFailure(
            Code.NOT_WRITABLE,
            "A file that no dump wrote is in the way",
            where=str(index),
            hint="choose another folder",
        )
    return names
