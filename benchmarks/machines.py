"""Models compiled for machines by `tc build`, one process for every chip and model.

Every process has a single BLAS thread: the processes take all cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from native import compiled
from subject import Subject, subject

from tc_target_dpu.facts import SPEC as DPU
from tc_target_kdp.facts import SPEC as KDP
from tc_target_npu.facts import SPEC as NPU
from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX, Container
from toolchain.core.machine import Machine
from toolchain.core.samples import SampleStore
from toolchain.program.records import Program

CONFIGS = Path(__file__).parent.parent / "configs"
MODELS = (
    "kws_dscnn",
    "cifar10_resnet20",
    "vww",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "fastestdet",
    "mobilevit",
)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip of a target with some of its machines.

    Attributes:
        target: Name of the target.
        platform: Name of the chip.
        machines: Names of those that are asked for.
    """

    target: str
    platform: str
    machines: tuple[str, ...]


CHIPS: tuple[Chip, ...] = tuple(
    Chip(
        target=spec.name,
        platform=platform.name,
        machines=tuple(machine.name for machine in platform.machines),
    )
    for spec in (NPU, KDP, DPU)
    for platform in spec.platforms
)
MACHINES: Mapping[str, Machine] = MappingProxyType(
    {
        machine.name: machine
        for spec in (NPU, KDP, DPU)
        for platform in spec.platforms
        for machine in platform.machines
    }
)

_CORES: Mapping[str, Callable[[str], tuple[str, object]]] = MappingProxyType(
    {
        "npu": lambda name: ("target.npu.options.npu_mode", name.rpartition("-")[2].upper()),
        "dpu": lambda name: ("target.dpu.options.cores", int(name.rpartition("-")[2])),
    }
)
"""The setting that chooses a machine of a chip, for targets that have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a build published for a machine.

    Attributes:
        machine: The machine.
        program: The integer program.
        container: The compiled model.
        path: Its file.
        samples: Preprocessed samples of the model.
    """

    machine: Machine
    program: Program
    container: Container
    path: Path
    samples: SampleStore


def parser_for_machines(purpose: str | None, *models: str) -> argparse.ArgumentParser:
    """Parser of what restricts a script to some models and machines."""
    parser = argparse.ArgumentParser(
        description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models",
        nargs="+",
        default=models or MODELS,
        help="configs in configs/ (default: %(default)s)",
    )
    parser.add_argument(
        "--machines", nargs="+", choices=MACHINES, metavar="MACHINE", help="default: all"
    )
    parser.add_argument(
        "--processes", type=int, default=len(os.sched_getaffinity(0)), help="(%(default)s)"
    )
    return parser


def chips_with(names: Sequence[str]) -> list[Chip]:
    """The chips that have machines of these names, with those only."""
    chips = []
    for chip in CHIPS:
        machines = tuple(name for name in chip.machines if name in names)
        if machines:
            chips.append(replace(chip, machines=machines))
    return chips


def in_processes(
    work: Callable[..., Sequence[Found]], jobs: Iterable[tuple[object, ...]], processes: int
) -> Iterator[Found]:
    """All that `work` finds, called with the arguments in every job, as soon as it is known."""
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    # Fresh processes: a BLAS that was loaded already does not read the variables again.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for done in as_completed([pool.submit(work, *job) for job in jobs]):
            yield from done.result()


@contextmanager
def chip_subject(model: str, chip: Chip, batches: Sequence[int]) -> Iterator[Subject]:
    """A model for a chip, with few samples and without C; its folder is gone afterwards."""
    settings = {
        f"target.{chip.target}.platform": chip.platform,
        "calibration.samples": 16,
        "compile.sources": False,
        "compile.static_batch_sizes": list(batches),
    }
    with tempfile.TemporaryDirectory() as folder:
        yield subject(CONFIGS / f"{model}.toml", Path(folder), chip.target, settings)


def compiled_for(of: Subject, machine: str) -> Compiled:
    """What `tc build` makes of a model for a machine of the subject's chip."""
    choice = [_CORES[of.target](machine)] if of.target in _CORES else []
    chosen = replace(of, settings={**of.settings, **dict(choice)})
    _, samples = chosen.prepare()
    built = compiled(chosen)
    path = built.folder / f"{built.name}{SUFFIX}"
    container = read_container(path)
    if container.machine != machine:
        raise AssertionError(f"built for {container.machine}, not {machine}")
    return Compiled(
        machine=MACHINES[machine],
        program=built.program,
        container=container,
        path=path,
        samples=samples,
    )
