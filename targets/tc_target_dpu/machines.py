"""Models of the DPU: its array and ports are published, and its clock on a board."""

from __future__ import annotations

from toolchain.api import (
    ConvolutionEngine,
    Ddr,
    DepthwiseArray,
    MacArray,
    Machine,
    OnChipMemory,
    TensorEngine,
    TransferEngine,
)

BANK_DEPTH = 2048
"""Words of a bank of on-chip memory, each of all channels in parallel."""

_SOURCES = {
    "cores": "PG338: up to 4",
    "clock_mhz": "UG1354: 300 MHz on ZCU104",
    "convolution.array": "PG338: pixel, input channel and output channel parallelism",
    "tensor.depthwise": "PG338: depthwise convolution in the ALU, half of the pixel parallelism",
    "transfer.count": "PG338: two ports for data",
    "transfer.bytes_per_cycle": "PG338: ports of 128 bits",
}

_ASSUMPTIONS = {
    "convolution.count": "one array is the convolution unit of a core",
    "convolution.passes": "it knows 8 bits only",
    "tensor.count": "one ALU in a core",
    "tensor.lanes": "pooling and element-wise operators as parallel as depthwise convolution",
    "transfer.burst_bytes": "16 beats of 128 bits",
    "transfer.alignment": "a beat",
    "memory.bytes": "a bank for each pixel, 2048 deep, a word of all channels: UG1414 for B4096",
    "memory.banks": "8 for B4096 (UG1414), so one for each pixel",
    "memory.ports": "block RAM has two",
    "weight_buffer": "a bank for each output channel, as deep: the kernel must fit into one",
    "ddr.megabytes_per_second": "64 bits of DDR4 at 2400 MT/s, as boards of the family have",
    "ddr.latency_cycles": "about 200 ns through the processing system",
    "sync_cycles": "a signal between two engines",
}


def machine(size: str, pixels: int, parallel: int, cores: int) -> Machine:
    """A size with so many cores; each works on its own part of the program."""
    word = parallel * BANK_DEPTH
    return Machine(
        name=f"{size}-{cores}",
        summary=f"DPUCZDX8G-like {size.upper()}, {cores} {'core' if cores == 1 else 'cores'}",
        cores=cores,
        clock_mhz=300,
        convolution=ConvolutionEngine(
            count=1,
            array=MacArray(pixels=pixels, inputs=parallel, outputs=parallel),
            passes={8: 1},
        ),
        tensor=TensorEngine(
            count=1,
            lanes=pixels // 2 * parallel,
            depthwise=DepthwiseArray(pixels=pixels // 2, channels=parallel),
        ),
        transfer=TransferEngine(count=2, bytes_per_cycle=16, burst_bytes=256, alignment=16),
        memory=OnChipMemory(bytes=pixels * word, banks=pixels, ports=2),
        weight_buffer=OnChipMemory(bytes=parallel * word, banks=parallel, ports=2),
        ddr=Ddr(megabytes_per_second=19_200, latency_cycles=60),
        sync_cycles=32,
        sources=_SOURCES,
        assumptions=_ASSUMPTIONS,
    )
