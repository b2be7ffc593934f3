from __future__ import annotations

import pytest

from toolchain.calibration.pairing import NamedSource, paired
from toolchain.core.options import Pair
from toolchain.core.registry import SourceKind
from toolchain.errors import Code, DataError


def files(*names):
    return NamedSource(where=f"files {names[:1]}", kind=SourceKind.FILES, names=names)


def lines(*names):
    return NamedSource(where="list", kind=SourceKind.LIST, names=names)


def numbered(count):
    names = [str(number) for number in range(count)]
    return NamedSource(where=f"array {count}", kind=SourceKind.NUMBERED, names=names)


def indices(pairing):
    return [list(of_input) for of_input in pairing.indices]


def test_one_input():
    found = paired([files("b", "a")], Pair.AUTO)
    assert (found.names, indices(found)) == (("b", "a"), [[0, 1]])


def test_files_of_the_same_names():
    first, second = files("2.png", "1.png"), files("1.bin", "2.bin")
    found = paired([first, second], Pair.AUTO)
    assert (found.names, indices(found)) == (("2.png", "1.png"), [[0, 1], [1, 0]])
    assert indices(paired([first, second], Pair.ORDER)) == [[0, 1], [0, 1]]


def test_folders_in_front_of_the_names_do_not_matter():
    found = paired([files("in1/1.bin", "in1/2.bin"), files("in2/2.bin", "in2/1.bin")], Pair.AUTO)
    assert indices(found) == [[0, 1], [1, 0]]
    # but they do where the names alone are not unique
    same = paired([files("a/1.bin", "b/1.bin"), files("b/1.npy", "a/1.npy")], Pair.AUTO)
    assert indices(same) == [[0, 1], [1, 0]]


def test_names_that_have_nothing_in_common_are_paired_by_order():
    assert indices(paired([files("x1", "x2"), files("y1", "y2")], Pair.AUTO)) == [[0, 1], [0, 1]]
    with pytest.raises(DataError) as caught:
        paired([files("x1", "x2"), files("y1", "y2")], Pair.NAME)
    assert caught.value.code is Code.DATA_MISMATCH


def test_names_that_agree_in_part_are_an_error():
    with pytest.raises(DataError, match="do not agree") as caught:
        paired([files("1", "2", "3"), files("1", "3", "4")], Pair.AUTO)
    (told,) = caught.value.problems
    assert told.got == "2 only in files ('1',), 4 only in files ('1',)"
    assert 'pair = "order"' in told.hint


def test_lists_and_arrays_go_by_order():
    assert indices(paired([lines("b", "a"), files("a", "b")], Pair.AUTO)) == [[0, 1], [0, 1]]
    assert indices(paired([lines("b", "a"), files("a", "b")], Pair.NAME)) == [[0, 1], [1, 0]]
    assert indices(paired([numbered(2), files("a", "b")], Pair.AUTO)) == [[0, 1], [0, 1]]


def test_a_list_of_one_line_stands_for_all():
    found = paired([lines("mask"), files("a", "b", "c"), numbered(3)], Pair.AUTO)
    assert (found.names, indices(found)) == (("a", "b", "c"), [[0, 0, 0], [0, 1, 2], [0, 1, 2]])
    assert indices(paired([lines("x"), lines("y")], Pair.AUTO)) == [[0], [0]]


@pytest.mark.parametrize("pair", [Pair.AUTO, Pair.ORDER])
def test_unequal_counts(pair):
    for sources in ([numbered(3), numbered(1)], [files("a"), files("b", "c")]):
        with pytest.raises(DataError, match="different numbers") as caught:
            paired(sources, pair)
        assert caught.value.code is Code.DATA_MISMATCH
