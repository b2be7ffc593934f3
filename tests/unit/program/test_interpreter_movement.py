from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from toolchain.core.dtypes import DType
from toolchain.errors import CompileError
from toolchain.program.records import Move, MoveKind


def move(kind: MoveKind, **changes: object) -> Move:
    values: dict[str, object] = {"name": "move", "inputs": ("x",), "outputs": ("y",), "kind": kind}
    return Move(**{**values, **changes})


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


# ONNX operator, shape of x, its other inputs, its attributes, then the record's fields.
CASES = {
    "reshape": ("Reshape", (2, 6), [integers(3, 4)], {}, move(MoveKind.RESHAPE)),
    "transpose": (
        "Transpose",
        (2, 3, 4),
        [],
        {"perm": (2, 0, 1)},
        move(MoveKind.TRANSPOSE, arguments={"perm": (2, 0, 1)}),
    ),
    "slice": (
        "Slice",
        (5, 8),
        [integers(1, 7), integers(4, 0), integers(0, 1), integers(1, -3)],
        {},
        move(
            MoveKind.SLICE,
            arguments={"starts": (1, 7), "ends": (4, 0), "axes": (0, 1), "steps": (1, -3)},
        ),
    ),
    "slice to the very beginning": (
        "Slice",
        (5,),
        [integers(-1), integers(-(2**31)), integers(0), integers(-2)],
        {},
        move(
            MoveKind.SLICE,
            arguments={"starts": (-1,), "ends": (-(2**31),), "axes": (0,), "steps": (-2,)},
        ),
    ),
    "pad": (
        "Pad",
        (3, 4),
        [integers(1, 0, 2, 3), np.array(-7, np.float32)],
        {},
        move(MoveKind.PAD, arguments={"pads": (1, 0, 2, 3)}, fill=-7.0),
    ),
    "pad and crop": (
        "Pad",
        (4, 4),
        [integers(-1, 2, 0, -3), np.array(9, np.float32)],
        {},
        move(MoveKind.PAD, arguments={"pads": (-1, 2, 0, -3)}, fill=9.0),
    ),
    **{
        f"pad {mode}": (
            "Pad",
            (4, 5),
            [integers(1, 2, 3, 2)],
            {"mode": mode},
            move(MoveKind.PAD, arguments={"pads": (1, 2, 3, 2)}, mode=mode),
        )
        for mode in ("reflect", "edge", "wrap")
    },
    "expand": ("Expand", (3, 1), [integers(2, 3, 4)], {}, move(MoveKind.EXPAND)),
    "tile": (
        "Tile",
        (2, 3),
        [integers(3, 2)],
        {},
        move(MoveKind.TILE, arguments={"repeats": (3, 2)}),
    ),
    "depth to space DCR": (
        "DepthToSpace",
        (2, 12, 2, 3),
        [],
        {"blocksize": 2, "mode": "DCR"},
        move(MoveKind.DEPTH_TO_SPACE, arguments={"blocksize": (2,), "crd": (0,)}),
    ),
    "depth to space CRD": (
        "DepthToSpace",
        (2, 12, 2, 3),
        [],
        {"blocksize": 2, "mode": "CRD"},
        move(MoveKind.DEPTH_TO_SPACE, arguments={"blocksize": (2,), "crd": (1,)}),
    ),
    "space to depth": (
        "SpaceToDepth",
        (2, 3, 4, 6),
        [],
        {"blocksize": 2},
        move(MoveKind.SPACE_TO_DEPTH, arguments={"blocksize": (2,)}),
    ),
    "copy": ("Identity", (2, 3), [], {}, move(MoveKind.COPY)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_moves_equal_onnx(execute, ort_run, case, dtype) -> None:
    op_type, shape, others, attributes, op = CASES[case]
    x = np.random.default_rng(0).integers(-128, 128, shape).astype(np.float32)
    expected = ort_run(op_type, [x, *others], onnx_version=19, **attributes)[0]
    actual = execute(op, {"x": x.astype(dtype.numpy)}, {"y": (dtype, expected.shape)})["y"]
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_gather_equals_onnx(execute, ort_run, axis) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (4, 3)).astype(np.int8)
    indices = np.array([[2, 0], [-1, 1]], np.int64)
    expected = ort_run("Gather", [x, indices], output=TensorProto.INT8, axis=axis)[0]
    op = move(MoveKind.GATHER, arguments={"axis": (axis,)}, indices="indices")
    actual = execute(op, {"x": x}, {"y": (DType.INT8, expected.shape)}, {"indices": indices})["y"]
    np.testing.assert_array_equal(actual, expected)


def test_by_hand_split_and_concat(execute) -> None:
    x = np.arange(12, dtype=np.int8).reshape(2, 6)
    op = move(MoveKind.SPLIT, outputs=("a", "b", "c"), arguments={"axis": (1,), "sizes": (1, 3, 2)})
    outputs = {name: (DType.INT8, (2, n)) for name, n in (("a", 1), ("b", 3), ("c", 2))}
    parts = execute(op, {"x": x}, outputs)
    np.testing.assert_array_equal(parts["b"], [[1, 2, 3], [7, 8, 9]])
    op = move(MoveKind.CONCAT, inputs=("c", "k", "a"), arguments={"axis": (1,)})
    constants = {"k": np.array([[50], [60]], np.int8)}
    feeds = {"c": parts["c"], "a": parts["a"]}
    actual = execute(op, feeds, {"y": (DType.INT8, (2, 4))}, constants)["y"]
    np.testing.assert_array_equal(actual, [[4, 5, 50, 0], [10, 11, 60, 6]])


@pytest.mark.parametrize(
    ("op", "word"),
    [
        (move(MoveKind.TRANSPOSE, arguments={"perm": (0, 0)}), "every axis once"),
        (move(MoveKind.TRANSPOSE), "arguments"),
        (move(MoveKind.RESHAPE), "number of elements"),
        (move(MoveKind.COPY), "another shape"),
        (move(MoveKind.PAD, arguments={"pads": (1,)}), "begin and end"),
        (move(MoveKind.PAD, arguments={"pads": (0,) * 4}, mode="mirror"), "mode"),
        (move(MoveKind.PAD, arguments={"pads": (0,) * 4}, fill=1e9), "another shape"),
        (move(MoveKind.GATHER, arguments={"axis": (0,)}), "needs indices"),
        (move(MoveKind.GATHER, arguments={"axis": (0,)}, indices="i"), "outside axis"),
        (move(MoveKind.DEPTH_TO_SPACE, arguments={"blocksize": (2,), "crd": (0,)}), "4 axes"),
    ],
)
def test_records_that_do_not_fit_are_reported(execute, op, word) -> None:
    x = np.zeros((2, 3), np.int8)
    with pytest.raises(CompileError, match=word):
        execute(op, {"x": x}, {"y": (DType.INT8, (7,))}, {"i": np.array([2], np.int64)})
