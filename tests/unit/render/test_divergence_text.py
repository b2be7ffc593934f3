from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolchain.core.divergence import (
    DifferenceReport,
    Divergence,
    InputState,
    Operand,
    Recomputation,
    SampleDifference,
    TensorDifference,
)
from toolchain.errors import Code
from toolchain.render.divergence import (
    difference_line,
    difference_lines,
    difference_problems,
    difference_tables,
)

RULE = Recomputation(
    rule="y = a + b",
    section="6",
    source="b",
    unrounded=2.5,
    rounding="half_even",
    zero_point=-1,
    low=-128,
    high=127,
    value=1,
    operands=(Operand(tensor="a", index=(0, 3), value=7),),
)
FIRST = Divergence(
    operation="add",
    kind="Binary add",
    tensor="y",
    index=(0, 3),
    stored_a=2,
    stored_b=1,
    real_a=0.5,
    real_b=0.25,
    different=3,
    elements=8,
    largest=1,
    inputs=(InputState(tensor="a", state="equal"),),
    recomputed=RULE,
    right="b",
    causes=("ties are rounded half_up instead of half_even",),
)
ROW = TensorDifference(
    tensor="y", operation="add", kind="Binary add", different=3, elements=8, largest=1
)


def report(first: Divergence | None, row: TensorDifference = ROW, **more: Any) -> DifferenceReport:
    sample = SampleDifference(
        sample="s.npy", compared=5, missing=(), rows=(row,) if first else (), first=first
    )
    return DifferenceReport(
        target="t", a="reference", b="board", samples=(replace(sample, **more),)
    )


def text(shown: DifferenceReport) -> str:
    return "\n".join(difference_lines(shown))


def test_equal() -> None:
    shown = report(None)
    assert shown.equal
    assert difference_line(shown) == "t: equal, 5 tensors of 1 sample"
    assert text(shown) == "A is reference\nB is board\n\ns.npy: 5 tensors equal"
    assert difference_tables(shown) == ()
    assert list(difference_problems(shown)) == []


def test_the_first_difference() -> None:
    shown = report(FIRST)
    assert difference_line(shown) == "t: 1 of 1 sample differ, first at add (Binary add)"
    lines = [line.strip() for line in difference_lines(shown)]
    assert lines[3:] == [
        "s.npy: 5 tensors compared, 1 differ",
        "first difference: add (Binary add)",
        "y[0, 3]: A 2 (0.5), B 1 (0.25)",
        "3 of 8 elements differ, by at most 1",
        "it reads a: equal",
        "all that it reads agrees: the fault is in this operation",
        "rule: y = a + b (docs/numerics.md, 6)",
        "from a[0, 3] = 7",
        (
            "from the inputs of B: unrounded 2.5, rounding half_even, zero point -1, "
            "kept within [-128, 127]"
        ),
        "by the rule: 1",
        "B follows the rule, A does not",
        (
            "likely cause, as it explains every element that was tried: "
            "ties are rounded half_up instead of half_even"
        ),
    ]
    (problem,) = difference_problems(shown)
    assert (problem.code, problem.where) == (Code.RUNS_DIFFER, "s.npy: y[0, 3]")
    assert (problem.got, problem.allowed) == ("A 2, B 1", "1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"right": "a"}, "A follows the rule, B does not"),
        ({"right": "neither"}, "neither run follows the rule"),
        ({"right": None}, "the runs do not store the result in the same way"),
        ({"inputs": (InputState(tensor="a", state="different"),)}, "the fault may lie before it"),
        ({"recomputed": None}, "nothing can be computed again"),
        ({"kind": "input", "operation": ""}, "the runs were fed different inputs"),
    ],
)
def test_what_is_known(changes: dict[str, Any], words: str) -> None:
    assert words in text(report(replace(FIRST, **changes)))


def test_what_was_not_compared() -> None:
    shown = report(None, missing=tuple(f"t{number}" for number in range(9)), notes=("mind",))
    assert "note: mind" in text(shown)
    assert "not compared (9): t0, t1, t2, t3, t4, t5, t6, t7, ..." in text(shown)


def test_layers_on_their_own_have_a_column() -> None:
    (plain,) = difference_tables(report(FIRST))
    assert plain.rows == (("y", "add", "Binary add", "3", "8", "1"),)
    (tried,) = difference_tables(report(FIRST, replace(ROW, own=0)))
    assert tried.columns[-1].name == "on its own"
    assert tried.rows == (("y", "add", "Binary add", "3", "8", "1", "0"),)
