"""Models of the NPUs, one for each mode of each chip: published are the engines, little else."""

from __future__ import annotations

from dataclasses import replace

from toolchain.api import (
    ConvolutionEngine,
    Ddr,
    DepthwiseArray,
    Interconnect,
    MacArray,
    Machine,
    OnChipMemory,
    RearrangementEngine,
    TensorEngine,
    TransferEngine,
)

_MIB = 1 << 20

_ASSUMED = {
    "clock_mhz": "6 arrays of 2048 MACs at 732 MHz come to the 18 TOPS that are claimed of AX650",
    "convolution.array": "8 x 16 x 16, the size that a public design of that power has (DPU B4096)",
    "convolution.passes": "one pass per 8 bits of the wider operand",
    "convolution.depthwise": "a depthwise convolution uses the diagonal of the channels",
    "tensor.lanes": "64 elements, one of every 32 MACs",
    "transfer.bytes_per_cycle": "a bus of 256 bits",
    "transfer.burst_bytes": "a burst of LPDDR4X on 32 bits: 16 beats of 4 bytes",
    "transfer.alignment": "half of the bus",
    "memory.banks": "one for each pixel of the array, read beside each other",
    "memory.ports": "a read and a write in a cycle",
    "ddr.latency_cycles": "about 200 ns through bus and controller",
    "sync_cycles": "a signal between two engines",
}

