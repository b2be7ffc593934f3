"""Lower bounds of programs on the models of NPUs, beside what vendors publish for theirs.

A comparison of models: nothing here was measured by us, and a bound is what no schedule can beat.
The first table holds the published figures: cycles that the compiler of AXERA predicts, frame rates
that Kneron simulates. The networks are made of shapes alone (`architectures.py`); a published time
below the bound would refute the model of the machine, and the script fails. The second table holds
every program that was given on every machine of the target that it was built for, else the networks
on all machines.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from architectures import ARCHITECTURES
from measure import show

from tc_target_dpu.facts import SPEC as DPU
from tc_target_kdp.facts import SPEC as KDP
from tc_target_npu.facts import SPEC as NPU
from toolchain.accelerator.bounds import ProgramBound, program_bound
from toolchain.accelerator.estimate import estimate_cycles
from toolchain.core.machine import Machine
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

MACHINES: Mapping[str, tuple[Machine, ...]] = MappingProxyType(
    {
        spec.name: tuple(machine for chip in spec.platforms for machine in chip.machines)
        for spec in (NPU, KDP, DPU)
    }
)

PUBLISHED_CYCLES: Mapping[tuple[str, str], int] = MappingProxyType(
    {("mobilenet_v2", "ax650-npu1"): 450_154, ("resnet18", "ax650-npu1"): 1_318_764}
)
"""`max_cycle` of pulsar2's compile log: of mobilenet_v2 for 280,262,480 MACs, and of a resnet18d,
whose stem is larger than that of our resnet18."""

PUBLISHED_FPS: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("mobilenet_v2", "kl520"): 54.2,
        ("mobilenet_v2", "kl720"): 683,
        ("mobilenet_v2", "kl530"): 342,
        ("mobilenet_v2", "kl630"): 219,
        ("mobilenet_v2", "kl730"): 812,
        ("resnet50", "kl520"): 6.9,
        ("resnet50", "kl720"): 54.9,
        ("resnet50", "kl530"): 36.8,
        ("resnet50", "kl630"): 22.9,
        ("resnet50", "kl730"): 79.0,
    }
)
"""Frames per second that Kneron's document centre gives, simulated by the vendor."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="targets' folders of finished builds")
    folders = parser.parse_args().folders
    refuted = _compare()
    bounds = _of_builds(folders) if folders else _of_networks()
    header = ("program", "machine", "MMACs", "compute", "transfer", "kB", "fps", "share", "host")
    rows = [_row(name, bound) for name, bound in bounds]
    show("Bounds: cycles of computing and of transfers, frames per second at most", header, rows)
    if refuted:
        raise SystemExit(f"published as faster than the bound: {', '.join(refuted)}")


def _compare() -> list[str]:
    """Print published figures beside bounds; the names of those that a bound contradicts."""
    machines = {machine.name: machine for known in MACHINES.values() for machine in known}
    rows: list[tuple[object, ...]] = []
    refuted: list[str] = []
    for network, name in (*PUBLISHED_CYCLES, *PUBLISHED_FPS):
        program = ARCHITECTURES[network]()
        bound = program_bound(program, machines[name])
        estimate = estimate_cycles(program, bound).cycles
        cycles = PUBLISHED_CYCLES.get((network, name))
        if cycles is None:
            cycles = round(machines[name].clock_mhz * 1e6 / PUBLISHED_FPS[network, name])
        if cycles < bound.cycles:
            refuted.append(f"{network} on {name}")
        ratio = cycles / bound.cycles
        figures = (bound.cycles, cycles, ratio, estimate, estimate / cycles)
        rows.append((network, name, f"{bound.macs / 1e6:.0f}", *figures))
    shares = [float(str(row[-1])) for row in rows]
    mean = math.exp(math.fsum(map(math.log, shares)) / len(shares))
    header = (
        "network", "machine", "MMACs", "bound", "published", "published/bound", "estimate",
        "estimate/published",
    )  # fmt: skip
    print(f"estimate/published: geometric mean {mean:.2f}, {min(shares):.2f} to {max(shares):.2f}")
    show("Cycles: our bound and our estimate beside the vendor's own model", header, rows)
    return refuted


def _of_networks() -> Iterator[tuple[str, ProgramBound]]:
    for name, make in ARCHITECTURES.items():
        yield from _on(name, make(), (m for known in MACHINES.values() for m in known))


def _of_builds(folders: Iterable[Path]) -> Iterator[tuple[str, ProgramBound]]:
    for folder in folders:
        stem = next(folder.glob("*.program.json")).name.removesuffix(".program.json")
        yield from _on(stem, load_program(folder, stem), MACHINES[folder.name])


def _on(
    name: str, program: Program, machines: Iterable[Machine]
) -> Iterator[tuple[str, ProgramBound]]:
    for machine in machines:
        yield name, program_bound(program, machine)


def _row(name: str, bound: ProgramBound) -> tuple[object, ...]:
    """One row; `share` is how much of all arrays the MACs would use in the time of the bound."""
    share = bound.macs / (bound.machine.macs_per_cycle * bound.cycles)
    return (
        name,
        bound.machine.name,
        f"{bound.macs / 1e6:.1f}",
        bound.compute_cycles,
        bound.transfer_cycles,
        f"{bound.transfer_bytes / 1000:.0f}",
        f"{1e6 / bound.latency_us:.0f}",
        f"{share:.0%}",
        len(bound.host),
    )


if __name__ == "__main__":
    main()
