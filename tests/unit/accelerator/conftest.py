"""A machine that sums are easy on: 2 cores of 2 arrays, 3 bytes per cycle from DDR."""

from __future__ import annotations

import pytest

from toolchain.core.machine import (
    ConvolutionEngine,
    Ddr,
    DepthwiseArray,
    MacArray,
    Machine,
    OnChipMemory,
    RearrangementEngine,
    TensorEngine,
    TransferEngine,
)

_GUESSED = (
    "clock_mhz tensor transfer rearrangement memory weight_buffer shared_memory ddr sync_cycles"
).split()


@pytest.fixture
def toy() -> Machine:
    return Machine(
        name="toy-2",
        summary="a toy",
        cores=2,
        clock_mhz=100,
        convolution=ConvolutionEngine(
            count=2,
            array=MacArray(pixels=4, inputs=8, outputs=16),
            passes={8: 1, 16: 3},
            depthwise=DepthwiseArray(pixels=4, channels=16),
        ),
        tensor=TensorEngine(count=3, lanes=5),
        transfer=TransferEngine(count=1, bytes_per_cycle=2, burst_bytes=64, alignment=16),
        rearrangement=RearrangementEngine(count=1, bytes_per_cycle=4),
        memory=OnChipMemory(bytes=4096, banks=4, ports=1),
        weight_buffer=OnChipMemory(bytes=1024, banks=2, ports=1),
        shared_memory=OnChipMemory(bytes=8192, banks=2, ports=1),
        ddr=Ddr(megabytes_per_second=300, latency_cycles=0),
        sync_cycles=0,
        sources={"cores": "its maker", "convolution": "its maker"},
        assumptions=dict.fromkeys(_GUESSED, "a guess"),
    )