_AX650 = Machine(
    name="ax650-npu1",
    summary="AX650-like, 1 of 3 groups",
    cores=1,
    clock_mhz=732,
    convolution=ConvolutionEngine(
        count=2,
        array=MacArray(pixels=8, inputs=16, outputs=16),
        passes={8: 1, 16: 2},
        depthwise=DepthwiseArray(pixels=8, channels=16),
    ),
    tensor=TensorEngine(count=1, lanes=64),
    transfer=TransferEngine(count=1, bytes_per_cycle=32, burst_bytes=64, alignment=16),
    memory=OnChipMemory(bytes=3 * _MIB + _MIB // 2, banks=8, ports=2),
    ddr=Ddr(megabytes_per_second=34_128, latency_cycles=150),
    sync_cycles=32,
    sources={
        "cores": "pulsar2, npu_mode: NPU1, NPU2 and NPU3 use 1, 2 and 3 of 3 groups",
        "convolution.count": "pulsar2, NPU architecture v3: 6 in 3 groups",
        "tensor.count": "pulsar2, NPU architecture v3: 3 in 3 groups",
        "transfer.count": "pulsar2, NPU architecture v3: 3 in 3 groups",
    },
    assumptions={
        **_ASSUMED,
        "memory.bytes": "a third of the 11 MiB or so that users of pulsar2 found",
        "ddr.megabytes_per_second": "two channels of 32 bits, LPDDR4X at 4266 MT/s",
    },
)

_AX620E = replace(
    _AX650,
    name="ax620e-npu1",
    summary="AX620E-like, one of 2 virtual NPUs: half of the memory, all engines while it runs",
    convolution=replace(_AX650.convolution, count=1),
    memory=OnChipMemory(bytes=_MIB // 2, banks=8, ports=2),
    ddr=Ddr(megabytes_per_second=8_532, latency_cycles=150),
    sources={
        "cores": "pulsar2, NPU architecture v4: one NPU, shared in time",
        "convolution.count": "pulsar2, NPU architecture v4",
        "tensor.count": "pulsar2, NPU architecture v4",
        "transfer.count": "pulsar2, NPU architecture v4",
    },
    assumptions={
        **_ASSUMED,
        "clock_mhz": "as AX650",
        "memory.bytes": "1 MiB, of which NPU1 has half: that it has less is published",
        "ddr.megabytes_per_second": "a channel of 16 bits, LPDDR4X at 4266 MT/s",
    },
)

_V6 = replace(
    _AX620E,
    rearrangement=RearrangementEngine(count=1, bytes_per_cycle=32),
    sources={
        **{path: text.replace("v4", "v6") for path, text in _AX620E.sources.items()},
        "rearrangement.count": "pulsar2, NPU architecture v6",
    },
    assumptions={**_AX620E.assumptions, "rearrangement.bytes_per_cycle": "as wide as a transfer"},
)

_AX8860 = replace(
    _V6,
    convolution=replace(_AX650.convolution, count=4),
    tensor=TensorEngine(count=4, lanes=64),
    transfer=replace(_AX650.transfer, count=2),
    rearrangement=RearrangementEngine(count=4, bytes_per_cycle=32),
    memory=_AX650.memory,
    shared_memory=OnChipMemory(bytes=4 * _MIB, banks=8, ports=2),
    ddr=_AX650.ddr,
    sources={
        "cores": "pulsar2, npu_mode: NPU1, NPU2 and NPU4 are cores",
        "convolution.count": "pulsar2, NPU architecture v7",
        "tensor.count": "pulsar2, NPU architecture v7",
        "transfer.count": "pulsar2, NPU architecture v7",
        "rearrangement.count": "pulsar2, NPU architecture v7",
    },
    assumptions={
        **_ASSUMED,
        "clock_mhz": "as AX650",
        "memory.bytes": "as a group of AX650",
        "ddr.megabytes_per_second": "as AX650",
        "rearrangement.bytes_per_cycle": "as wide as a transfer",
        "shared_memory": "4 MiB: that cores share a memory is published, not how large it is",
    },
)


def _named(chip: str, *machines: Machine) -> tuple[Machine, ...]:
    """Machines of a chip that is like another."""
    return tuple(replace(m, name=f"{chip}-{m.name.rpartition('-')[2]}") for m in machines)


def _with_cores(one: Machine, chip: str, cores: int, summary: str) -> Machine:
    """More cores of a kind; alone a core has no way to others."""
    named = replace(one, name=f"{chip}-npu{cores}", cores=cores, summary=summary)
    if cores == 1:
        return named
    return replace(
        named,
        interconnect=Interconnect(bytes_per_cycle=one.transfer.bytes_per_cycle),
        assumptions={**one.assumptions, "interconnect.bytes_per_cycle": "as wide as a transfer"},
    )


_OF_AX650 = (
    _AX650,
    _with_cores(_AX650, "ax650", 2, "AX650-like, 2 of 3 groups"),
    _with_cores(_AX650, "ax650", 3, "AX650-like, all 3 groups"),
)
_OF_AX620E = (
    _AX620E,
    replace(
        _AX620E,
        name="ax620e-npu2",
        summary="AX620E-like, the whole NPU: all of the memory",
        memory=OnChipMemory(bytes=_MIB, banks=8, ports=2),
    ),
)
_OF_AX615 = tuple(
    replace(
        each,
        name=each.name.replace("ax620e", "ax615"),
        summary=each.summary.replace("AX620E", "AX615"),
        rearrangement=_V6.rearrangement,
        sources=_V6.sources,
        assumptions=_V6.assumptions,
    )
    for each in _OF_AX620E
)
_WHOLE_V6 = replace(_OF_AX615[1], name="v6-npu1", summary="NPU v6, one engine of each kind")

MACHINES: dict[str, tuple[Machine, ...]] = {
    "ax650": _OF_AX650,
    "m76h": _named("m76h", *_OF_AX650),
    "ax620e": _OF_AX620E,
    "ax630c": _named("ax630c", *_OF_AX620E),
    "ax620q": _named("ax620q", *_OF_AX620E),
    "ax615": _OF_AX615,
    "ax637": _named("ax637", _WHOLE_V6),
    "m57": _named("m57", _WHOLE_V6),
    "ax8860": tuple(
        _with_cores(_AX8860, "ax8860", cores, f"AX8860-like, {cores} of 4 cores")
        for cores in (1, 2, 4)
    ),
}
"""Machines of every chip, by mode."""
