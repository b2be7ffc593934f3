from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.accelerator.estimate import (
    EstimateReport,
    HostPart,
    MachineEstimate,
    ProgramEstimate,
    Refusal,
)
from toolchain.core.samples import InputSpec
from toolchain.errors import Code, Problem
from toolchain.render.estimate import estimate_tables, headline

PART = HostPart(kind="float Odd", operations=2, macs=1000, reason="it is odd")
MACHINE = MachineEstimate(
    machine="chip-1",
    summary="a chip",
    platform="chip",
    cores=1,
    clock_mhz=100,
    operations=7,
    host=(PART,),
    macs=3000,
    transfer_bytes=12_000,
    compute_cycles=400,
    transfer_cycles=500,
    bound_cycles=500,
    method="guessed",
    cycles=800,
    latency_us=8.0,
    frames_per_second=125_000.0,
    most_frames_per_second=200_000.0,
)
PROGRAM = ProgramEstimate(
    target="toy",
    platforms=("chip", "twin"),
    operations=9,
    float_operations=2,
    macs=4000,
    weight_bytes=2500,
    activation_bytes=900,
    machines=(
        MACHINE,
        replace(MACHINE, machine="chip-2", cores=2, compute_cycles=200),
        replace(MACHINE, machine="twin-1", platform="twin"),
    ),
    models={},
)
REPORT = EstimateReport(
    model=Path("m.onnx"),
    inputs=(InputSpec(name="x", dtype="float32", shape=(1, 3, 8, 8)),),
    programs=(PROGRAM,),
)


def test_machines_with_the_same_figures_share_a_row() -> None:
    programs, machines, host = estimate_tables(REPORT)
    assert programs.note.startswith("input x 1x3x8x8;")
    assert programs.rows == (
        ("toy", "chip, twin", "9", "2", "4.0 k", "2.5 kB", "900 B"),
    )  # fmt: skip
    assert machines.title == "Machines of toy"
    figures = ("500", "800", "125000")
    assert "estimate: cycles, guessed;" in machines.note
    assert machines.rows == (
        ("chip-1, twin-1", "7", "2", "75.0 %", "12.0 kB", "400", *figures),
        ("chip-2", "7", "2", "75.0 %", "12.0 kB", "200", *figures),
    )
    assert host.title == "On the CPU of chip, twin"
    assert host.rows == (("float Odd", "2", "1.0 k", "it is odd"),)


def test_a_chip_that_nobody_described() -> None:
    bare = replace(PROGRAM, machines=())
    _, chips = estimate_tables(replace(REPORT, programs=(bare,)))
    assert [row[0] for row in chips.rows] == ["chip", "twin"]
    assert chips.rows[0][-1] == "nobody described a machine or a cost model of it"


def test_a_program_without_products() -> None:
    none = replace(PROGRAM, macs=0, machines=(replace(MACHINE, macs=0, host=()),))
    tables = estimate_tables(replace(REPORT, programs=(none,)))
    assert [one.title for one in tables] == ["Programs (1)", "Machines of toy"]
    assert tables[1].rows[0][3] == "-"


def test_the_headline_says_what_it_is_worth() -> None:
    assert headline(REPORT) == "m.onnx: 3 machines of 1 target; estimated on models, not measured"


def test_chips_without_an_estimate() -> None:
    wrong = Problem(code=Code.BAD_VALUE, message="It cannot", where="here", got="int16")
    refusals = tuple(
        Refusal(target="other", platforms=(chip,), problems=(wrong,)) for chip in ("a", "b")
    )
    report = replace(REPORT, refusals=refusals)
    refused = estimate_tables(report)[-1]
    assert refused.title == "Chips without an estimate"
    assert refused.rows == (("other", "a, b", "It cannot", "here", "int16"),)
    assert "of 1 target, 2 chips without an estimate; " in headline(report)
