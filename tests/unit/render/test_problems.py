from __future__ import annotations

from toolchain.errors import Code, Problem
from toolchain.render.problems import problem_lines


def test_empty_fields_leave_no_line() -> None:
    bare = Problem(code=Code.INTERNAL, message="Broken")
    assert problem_lines("error", bare) == ("error[TC901]: Broken",)


def test_the_hint_stands_behind_a_blank_line() -> None:
    problem = Problem(code=Code.BAD_VALUE, message="Bad", got="0", hint="take 1")
    assert problem_lines("warning", problem) == (
        "warning[TC104]: Bad",
        "  got: 0",
        "",
        "hint: take 1",
    )
