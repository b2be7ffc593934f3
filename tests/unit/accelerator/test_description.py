from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tc_target_dpu.facts import SPEC as DPU
from tc_target_kdp.facts import SPEC as KDP
from tc_target_npu.facts import SPEC as NPU
from tc_target_npu.options import MODES
from toolchain.accelerator.description import machine_findings
from toolchain.core.machine import (
    ConvolutionEngine,
    DepthwiseArray,
    Interconnect,
    MacArray,
    Machine,
    OnChipMemory,
    covers,
    figures,
)

ALL = [m for spec in (NPU, KDP, DPU) for chip in spec.platforms for m in chip.machines]


def places(machine: Machine) -> list[str]:
    return [where for where, _, _ in machine_findings(machine)]


def changed(machine: Machine, path: str, value: Any) -> Machine:
    """`machine` with another figure at `path`, as `convolution.array.pixels`."""
    name, _, rest = path.partition(".")
    if not rest:
        return replace(machine, **{name: value})
    inner = getattr(machine, name)
    return replace(machine, **{name: changed(inner, rest, value)})


@pytest.mark.parametrize("machine", ALL, ids=lambda machine: machine.name)
def test_descriptions_that_agree(machine: Machine) -> None:
    assert list(machine_findings(machine)) == []


PATHS = """
cores clock_mhz convolution.count convolution.array.pixels convolution.array.inputs
convolution.array.outputs convolution.depthwise.pixels convolution.depthwise.channels tensor.count
tensor.lanes transfer.count transfer.bytes_per_cycle transfer.burst_bytes transfer.alignment
memory.bytes memory.banks memory.ports ddr.megabytes_per_second ddr.latency_cycles sync_cycles
rearrangement.count rearrangement.bytes_per_cycle weight_buffer.bytes weight_buffer.banks
weight_buffer.ports shared_memory.bytes shared_memory.banks shared_memory.ports
""".split()


def test_figures(toy: Machine) -> None:
    assert list(machine_findings(toy)) == []
    found = dict(figures(toy))
    assert found.keys() == {*PATHS, "convolution.passes[8]", "convolution.passes[16]"}
    assert found["convolution.array.pixels"] == 4
    assert found["convolution.passes[16]"] == 3
    assert found["ddr.megabytes_per_second"] == 300


@pytest.mark.parametrize("path", PATHS)
def test_every_figure_has_a_least(toy: Machine, path: str) -> None:
    least = 0 if path in ("ddr.latency_cycles", "sync_cycles") else 1
    (finding,) = machine_findings(changed(toy, path, least - 1))
    assert finding == (path, least - 1, f"at least {least}")


DEPTHWISE = DepthwiseArray(pixels=1, channels=1)


@pytest.mark.parametrize(
    ("path", "value", "place", "got"),
    [
        ("name", "Toy 2", "name", "Toy 2"),
        ("summary", "two\nlines", "summary", "two\nlines"),
        ("convolution.passes", {16: 1}, "convolution.passes", "16"),
        ("convolution.passes", {8: 2, 16: 1}, "convolution.passes", {8: 2, 16: 1}),
        ("convolution.passes", {8: 0}, "convolution.passes[8]", 0),
        ("convolution.passes", {7: 1, 8: 1}, "convolution.passes[7]", "7 bits"),
        ("convolution.depthwise", None, "depthwise", "0 engines"),
        ("transfer.alignment", 24, "transfer.alignment", 24),
        ("transfer.burst_bytes", 72, "transfer.burst_bytes", 72),
        ("memory.bytes", 4097, "memory.bytes", 4097),
        ("memory.bytes", 92, "memory.bytes", 92),
        ("weight_buffer.bytes", 126, "weight_buffer.bytes", 126),
        ("weight_buffer", None, "assumptions[weight_buffer]", "no such figure"),
        ("shared_memory.bytes", 8191, "shared_memory.bytes", 8191),
    ],
)
def test_figures_that_do_not_agree(
    toy: Machine, path: str, value: Any, place: str, got: object
) -> None:
    findings = [(where, found) for where, found, _ in machine_findings(changed(toy, path, value))]
    assert (place, got) in findings
    expected = 2 if path == "transfer.alignment" else 1
    assert len(findings) == expected


def test_a_way_between_cores_needs_cores(toy: Machine) -> None:
    assumed = {**toy.assumptions, "interconnect": "a guess"}
    joined = replace(toy, interconnect=Interconnect(bytes_per_cycle=4), assumptions=assumed)
    assert places(joined) == []
    (finding,) = machine_findings(replace(joined, cores=1))
    assert finding[:2] == ("interconnect", "1 core")
    assert places(changed(joined, "interconnect.bytes_per_cycle", 0)) == [
        "interconnect.bytes_per_cycle"
    ]


