"""Cycles of compiled models on the models of machines, beside what no schedule can beat.

The bound of a model is that of its machine segments, one after the other: the larger of computing
and of compulsory transfers each (docs/machines.md). Three tables: every model on every machine;
how much quicker several cores are, against how much quicker the bound is; and our cycles beside
those that vendors publish. The last one compares models of machines: no silicon was measured. Ends
with 1 where a limit is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from architectures import ARCHITECTURES
from machines import (
    CHIPS,
    MACHINES,
    MODELS,
    Chip,
    chip_subject,
    chips_with,
    compiled_for,
    in_processes,
    parser_for_machines,
)
from measure import show
from npu_bounds import PUBLISHED_CYCLES, PUBLISHED_FPS

from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.accelerator.compile.rules import unsupported
from toolchain.accelerator.container.records import Container, MachineSegment
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.partition import PartKind, partition
from toolchain.core.machine import Machine
from toolchain.program.records import Program

JUDGED = ("cifar10_resnet20", "mobilenet_v2")
ONE_CORE = "ax650-npu1"
SEVERAL_CORES = ("ax650-npu2", "ax650-npu3")
MOST, LEAST = 1.25, 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Makespan:
    """How long a compiled model takes for one sample.

    Attributes:
        model: Its name.
        machine: Name of the machine.
        cycles: Of all machine segments, by the cycle model.
        compute: Fewest cycles of computing, summed over the segments.
        transfer: Fewest cycles of transfers, alike.
        bound: The larger of both in every segment.
        macs: Multiply-accumulates on the machine.
    """

    model: str
    machine: str
    cycles: int
    compute: int
    transfer: int
    bound: int
    macs: int

    @property
    def ratio(self) -> float:
        """Cycles over the bound."""
        return self.cycles / self.bound


def main() -> None:
    """Time every model on every machine, and print three tables."""
    parser = parser_for_machines(__doc__)
    parser.add_argument("--no-published", action="store_true", help="leave the last table out")
    given = parser.parse_args()
    chips = chips_with(given.machines or tuple(MACHINES))
    jobs = [(model, chip, (1,)) for model in given.models for chip in chips]
    found = []
    for one in in_processes(timed, jobs, given.processes):
        found.append(one)
        print(one.model, one.machine, f"{one.ratio:.3f}", sep="  ", flush=True)
    order, names = (*given.models, *MODELS), list(MACHINES)
    found.sort(key=lambda each: (order.index(each.model), names.index(each.machine)))
    header: Sequence[str] = ("MMACs", "compute", "transfer", "cycles", "cycles/bound", "verdict")
    show("One sample, in cycles", ("model", "machine", *header), [_row(each) for each in found])
    scales = [_scale_row(one, several) for one, several in scaled(found)]
    header = ("quicker", "the bound is", "share", "verdict")
    show("Several cores against one", ("model", "machine", *header), scales)
    if not given.no_published:
        _show_published(given.processes)
    rows = [*map(_row, found), *scales]
    missed = [row for row in rows if str(row[-1]).startswith("MISSED")]
    for row in missed:
        print(*row[:2], row[-1], sep="  ")
    raise SystemExit(1 if missed else 0)


def timed(model: str, chip: Chip, batches: Sequence[int]) -> list[Makespan]:
    """A model on all machines of a chip."""
    with chip_subject(model, chip, batches) as of:
        found = [compiled_for(of, machine) for machine in chip.machines]
    return [makespan(model, each.program, each.container, each.machine) for each in found]


def makespan(model: str, program: Program, container: Container, machine: Machine) -> Makespan:
    """Cycles and bounds of the container's variant for one sample of the `program`."""
    (single,) = [each for each in container.variants if each.batch == 1]
    segments = [each for each in single.segments if isinstance(each, MachineSegment)]
    parts = partition(program, lambda op, of: unsupported(op, of, machine))
    bounds = [
        program_bound(part.program, machine) for part in parts if part.kind is PartKind.MACHINE
    ]
    if len(bounds) != len(segments):
        raise AssertionError(f"{len(segments)} segments of {len(bounds)} parts")
    return Makespan(
        model=model,
        machine=machine.name,
        cycles=sum(timeline(segment.code, machine).cycles for segment in segments),
        compute=sum(bound.compute_cycles for bound in bounds),
        transfer=sum(bound.transfer_cycles for bound in bounds),
        bound=sum(bound.cycles for bound in bounds),
        macs=sum(bound.macs for bound in bounds),
    )


def _row(one: Makespan) -> Sequence[object]:
    said = ""
    if one.machine == ONE_CORE and one.model in JUDGED:
        said = f"{'ok' if one.ratio <= MOST else 'MISSED'} (<= {MOST:g})"
    macs = f"{one.macs / 1e6:.1f}"
    return (one.model, one.machine, macs, one.compute, one.transfer, one.cycles, one.ratio, said)


def scaled(found: Sequence[Makespan]) -> Iterator[tuple[Makespan, Makespan]]:
    """One core of a chip, and every larger number of its cores, for each model."""
    by_name = {(each.model, each.machine): each for each in found}
    for chip in CHIPS:
        first, *others = sorted((MACHINES[name] for name in chip.machines), key=attrgetter("cores"))
        for model in dict.fromkeys(each.model for each in found):
            one = by_name.get((model, first.name))
            for machine in others:
                several = by_name.get((model, machine.name))
                if one is not None and several is not None and machine.cores > first.cores:
                    yield one, several


def share_of_scaling(one: Makespan, several: Makespan) -> float:
    """How much quicker several cores are, over how much quicker the bound is on them."""
    return (one.cycles / several.cycles) / (one.bound / several.bound)


def _scale_row(one: Makespan, several: Makespan) -> Sequence[object]:
    share = share_of_scaling(one, several)
    said = ""
    if several.machine in SEVERAL_CORES and several.model in JUDGED:
        said = f"{'ok' if share >= LEAST else 'MISSED'} (>= {LEAST:.0%})"
    quicker, allowed = one.cycles / several.cycles, one.bound / several.bound
    return (several.model, several.machine, quicker, allowed, f"{share:.1%}", said)


def _show_published(processes: int) -> None:
    """Our cycles of the vendors' networks, made of their shapes, beside the published ones."""
    pairs = (*PUBLISHED_CYCLES, *PUBLISHED_FPS)
    found = {(each.model, each.machine): each for each in in_processes(of_shapes, pairs, processes)}
    rows = []
    for network, name in pairs:
        ours = found[network, name]
        published = PUBLISHED_CYCLES.get((network, name))
        if published is None:
            published = round(MACHINES[name].clock_mhz * 1e6 / PUBLISHED_FPS[network, name])
        macs = f"{ours.macs / 1e6:.0f}"
        row = (network, name, macs, ours.bound, ours.cycles, published, ours.cycles / published)
        rows.append(row)
    header = ("network", "machine", "MMACs", "bound", "ours", "published", "ours/published")
    show("A comparison of models of machines, not of silicon: cycles", header, rows)


def of_shapes(network: str, name: str) -> list[Makespan]:
    """A network without trained weights on the machine of that name."""
    machine, program = MACHINES[name], ARCHITECTURES[network]()
    container = compile_model([program], machine, name=network, batches=Batches())
    return [makespan(network, program, container, machine)]


if __name__ == "__main__":
    main()
