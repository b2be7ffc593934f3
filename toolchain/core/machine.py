"""What a machine is made of: cores, engines, memories, links and times, each with its source.

A machine is one thing that a program is compiled for: a chip in one mode, or a number of cores.
All figures are integers, so that what is computed of them is exact. docs/machines.md says what
each is used for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MacArray:
    """What one convolution engine multiplies and adds in a cycle, on 8-bit operands.

    Attributes:
        pixels: Output positions at a time.
        inputs: Input channels at a time, of one position of the kernel.
        outputs: Output channels at a time.
    """

    pixels: int
    inputs: int
    outputs: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a cycle, all of the array in use."""
        return self.pixels * self.inputs * self.outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseArray:
    """What one engine computes in a cycle of a convolution with one input channel per group.

    Attributes:
        pixels: Output positions at a time.
        channels: Output channels at a time.
    """

    pixels: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvolutionEngine:
    """Convolutions and matrix products, requantized on their way out.

    Attributes:
        count: Engines of a core.
        array: What one of them computes in a cycle.
        passes: Bits of the wider operand to passes over the array; other widths it cannot do.
        depthwise: What it computes of depthwise convolutions; None: the tensor engine does.
    """

    count: int
    array: MacArray
    passes: Mapping[int, int]
    depthwise: DepthwiseArray | None = None

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "passes", MappingProxyType(dict(self.passes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEngine:
    """Everything that steps over elements: element-wise operators, pooling, reductions, tables.

    Attributes:
        count: Engines of a core.
        lanes: Steps on elements that one does in a cycle.
        depthwise: What it computes of depthwise convolutions; None: the convolution engine does.
    """

    count: int
    lanes: int
    depthwise: DepthwiseArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEngine:
    """Copies between DDR and on-chip memory.

    Attributes:
        count: Channels of a core that work side by side.
        bytes_per_cycle: Width of one.
        burst_bytes: Smallest piece at full bandwidth.
        alignment: Addresses and lengths are multiples of it, in bytes.
    """

    count: int
    bytes_per_cycle: int
    burst_bytes: int
    alignment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RearrangementEngine:
    """Moves elements within on-chip memory: transposition, padding.

    Attributes:
        count: Engines of a core.
        bytes_per_cycle: Width of one.
    """

    count: int
    bytes_per_cycle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChipMemory:
    """A memory on the chip.

    Attributes:
        bytes: Its size, all banks together.
        banks: Banks of equal size that are accessed independently of each other.
        ports: Accesses to one bank in a cycle.
    """

    bytes: int
    banks: int
    ports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ddr:
    """The memory outside, which all cores share.

    Attributes:
        megabytes_per_second: Peak bandwidth, in 10**6 bytes: bytes per microsecond.
        latency_cycles: From the request to the first byte, in cycles of the machine.
    """

    megabytes_per_second: int
    latency_cycles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interconnect:
    """The way between cores: transfer engines reach the memories of all of them.

    Attributes:
        bytes_per_cycle: What one transfer engine moves on it.
    """

    bytes_per_cycle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A model of a machine; no figure here was measured by us.

    Attributes:
        name: Unique among the machines of all platforms of a target.
        summary: One line.
        cores: Equal cores that work on one program.
        clock_mhz: Clock of cores and engines.
        convolution: Convolution engines of a core.
        tensor: Tensor engines of a core.
        transfer: Data movement of a core.
        rearrangement: Rearrangement engines of a core; None: the tensor engines rearrange.
        memory: On-chip memory of a core, for activations, and for weights without a buffer.
        weight_buffer: On-chip memory of a core for weights alone.
        shared_memory: On-chip memory that all cores reach.
        interconnect: The way between cores; None: they meet in the DDR only.
        ddr: The memory outside.
        sync_cycles: Cycles between the end of what an engine waits for and its own start.
        sources: Path of a figure, or of a record for all of its figures, to who published it.
        assumptions: The same for what nobody published: why we take it to be so.
    """

    name: str
    summary: str
    cores: int
    clock_mhz: int
    convolution: ConvolutionEngine
    tensor: TensorEngine
    transfer: TransferEngine
    memory: OnChipMemory
    ddr: Ddr
    sync_cycles: int
    rearrangement: RearrangementEngine | None = None
    weight_buffer: OnChipMemory | None = None
    shared_memory: OnChipMemory | None = None
    interconnect: Interconnect | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    assumptions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("sources", "assumptions"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def macs_per_cycle(self) -> int:
        """Multiply-accumulates of 8-bit operands in a cycle, all arrays of all cores in use."""
        return self.cores * self.convolution.count * self.convolution.array.macs


def figures(machine: Machine) -> Iterator[tuple[str, int]]:
    """Every figure of a machine with its path, as `convolution.array.pixels` or `passes[16]`."""
    for at in fields(machine):
        if at.name not in ("name", "summary", "sources", "assumptions"):
            yield from _figures(at.name, getattr(machine, at.name))


def _figures(path: str, value: Any) -> Iterator[tuple[str, int]]:
    if is_dataclass(value):
        for at in fields(value):
            yield from _figures(f"{path}.{at.name}", getattr(value, at.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _figures(f"{path}[{key}]", item)
    elif value is not None:
        yield path, value


def covers(entry: str, path: str) -> bool:
    """True if an entry of the sources or assumptions speaks of the figure at `path`."""
    return path == entry or path.startswith((f"{entry}.", f"{entry}["))
