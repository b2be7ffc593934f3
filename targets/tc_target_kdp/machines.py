"""Models of the NPUs: published is their peak, and what their evaluator reports."""

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

_KIB = 1 << 10

_SOURCES = {
    "cores": "Kneron's document centre: one NPU",
    "transfer.count": "Kneron's evaluator: RDMA, WDMA and GETW are reported by themselves",
}

_ASSUMPTIONS = {
    "convolution.count": "one array holds all MACs",
    "convolution.passes": "one pass per 8 bits of the wider operand",
    "convolution.depthwise": "a depthwise convolution uses the diagonal of the channels",
    "tensor.count": "one unit: the evaluator reports PFUNC as one time",
    "tensor.lanes": "an element for each pair of pixel and output channel of the array",
    "transfer.bytes_per_cycle": "16 bytes, the width of a row of `1W16C8B`",
    "transfer.burst_bytes": "four rows of 16 bytes",
    "transfer.alignment": "csim aligns rows to 16",
    "memory.bytes": "room for the widest rows of 640 x 640 networks",
    "memory.banks": "one for each pixel of the array",
    "memory.ports": "a read and a write in a cycle",
    "ddr.latency_cycles": "about 200 ns through bus and controller",
    "sync_cycles": "a signal between two engines",
}


def _machine(
    chip: str, clock_mhz: int, array: MacArray, memory_kib: int, ddr: tuple[int, str], peak: str
) -> Machine:
    """The model of a chip; `ddr` is the bandwidth in MB/s and why, `peak` what it comes to."""
    return Machine(
        name=f"kl{chip}",
        summary=f"KL{chip}-like",
        cores=1,
        clock_mhz=clock_mhz,
        convolution=ConvolutionEngine(
            count=1,
            array=array,
            passes={8: 1, 16: 2},
            depthwise=DepthwiseArray(pixels=array.pixels, channels=array.outputs),
        ),
        tensor=TensorEngine(count=1, lanes=array.pixels * array.outputs),
        transfer=TransferEngine(count=3, bytes_per_cycle=16, burst_bytes=64, alignment=16),
        memory=OnChipMemory(bytes=memory_kib * _KIB, banks=array.pixels, ports=2),
        ddr=Ddr(megabytes_per_second=ddr[0], latency_cycles=clock_mhz // 5),
        sync_cycles=32,
        sources=_SOURCES,
        assumptions={
            **_ASSUMPTIONS,
            "clock_mhz": f"with the array it comes to {peak}",
            "convolution.array": f"16 channels as in `1W16C8B` or less; comes to {peak}",
            "ddr.megabytes_per_second": ddr[1],
        },
    )


MACHINES: dict[str, Machine] = {
    "730": _machine(
        "730",
        879,
        MacArray(pixels=8, inputs=16, outputs=16),
        1024,
        (12_800, "32 bits of LPDDR4 at 3200 MT/s"),
        "the 3.6 TOPS that are claimed",
    ),
    "630": _machine(
        "630",
        500,
        MacArray(pixels=8, inputs=8, outputs=8),
        512,
        (3_732, "16 bits of DDR3 at 1866 MT/s"),
        "the 0.5 TOPS that are claimed",
    ),
    "530": _machine(
        "530",
        500,
        MacArray(pixels=8, inputs=8, outputs=8),
        512,
        (6_400, "32 bits of LPDDR3 at 1600 MT/s"),
        "half of 1 TOPS on 4 bits, as KL630",
    ),
    "720": _machine(
        "720",
        700,
        MacArray(pixels=4, inputs=16, outputs=16),
        1024,
        (6_400, "32 bits of LPDDR3 at 1600 MT/s"),
        "the 1.4 TOPS that are claimed",
    ),
    "520": _machine(
        "520",
        300,
        MacArray(pixels=4, inputs=12, outputs=12),
        512,
        (4_264, "32 bits of LPDDR2 at 1066 MT/s"),
        "about 0.35 TOPS, six times what its published frame rates need",
    ),
}
"""The machine of every chip."""
