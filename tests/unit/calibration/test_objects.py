from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from toolchain.calibration.objects import is_object, read_objects
from toolchain.errors import Code, DataError

HEADER = {"descr": "|O", "fortran_order": False, "shape": ()}


def saved(value):
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def forged(content):
    """A .npy header of one object with a pickle of any content behind it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, HEADER)
    return file.getvalue() + content


def refused(data):
    with pytest.raises(DataError) as caught:
        read_objects(data, "file.npy")
    assert caught.value.problems[0].where == "file.npy"
    return caught.value


PLAIN = st.sampled_from("? i1 u1 <i2 >u2 <i4 >i4 u8 i8 <f2 >f4 f4 f8".split())


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5),
        PLAIN.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, min_side=0))),
        max_size=4,
    )
)
def test_what_numpy_saves_is_read(arrays):
    data = saved(arrays)
    assert is_object(data)
    found = read_objects(data, "")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_column_major_shared_and_large_arrays():
    column = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    large = np.arange(100_000, dtype=np.float32)
    found = read_objects(saved({"a": column, "b": column, "c": large}), "")
    for name, array in (("a", column), ("b", column), ("c", large)):
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("module", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_files_of_older_numpy(protocol, module):
    value = np.array(None, object)
    value[()] = {"x": np.arange(4, dtype=np.int16)}
    content = pickle.dumps(value, protocol)
    if protocol == 3:  # names are lines of text there, and not counted
        content = content.replace(b"numpy._core.multiarray", module)
    assert read_objects(forged(content), "")["x"].tolist() == [0, 1, 2, 3]


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def test_nothing_is_ever_called(tmp_path):
    marker = tmp_path / "marker"
    for value in (
        {"x": Evil(os.system, f"touch {marker}")},
        {"x": np.zeros(2), "y": Evil(eval, f"open({str(marker)!r}, 'w')")},
        Evil(os.mkdir, str(marker)),
    ):
        told = refused(saved(value))
        assert told.code is Code.DATA_PICKLED
        assert "a call of" in told.problems[0].got
    assert not marker.exists()


def test_state_cannot_be_set_on_anything_else():
    # GLOBAL os, then BUILD with a state: pickle would set attributes of the module.
    for content in (b"cos\nsystem\n}X\x01\x00\x00\x00xK\x01sb.", b"]}b.", b"cos\nsystem\n."):
        assert refused(forged(content)).code is Code.DATA_PICKLED


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, 2], None),
        ({"x": [1, 2]}, "a list under 'x'"),
        ({"x": "text"}, "a str under 'x'"),
        ({1: np.zeros(2)}, "a key of type int"),
        ({"x": np.array([None, 1], object)}, "an array of objects under 'x'"),
        ({"x": np.array(["a"])}, "an array of type 'U1' under 'x'"),
        ({"x": np.array([1j])}, "an array of type 'c16' under 'x'"),
        ({"x": np.zeros(2, [("a", "f4")])}, "an array of type 'V4' under 'x'"),
        ({"x": np.float32(1)}, "a call of numpy._core.multiarray.scalar"),
        ({"x": {"y": np.zeros(2)}}, "a dict under 'x'"),
        (None, "a NoneType"),
    ],
)
def test_anything_but_a_dictionary_of_arrays(value, words):
    told = refused(saved(np.array(value, object)))
    assert told.code is Code.DATA_PICKLED
    assert words is None or words in told.problems[0].got


def test_broken_files_are_no_crash():
    whole = saved({"x": np.arange(20.0), "y": np.zeros((2, 2), np.int8)})
    assert not is_object(b"")
    assert not is_object(saved(np.zeros(3)))
    for length in range(0, len(whole), 7):
        assert refused(whole[:length]).code in (Code.DATA_UNREADABLE, Code.DATA_PICKLED)


@settings(max_examples=200, deadline=None)
@given(st.integers(128, 700), st.integers(0, 255))
def test_changed_bytes_are_no_crash(position, byte):
    data = bytearray(saved({"x": np.arange(6.0).reshape(2, 3), "longer": np.ones(4, np.uint8)}))
    data[position % len(data)] = byte
    try:
        found = read_objects(bytes(data), "")
    except DataError:
        return
    assert all(isinstance(array, np.ndarray) for array in found.values())
