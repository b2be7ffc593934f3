"""Compiled models on simulated machines against the reference interpreter, bit for bit.

The container that `tc build` writes is read back and executed on real samples. One sample: every
tensor that the code shows is compared; batches: the outputs, with those of the samples one by one.
The simulator verifies all code before it executes any. The smaller models run on every machine,
the others on one chip of every family, on one core and on the most. Ends with 1 where a bit
differs, something fails, or a machine does fewer of the MACs than it has to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from machines import (
    CHIPS,
    MACHINES,
    MODELS,
    Chip,
    Compiled,
    chip_subject,
    chips_with,
    compiled_for,
    in_processes,
    parser_for_machines,
)
from measure import show

from toolchain.accelerator.container.records import Container, HostSegment
from toolchain.accelerator.runtime import Runtime
from toolchain.core.dtypes import Array
from toolchain.errors import ToolchainError
from toolchain.program.cost import cost_report
from toolchain.program.interpreter import Interpreter

EVERYWHERE = ("quickstart", "kws_dscnn", "cifar10_resnet20")
"""Models that run on every machine."""
FAMILIES = ("ax650-npu1", "ax650-npu3", "kl730", "b4096-1", "b4096-4")
"""Machines of the other models."""
NO_CNN = "mobilevit"
BATCHES, FEWER = (1, 2, 4), (1, 2)
_OF_NPU = frozenset(name for chip in CHIPS if chip.target == "npu" for name in chip.machines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A compiled model beside the reference.

    Attributes:
        model: Its name.
        machine: Name of the machine.
        least: Part of the MACs that the machine has to do.
        different: What differs, or failed; in the latter case the rest is not known.
        segments: Segments of the machine and of the CPU.
        layers: Tensors that were compared of one sample.
        written: Tensors that the program's operations write.
        share: Part of the MACs that the machine does.
        batches: Batches whose outputs were compared.
    """

    model: str
    machine: str
    least: float
    different: tuple[str, ...]
    segments: str = ""
    layers: int = 0
    written: int = 0
    share: float = 0.0
    batches: tuple[int, ...] = ()

    @property
    def said(self) -> str:
        """The last column of the table."""
        if self.different:
            return "DIFFERENT"
        return "equal" if self.share >= self.least else f"MISSED (MACs >= {self.least:.0%})"


def main() -> None:
    """Compare every model on its machines, and print one table and every difference below it."""
    parser = parser_for_machines(__doc__)
    given = parser.parse_args()
    jobs = []
    for model in given.models:
        names = given.machines or (tuple(MACHINES) if model in EVERYWHERE else FAMILIES)
        batches = BATCHES if model in EVERYWHERE else FEWER
        jobs += [(model, chip, batches) for chip in chips_with(names)]
    found: list[Verdict] = []
    for verdict in in_processes(judged, jobs, given.processes):
        found.append(verdict)
        print(*_row(verdict), *verdict.different, sep="  ", flush=True)
    names = list(MACHINES)
    order = {model: number for number, model in enumerate((*EVERYWHERE, *MODELS))}
    found.sort(key=lambda each: (order.get(each.model, 0), names.index(each.machine)))
    header = ("model", "machine", "segments", "tensors", "batches", "MACs", "verdict")
    show("Machines and the reference", header, [_row(each) for each in found])
    bad = [each for each in found if each.said != "equal"]
    for each in bad:
        print(f"{each.model} {each.machine}: {each.said}", *each.different, sep="\n  ")
    raise SystemExit(1 if bad else 0)


def _row(verdict: Verdict) -> Sequence[object]:
    return (
        verdict.model,
        verdict.machine,
        verdict.segments,
        f"{verdict.layers} of {verdict.written}",
        ", ".join(map(str, verdict.batches)),
        f"{verdict.share:.1%}",
        verdict.said,
    )


def judged(model: str, chip: Chip, batches: Sequence[int]) -> list[Verdict]:
    """A model on all machines of a chip."""
    found = []
    with chip_subject(model, chip, batches) as of:
        for machine in chip.machines:
            least = least_share(model, machine)
            try:
                found.append(_judged(model, compiled_for(of, machine), least))
            except ToolchainError as error:
                first, *others = error.problems
                what = f"{first.message}: {first.where}, {first.got}"
                said = (f"{what}, and {len(others)} others" if others else what,)
                found.append(Verdict(model=model, machine=machine, least=least, different=said))
    return found


def _judged(model: str, of: Compiled, least: float) -> Verdict:
    reference = Interpreter(of.program, threads=1)
    runtime = Runtime(of.container, of.machine)
    different: list[str] = []
    feeds = of.samples.batch(0)
    seen = runtime.trace(feeds)
    layers = [name for name in of.program.written if name in seen]
    different += _unlike("one sample", seen, reference.run(feeds, layers), layers)
    for batch in runtime.batches:
        outputs = runtime.run(of.samples.batch(0, batch))
        single = [reference.run(of.samples.batch(number)) for number in range(batch)]
        expected = {
            name: np.concatenate([np.atleast_1d(each[name]) for each in single])
            for name in of.program.outputs
        }
        different += _unlike(f"batch {batch}", outputs, expected, of.program.outputs)
    return Verdict(
        model=model,
        machine=of.machine.name,
        segments=_segments(of.container),
        layers=len(layers),
        written=len(of.program.written),
        share=share_of_macs(of),
        least=least,
        batches=runtime.batches,
        different=tuple(different),
    )


def _unlike(
    run: str, found: Mapping[str, Array], expected: Mapping[str, Array], names: Sequence[str]
) -> list[str]:
    """The first tensor that differs, and how many do."""
    wrong = [name for name in names if not _same(found[name], expected[name])]
    return [f"{run}: {len(wrong)} tensors, the first {wrong[0]}"] if wrong else []


def _same(found: Array, expected: Array) -> bool:
    """Bit for bit: the same type and shape, and the same bytes."""
    alike = (found.dtype, found.shape) == (expected.dtype, expected.shape)
    return alike and found.tobytes() == expected.tobytes()


def _segments(container: Container) -> str:
    first = container.variants[0].segments
    host = sum(isinstance(segment, HostSegment) for segment in first)
    return f"{len(first) - host} + {host}"


def share_of_macs(of: Compiled) -> float:
    """Part of the program's MACs that is not left to the CPU, for one sample."""
    (single,) = [each for each in of.container.variants if each.batch == 1]
    host = sum(
        cost_report(segment.program).macs
        for segment in single.segments
        if isinstance(segment, HostSegment)
    )
    return 1 - host / cost_report(of.program).macs


def least_share(model: str, machine: str) -> float:
    """What part of the MACs a machine has to do."""
    if machine == "kl730" or machine.startswith("b4096"):
        return 0.0 if model == NO_CNN else 0.95
    return 1.0 if machine in _OF_NPU else 0.0


if __name__ == "__main__":
    main()
