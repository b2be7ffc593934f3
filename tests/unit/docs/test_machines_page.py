"""docs/machines.md says what the records say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tc_target_dpu.facts import SPEC as DPU
from tc_target_kdp.facts import SPEC as KDP
from tc_target_npu.facts import SPEC as NPU
from toolchain.core.machine import Machine, figures

PAGE = (Path(__file__).parents[3] / "docs" / "machines.md").read_text(encoding="utf-8")
ALL = {m.name: m for spec in (NPU, KDP, DPU) for chip in spec.platforms for m in chip.machines}


def row(machine: Machine) -> str:
    """The row of a machine: what one core has, and what all cores share."""
    array, kib = machine.convolution.array, 1024
    buffer = machine.weight_buffer
    cells = (
        machine.name,
        machine.cores,
        f"{machine.clock_mhz} MHz",
        f"{machine.convolution.count} of {array.pixels} x {array.inputs} x {array.outputs}",
        f"{machine.tensor.count} of {machine.tensor.lanes}",
        f"{machine.transfer.count} of {machine.transfer.bytes_per_cycle} B",
        f"{machine.memory.bytes // kib}" + (f" + {buffer.bytes // kib}" if buffer else ""),
        f"{machine.ddr.megabytes_per_second / 1000:.1f} GB/s",
        f"{2 * machine.macs_per_cycle * machine.clock_mhz / 1e6:.2f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


@pytest.mark.parametrize("line", [line for line in PAGE.splitlines() if " MHz |" in line])
def test_rows_are_those_of_the_records(line: str) -> None:
    assert line == row(ALL[line.split()[1]])


def test_the_table_has_a_machine_of_every_kind() -> None:
    """Machines that the text says are like others, and further cores of a size, need no row."""
    shown = {line.split()[1] for line in PAGE.splitlines() if " MHz |" in line}
    like = {"m76h": "ax650", "ax630c": "ax620e", "ax620q": "ax620e", "m57": "ax637"}
    for name in ALL:
        chip, _, mode = name.partition("-")
        if chip in like:
            assert f"{like[chip]}-{mode}" in shown
        elif chip in {size.name for size in DPU.platforms}:
            assert f"{chip}-1" in shown
        else:
            assert name in shown


def test_every_figure_has_its_use() -> None:
    """The fields that the page explains are those that machines have."""
    section = PAGE.split("## Figures")[1].split("##")[0]
    explained = set(re.findall(r"`([\w.]+)`", section))
    paths = {re.sub(r"\[.*", "", path) for m in ALL.values() for path, _ in figures(m)}
    assert {path for path in paths if not {path, path.rpartition(".")[0]} & explained} == set()
    parents = {path.rpartition(".")[0] for path in paths}
    assert explained <= paths | parents
