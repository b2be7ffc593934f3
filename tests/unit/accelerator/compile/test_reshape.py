"""Where reshapes may be cut, and what their parts need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolchain.accelerator.compile.rules import rules_of
from toolchain.accelerator.compile.rules.base import Facts
from toolchain.accelerator.isa.operands import Engine
from toolchain.program.records import MoveKind
from toolchain.testing.programs import i8, move, single_program


def rule_of(source, target):
    op = move(MoveKind.RESHAPE)
    program = replace(single_program(op, i8(source), i8(target, "y")), constants={})
    facts = Facts(program=program, depthwise=Engine.TENSOR, moving=Engine.TENSOR)
    (rule,) = rules_of(op, facts)
    return rule


@pytest.mark.parametrize(
    ("source", "target", "cuts", "box", "needed"),
    [
        # Pairs of channels: 3 of 24 rows of 2 x 16 are the 6 channels from 12 on.
        ((1, 48, 4, 4), (24, 2, 16), {0: 1}, ((6, 9), (0, 2), (0, 16)), ((0, 1), (12, 18))),
        # And back: a channel of 16 is half a row, so that they go in pairs.
        ((24, 2, 16), (1, 48, 4, 4), {1: 2}, ((0, 1), (12, 18), (0, 4), (0, 4)), ((6, 9),)),
        # Two samples of 3 rows become 6 rows: only whole samples are cuts of both.
        ((2, 3, 4), (6, 4), {0: 3}, ((3, 6), (0, 4)), ((1, 2), (0, 3))),
        ((5, 2, 3), (5, 6), {0: 1}, ((1, 4), (0, 6)), ((1, 4), (0, 2))),
        # Of a single row of 6, 3 at a time; what has one element, not at all.
        ((2, 3), (1, 6), {1: 3}, ((0, 1), (3, 6)), ((1, 2), (0, 3))),
        ((6,), (2, 3), {0: 1}, ((1, 2), (0, 3)), ((3, 6),)),
        ((1, 1), (1,), {}, ((0, 1),), ((0, 1), (0, 1))),
    ],
)
def test_reshapes_are_cut_where_both_shapes_begin_anew(source, target, cuts, box, needed):
    rule = rule_of(source, target)
    assert rule.cuts == cuts
    (found,) = rule.needs(box)
    whole = tuple((0, extent) for extent in source)
    assert found == (*needed, *whole[len(needed) :])
