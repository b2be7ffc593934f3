"""Operations between tensors, for options of their own."""

from __future__ import annotations

import pytest

from toolchain.accelerator.subgraphs import subgraphs
from toolchain.core.options import SubConfig
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.program.records import Dequantize, Move, MoveKind, Program, Quantize
from toolchain.testing.programs import f32, i8


def copy(name: str, source: str, result: str) -> Move:
    return Move(name=name, inputs=(source,), outputs=(result,), kind=MoveKind.COPY)


# x -> q -> a -> b -> c -> y, and a -> d beside it.
PROGRAM = Program(
    name="chain",
    rounding=Rounding.HALF_EVEN,
    inputs=("x",),
    outputs=("y", "d"),
    tensors={
        t.name: t
        for t in (f32((1, 2)), *(i8((1, 2), n) for n in ("q", "a/quantized", "b", "c", "d")),
                  f32((1, 2), "y"))
    },
    constants={},
    operations=(
        Quantize(name="1", inputs=("x",), outputs=("q",)),
        copy("2", "q", "a/quantized"),
        copy("3", "a/quantized", "b"),
        copy("4", "b", "c"),
        copy("5", "a/quantized", "d"),
        Dequantize(name="6", inputs=("c",), outputs=("y",)),
    ),
)  # fmt: skip


def sub(start: str, *end: str) -> SubConfig:
    return SubConfig(start=(start,), end=end, tile_mode=True)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (sub("q", "c"), "2345"),
        (sub("q", "a"), "2"),
        (sub("a", "c"), "345"),
        (sub("a", "c", "d"), "345"),
        (sub("b", "c"), "4"),
        (sub("x", "y", "d"), "123456"),
    ],
)
def test_operations_behind_the_start_and_not_behind_the_end(config, names):
    assert subgraphs(PROGRAM, [config]) == (frozenset(names),)


def test_entries_beside_each_other():
    assert subgraphs(PROGRAM, [sub("q", "a"), sub("b", "c")]) == (frozenset("2"), frozenset("4"))
    assert subgraphs(PROGRAM, []) == ()


@pytest.mark.parametrize(
    ("configs", "code", "place", "got"),
    [
        ([sub("qq", "c")], Code.NO_MATCH, "compile.sub_configs.0.start", "qq"),
        ([sub("q", "e")], Code.NO_MATCH, "compile.sub_configs.0.end", "e"),
        ([sub("b", "d")], Code.NO_MATCH, "compile.sub_configs.0.end", "d"),
        ([sub("b", "a")], Code.NO_MATCH, "compile.sub_configs.0.end", "a"),
        ([sub("q", "b"), sub("a", "c")], Code.CONTRADICTION, "compile.sub_configs.1", "3"),
    ],
)
def test_what_does_not_name_a_subgraph_is_refused(configs, code, place, got):
    with pytest.raises(CompileError) as caught:
        subgraphs(PROGRAM, configs)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where, problem.got) == (code, place, got)
