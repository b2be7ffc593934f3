"""The section `compile`: what contradicts itself, and what a target would not honour."""

from __future__ import annotations

import pytest

from toolchain.config.compile_checks import unheard_options
from toolchain.core.options import MACHINE_OPTIONS, CompileOptions
from toolchain.errors import Code

SMALL = 'model = "m.onnx"\ntargets = ["vector"]\ncalibration.data = "x"\n[compile]\n'
SUB = SMALL + '[[compile.sub_configs]]\nstart = ["a"]\n'
GROUP = "[[compile.groups]]\ninput_shapes = { x = [1, 3, 8, 8] }\n"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            SMALL + "static_batch_sizes = [1, 2]\nmax_dynamic_batch_size = 4",
            "compile.max_dynamic_batch_size",
            "only one of both can be given",
        ),
        (SMALL + "static_batch_sizes = [1, 2, 1]", "compile.static_batch_sizes", "Batch 1 stands"),
        (SMALL + "disable_ir_fix = true", "compile.disable_ir_fix", "no batch of more than one"),
        (
            SMALL + "disable_ir_fix = true\nstatic_batch_sizes = [1]",
            "compile.disable_ir_fix",
            "no batch of more than one",
        ),
        (SUB + 'end = ["b"]', "compile.sub_configs.0", "gets no option"),
        (SUB + 'end = ["a"]\ntile_mode = true', "compile.sub_configs.0.end", "`a`"),
        (SMALL + GROUP + GROUP, "compile.groups.1", "`compile.groups.0`"),
    ],
)
def test_contradictions(problems, text, place, words):
    (problem,) = problems(text)
    assert problem.code is Code.CONTRADICTION
    assert problem.where.startswith(f"{place} in ")
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (SMALL + "static_batch_sizes = [0]", Code.BAD_VALUE, "compile.static_batch_sizes.0"),
        (SMALL + 'static_batch_sizes = ["2"]', Code.WRONG_TYPE, "compile.static_batch_sizes.0"),
        (SMALL + "max_dynamic_batch_size = -1", Code.BAD_VALUE, "compile.max_dynamic_batch_size"),
        (SMALL + "ddr_bw_limit = -0.5", Code.BAD_VALUE, "compile.ddr_bw_limit"),
        (SUB + "tile_mode = true", Code.MISSING_KEY, "compile.sub_configs.0.end"),
        (SUB + 'end = ["b"]\nopset = 13', Code.UNKNOWN_KEY, "compile.sub_configs.0.opset"),
        (
            SMALL + "[[compile.groups]]\ninput_shapes = {}",
            Code.BAD_VALUE,
            "compile.groups.0.input_shapes",
        ),
    ],
)
def test_bad_values(problems, text, code, place):
    (problem,) = problems(text)
    assert problem.code is code
    assert problem.where.startswith(f"{place} in ")


def test_a_target_that_does_not_honour_an_option_makes_it_an_error(problems):
    found = problems(SMALL + "static_batch_sizes = [2]\ntile_mode = false\nopset = 13")
    assert [problem.code for problem in found] == [Code.NO_EFFECT, Code.NO_EFFECT]
    places = [problem.where.partition(" in ")[0] for problem in found]
    assert places == ["compile.static_batch_sizes", "compile.tile_mode"]
    assert all("`vector`" in problem.message for problem in found)


def test_what_a_target_honours_is_no_error():
    options = CompileOptions(static_batch_sizes=(1, 2), ddr_bw_limit=2.0)
    assert unheard_options(options, frozenset({"static_batch_sizes", "ddr_bw_limit"})) == ()
    assert unheard_options(options, frozenset({"static_batch_sizes"})) == ("ddr_bw_limit",)
    assert unheard_options(CompileOptions(), frozenset()) == ()


def test_machine_options_are_options():
    assert all(hasattr(CompileOptions(), name) for name in MACHINE_OPTIONS)
