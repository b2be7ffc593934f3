from __future__ import annotations

import json
from dataclasses import replace

from toolchain.core.graph_view import NodeView
from toolchain.core.machine import (
    ConvolutionEngine,
    Ddr,
    DepthwiseArray,
    MacArray,
    Machine,
    OnChipMemory,
    TensorEngine,
    TransferEngine,
)
from toolchain.core.quant import PerBlock, PerChannel, QuantSpec
from toolchain.core.target import Measured, OpSupport, Platform, TargetDef
from toolchain.render.facts import fact_tables, facts_of, overview, spec_text
from toolchain.render.jsonout import dumps

MACHINE = Machine(
    name="toy-2",
    summary="a toy",
    cores=2,
    clock_mhz=100,
    convolution=ConvolutionEngine(
        count=2,
        array=MacArray(pixels=4, inputs=8, outputs=16),
        passes={8: 1},
        depthwise=DepthwiseArray(pixels=4, channels=16),
    ),
    tensor=TensorEngine(count=3, lanes=5),
    transfer=TransferEngine(count=1, bytes_per_cycle=2, burst_bytes=64, alignment=16),
    memory=OnChipMemory(bytes=4096, banks=4, ports=1),
    weight_buffer=OnChipMemory(bytes=2048, banks=2, ports=1),
    ddr=Ddr(megabytes_per_second=300, latency_cycles=0),
    sync_cycles=0,
    sources={"cores": "its maker", "convolution": "its maker"},
    assumptions=dict.fromkeys(
        ("clock_mhz", "tensor", "transfer", "memory", "weight_buffer", "ddr", "sync_cycles"),
        "a guess",
    ),
)


def test_facts_are_data(target: TargetDef) -> None:
    facts = json.loads(dumps(facts_of(target)))
    assert [op["op_type"] for op in facts["ops"]] == ["Conv", "Reshape", "Softmax"]
    assert facts["ops"][0]["rules"] == ["The kernel has two dimensions."]
    assert facts["ops"][2]["output_range"] == [0.0, 1.0]
    assert facts["rounding"] == "half_even"
    (platform,) = facts["platforms"]
    assert platform | {"cores": 2, "name": "d1", "summary": "first", "without": []} == platform


def test_specs_in_words() -> None:
    assert spec_text(QuantSpec()) == "int8 asymmetric per_tensor, float scale, half_even"
    symmetric = QuantSpec(symmetric=True, granularity=PerChannel(1), narrow_range=True)
    assert (
        spec_text(symmetric)
        == "int8 symmetric per_channel(1), float scale, half_even, narrow_range"
    )
    assert "per_block(0, 32)" in spec_text(QuantSpec(granularity=PerBlock(0, 32)))


def test_tables_of_one_target(target: TargetDef) -> None:
    numbers, integer, sources = fact_tables(facts_of(target))
    assert ("platforms", "d1: first (2 cores)") in numbers.rows
    assert integer.rows == (
        ("Conv", "compute", "The kernel has two dimensions"),
        ("Reshape", "move", "-"),
        ("Softmax", "compute", "output range is 0 to 1"),
    )
    assert sources.rows == (("datasheet, section 3",),)


def test_where_chips_differ(target: TargetDef) -> None:
    def wide(_: NodeView) -> Measured:
        """The kernel is wide."""
        return Measured(ok=True, value="wide")

    changed = {"Conv": OpSupport(constraints=(wide,)), "Softmax": None, "Relu": OpSupport()}
    chips = [Platform(name=name, summary="", ops=changed) for name in ("a", "b")]
    chips.append(Platform(name="c", summary="", ops={"Reshape": target.spec.ops["Reshape"]}))
    spec = replace(target.spec, platforms=tuple(chips))
    _, _, differences, _ = fact_tables(facts_of(TargetDef(spec=spec)))
    assert differences.rows == (
        ("Conv", "a, b", "The kernel is wide"),
        ("Relu", "a, b", "runs on integers"),
        ("Softmax", "a, b", "not on integers"),
    )


def test_all_targets_in_brief(target: TargetDef) -> None:
    assert overview([facts_of(target)]).rows == (
        ("demo", "d1", "int8", "int8", "3", "A demonstration"),
    )


def test_machines(target: TargetDef) -> None:
    """Two cores of two arrays of 4 x 8 x 16: 2048 MACs, 0.4096 TOPS at 100 MHz."""
    chip = Platform(name="d1", summary="first", machines=(MACHINE,))
    spec = replace(target.spec, platforms=(chip, Platform(name="d2", summary="second")))
    facts = facts_of(TargetDef(spec=spec))
    (machine,) = facts.platforms[0].machines
    assert (machine.memory_bytes, machine.tops) == (6 * 1024, 0.4096)
    _, machines, *_ = fact_tables(facts)
    assert machines.title == "Machines (1)"
    (row,) = machines.rows
    assert row == (
        *("d1", "toy-2", "2", "100 MHz", "2 of 4 x 8 x 16", "3"),
        *("6 KiB", "0.3 GB/s", "0.41", "16 of 24"),
    )