def test_two_engines_for_depthwise_convolutions(toy: Machine) -> None:
    tensor = replace(toy.tensor, depthwise=DEPTHWISE)
    assumed = {**toy.assumptions}
    machine = replace(toy, tensor=tensor, assumptions=assumed)
    assert places(machine) == ["depthwise"]


def test_a_memory_holds_weights_where_there_is_no_buffer(toy: Machine) -> None:
    assumed = {k: v for k, v in toy.assumptions.items() if k != "weight_buffer"}
    bare = replace(toy, weight_buffer=None, assumptions=assumed)
    least = 4 * (8 + 16) + 8 * 16
    assert places(changed(bare, "memory.bytes", least)) == []
    assert places(changed(bare, "memory.bytes", least - 4)) == ["memory.bytes"]


def test_every_figure_has_one_origin(toy: Machine) -> None:
    nowhere = {k: v for k, v in toy.assumptions.items() if k != "ddr"}
    assert places(replace(toy, assumptions=nowhere)) == [
        "ddr.megabytes_per_second",
        "ddr.latency_cycles",
    ]
    twice = {**toy.sources, "ddr.latency_cycles": "its maker"}
    (finding,) = machine_findings(replace(toy, sources=twice))
    assert finding[:2] == ("ddr.latency_cycles", "sources[ddr.latency_cycles], assumptions[ddr]")


def test_every_origin_has_a_figure_and_a_text(toy: Machine) -> None:
    wrong = {**toy.sources, "cores": " ", "core": "its maker", "convolution.arr": "its maker"}
    assert places(replace(toy, sources=wrong)) == [
        "sources[cores]",
        "sources[core]",
        "sources[convolution.arr]",
    ]


def test_all_findings_at_once(toy: Machine) -> None:
    machine = replace(toy, name="", summary="", cores=0, clock_mhz=0, sources={})
    found = places(machine)
    assert found[:4] == ["name", "summary", "cores", "clock_mhz"]
    assert "convolution.count" in found


def test_an_entry_covers_what_is_below_it() -> None:
    assert covers("convolution.array", "convolution.array.pixels")
    assert covers("convolution.passes", "convolution.passes[8]")
    assert not covers("convolution.arr", "convolution.array.pixels")
    assert not covers("convolution.array.pixels", "convolution.array")


def test_mappings_are_frozen(toy: Machine) -> None:
    passes = {8: 1}
    engine = ConvolutionEngine(
        count=1, array=MacArray(pixels=1, inputs=1, outputs=1), passes=passes, depthwise=DEPTHWISE
    )
    passes[16] = 1
    assert engine.passes == {8: 1}
    with pytest.raises(TypeError):
        toy.sources["cores"] = "me"  # type: ignore[index]


def test_macs_of_a_cycle(toy: Machine) -> None:
    assert toy.convolution.array.macs == 512
    assert toy.macs_per_cycle == 2048


def test_claimed_peaks() -> None:
    """What the clock of a machine was derived from."""
    tops = {m.name: 2 * m.macs_per_cycle * m.clock_mhz / 1e6 for m in ALL}
    assert tops["ax650-npu3"] == pytest.approx(18, rel=0.001)
    assert tops["kl730"] == pytest.approx(3.6, rel=0.001)
    assert tops["kl720"] == pytest.approx(1.4, rel=0.03)
    assert tops["kl630"] == pytest.approx(0.5, rel=0.03)
    assert tops["b4096-2"] == pytest.approx(2.46, rel=0.001)


@pytest.mark.parametrize("chip", NPU.platforms, ids=lambda chip: chip.name)
def test_a_machine_for_every_mode(chip: Any) -> None:
    names = [f"{chip.name}-{mode.lower()}" for mode in MODES[chip.name]]
    assert [machine.name for machine in chip.machines] == names


def test_a_machine_for_every_size_and_number_of_cores() -> None:
    for size in DPU.platforms:
        assert [machine.cores for machine in size.machines] == [1, 2, 3, 4]
        array = size.machines[0].convolution.array
        assert size.name == f"b{2 * array.macs}"


def test_banks_hold_what_they_say() -> None:
    memory = DPU.platforms[0].machines[0].memory
    assert memory == OnChipMemory(bytes=8 * 2048 * 16, banks=8, ports=2)
