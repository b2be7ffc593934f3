"""The target's own options, and what they change in its facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Le

from toolchain.api import TargetSpec
from toolchain.core.options.doc import Doc


@dataclass(frozen=True, slots=True, kw_only=True)
class DpuOptions:
    """Options of `[target.dpu.options]`."""

    cores: Annotated[
        int, Ge(1), Le(4), Doc("Cores that the hardware was built with; each runs a model.")
    ] = 1


def configure(spec: TargetSpec, options: DpuOptions) -> TargetSpec:
    """The facts of a size with so many cores."""
    (size,) = spec.platforms
    machines = tuple(machine for machine in size.machines if machine.cores == options.cores)
    return replace(spec, platforms=(replace(size, cores=options.cores, machines=machines),))
