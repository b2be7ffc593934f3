from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.tracing import Storage
from toolchain.core.dtypes import DType
from toolchain.errors import Code, SystemFailure
from toolchain.pipeline.dump import Dump, unique_name
from toolchain.pipeline.execute import SampleRun
from toolchain.pipeline.published import Published

BUILD = Published(folder=Path("build/t"), target="t", platform="p", files=(), failed=False)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a-b_C9"], ["a_jpg", "a-b_C9"]),
        (["/x/y:0", "_x_y_0", "/x.y.0"], ["_x_y_0", "_x_y_0_2", "_x_y_0_3"]),
        (["a", "a_2", "a"], ["a", "a_2", "a_3"]),
        (["A", "a"], ["A", "a_2"]),  # one file where letter case does not count
        (["", "é", "../.."], ["_", "__2", "_____"]),
    ],
)
def test_names_of_files(names: list[str], expected: list[str]) -> None:
    taken: set[str] = set()
    assert [unique_name(name, taken) for name in names] == expected


def a_run(sample: str = "in/a.jpg") -> SampleRun:
    return SampleRun(
        sample=sample,
        inputs={"x": np.zeros((1, 2), np.float32)},
        outputs={"y": np.array([[0.5]], np.float32)},
        layers={"l/0": np.array([-8, 7], np.int8), "l.0": np.array([1, 2], np.uint8)},
        storage={
            "x": Storage(dtype=DType.FLOAT32),
            "y": Storage(dtype=DType.FLOAT32),
            "l/0": Storage(dtype=DType.INT4, scale=0.5, zero_point=-1),
            "l.0": Storage(dtype=DType.UINT8, scale=2.0),
        },
    )


def test_tensors_and_their_index(tmp_path: Path) -> None:
    dump = Dump(tmp_path / "out", BUILD, runner="reference")
    dump.add(a_run())
    dump.add(a_run("other/a.jpg"))
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert {key: value for key, value in index.items() if key != "samples"} == {
        "format": "tc-dump",
        "version": 1,
        "target": "t",
        "runner": "reference",
        "published": Path("build/t").absolute().as_posix(),
        "program_sha256": None,  # of a build that stopped before there was one
    }
    assert [sample["folder"] for sample in index["samples"]] == ["a_jpg", "a_jpg_2"]
    tensors = {entry["name"]: entry for entry in index["samples"][0]["tensors"]}
    assert [entry["kind"] for entry in tensors.values()] == ["input", "layer", "layer", "output"]
    assert tensors["l/0"] == {
        "name": "l/0",
        "kind": "layer",
        "file": "a_jpg/l_0.npy",
        "dtype": "int4",
        "shape": [2],
        "scale": 0.5,
        "zero_point": -1,
        "real_range": [-3.5, 4.0],  # (-8 + 1) / 2 and (7 + 1) / 2
    }
    assert tensors["l.0"]["file"] == "a_jpg/l_0_2.npy"
    assert tensors["l.0"]["real_range"] == [0.0, 510.0]
    assert (tensors["y"]["scale"], tensors["y"]["real_range"]) == (None, None)
    for entry in tensors.values():
        stored = np.load(tmp_path / "out" / entry["file"])
        assert list(stored.shape) == entry["shape"]
    assert np.load(tmp_path / "out" / "a_jpg" / "l_0.npy").tolist() == [-8, 7]


def test_an_earlier_dump_is_replaced(tmp_path: Path) -> None:
    first = Dump(tmp_path, BUILD, runner="qdq")
    first.add(a_run("b.jpg"))
    Dump(tmp_path, BUILD, runner="qdq").add(a_run())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_jpg", "index.json"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.txt", "precious"),
        ("index.json", "{}"),
        ("index.json", "[1"),
        ("index.json", '{"format": "tc-dump"}'),
        ("index.json", '{"format": "tc-dump", "samples": [{"folder": ".."}]}'),
        ("index.json", '{"format": "tc-dump", "samples": [{"folder": 3}]}'),
    ],
)
def test_what_no_dump_wrote_stays(tmp_path: Path, name: str, text: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text(text)
    with pytest.raises(SystemFailure) as caught:
        Dump(folder, BUILD, runner="qdq")
    assert caught.value.code is Code.NOT_WRITABLE
    assert (folder / name).read_text() == text


def test_files_beside_an_earlier_dump_stay(tmp_path: Path) -> None:
    Dump(tmp_path, BUILD, runner="qdq").add(a_run())
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(SystemFailure):
        Dump(tmp_path, BUILD, runner="qdq")
    assert (tmp_path / "notes.txt").read_text() == "precious"


def test_real_values_of_what_is_stored() -> None:
    storage: Any = Storage(dtype=DType.INT8, scale=0.25, zero_point=3)
    assert storage.real(np.array([3, 7, -1], np.int8)).tolist() == [0.0, 1.0, -1.0]
    assert Storage(dtype=DType.INT64).real(np.array([5])).tolist() == [5.0]
    assert Storage(dtype=DType.INT64).real_range is None
