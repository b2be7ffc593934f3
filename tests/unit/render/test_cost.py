from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

from rich.console import Console

from toolchain.core.cost import (
    Bound,
    CostReport,
    MatrixShape,
    OperationCost,
    OperationEstimate,
    ProgramEstimate,
)
from toolchain.core.dtypes import DType
from toolchain.render.cost import grounds, most_expensive, summary
from toolchain.render.markdown import build_page
from toolchain.render.sections import Status, sections
from toolchain.render.terminal import show_build


def operation(name: str, rows: int, moved: int = 100) -> OperationCost:
    products = MatrixShape(count=1, rows=rows, depth=10, columns=10) if rows else None
    return OperationCost(
        name=name,
        kind="Conv" if rows else "Table",
        dtype=DType.INT8,
        macs=0 if products is None else products.macs,
        products=products,
        element_steps=rows,
        weight_bytes=256,
        input_bytes=moved,
        output_bytes=moved,
    )


REPORT = CostReport(
    operations=(operation("stem", 20), operation("act", 0, 9000), operation("small", 0, 10)),
    macs=2000,
    weight_bytes=768,
    input_bytes=9110,
    output_bytes=9110,
)
ESTIMATED = replace(
    REPORT,
    arena_bytes=18_048,
    bound_bytes=18_000,
    model="board: a board",
    estimates=tuple(
        ProgramEstimate(
            cores=cores,
            latency_us=2000 / cores,
            operations=tuple(
                OperationEstimate(name=name, latency_us=us / cores, bound=bound)
                for name, us, bound in (
                    ("stem", 500.0, Bound.COMPUTE),
                    ("act", 1400.0, Bound.MEMORY),
                    ("small", 100.0, Bound.OVERHEAD),
                )
            ),
        )
        for cores in (1, 4)
    ),
    sources=("rates: data sheet",),
    notes=("no caches",),
)


def test_totals_without_a_model() -> None:
    assert summary(REPORT) == (
        "3 operations, 2.0 k MACs",
        "weights 768 B, activations 9.1 kB read and 9.1 kB written",
    )


def test_an_estimate_is_said_to_be_one() -> None:
    assert summary(ESTIMATED)[2:] == (
        "arena 18.0 kB, at least 18.0 kB",
        "estimate, not measured: 2 ms on 1 core, 500 us on 4 cores (board: a board)",
    )
    assert summary(replace(ESTIMATED, bound_bytes=None))[2] == "arena 18.0 kB"


def test_counted_by_macs_then_by_bytes() -> None:
    shown = most_expensive(REPORT)
    assert shown.title == "Most expensive operations (3 of 3)"
    assert shown.rows == (
        ("stem", "Conv", "2.0 k", "256 B", "100 B", "100 B"),
        ("act", "Table", "0", "256 B", "9.0 kB", "9.0 kB"),
        ("small", "Table", "0", "256 B", "10 B", "10 B"),
    )


def test_estimated_by_time() -> None:
    shown = most_expensive(ESTIMATED)
    assert shown.note == "estimated for 1 core, not measured"
    assert [(row[0], *row[6:]) for row in shown.rows] == [
        ("act", "1.4 ms", "70.0 %", "memory"),
        ("stem", "500 us", "25.0 %", "compute"),
        ("small", "100 us", "5.0 %", "overhead"),
    ]


def test_ten_are_listed_at_most() -> None:
    many = replace(REPORT, operations=tuple(operation(f"op{n}", n) for n in range(12)))
    shown = most_expensive(many)
    assert shown.title == "Most expensive operations (10 of 12)"
    assert [row[0] for row in shown.rows] == [f"op{n}" for n in range(11, 1, -1)]


def test_what_the_estimate_rests_on() -> None:
    assert grounds(ESTIMATED).rows == (("source", "rates: data sheet"), ("assumption", "no caches"))


def test_the_section_of_a_build(result: Any) -> None:
    found = {each.stage: each for each in sections(replace(result, cost=ESTIMATED))}
    assert list(found)[3:5] == ["compile", "cost"]
    assert found["cost"].status is Status.DONE
    assert found["cost"].lines == summary(ESTIMATED)
    assert found["cost"].tables == (most_expensive(ESTIMATED),)
    assert found["cost"].appendix == (grounds(ESTIMATED),)
    (counted,) = (s for s in sections(replace(result, cost=REPORT)) if s.stage == "cost")
    assert counted.appendix == ()


def test_grounds_are_on_the_page_and_in_the_terminal_if_asked_for(result: Any) -> None:
    priced = replace(result, cost=ESTIMATED)
    assert "no caches" in build_page(priced)
    shown = {}
    for full in (False, True):
        stream = StringIO()
        show_build(Console(file=stream, width=120), [priced], full=full)
        shown[full] = stream.getvalue()
    assert ["no caches" in shown[full] for full in (False, True)] == [False, True]
    assert "not measured" in shown[False]
