"""The cost model of a chip from its machines: what builds and `tc estimate` ask for times."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.accelerator.bounds import Engine, compute_cycles, engine_of, transfer_cycles
from toolchain.accelerator.estimate import moved_bytes, operation_cycles
from toolchain.core.cost import Bound, OperationCost, OperationEstimate
from toolchain.core.machine import Machine
from toolchain.core.registry import CostModelDef
from toolchain.core.target import Platform, TargetSpec

_NOTES = (
    "a model of a machine, not a measurement",
    "one operation after the other",
    "constants cross the DDR once, activations only where they do not fit on the chip",
    "time of the CPU for float operations and conversions is left out",
)


def machine_cost_models(spec: TargetSpec) -> list[CostModelDef]:
    """A cost model of every chip of a target that has machines."""
    return [
        machine_cost_model(spec.name, platform) for platform in spec.platforms if platform.machines
    ]


def machine_cost_model(target: str, platform: Platform) -> CostModelDef:
    """What the machines of a chip take: for so many cores, the first one that has them.

    With a number of cores that none has, it is the last machine: the chip's largest mode.
    """
    machines = platform.machines

    def estimate(costs: Sequence[OperationCost], cores: int) -> tuple[OperationEstimate, ...]:
        fitting = (machine for machine in machines if machine.cores == cores)
        machine = next(fitting, machines[-1])
        return tuple(_estimate(cost, machine) for cost in costs)

    return CostModelDef(
        name=f"{target}-{platform.name}",
        summary=f"cycles of the model {machines[0].summary} of a machine",
        target=target,
        platforms=(platform.name,),
        function=estimate,
        sources=tuple(f"{path}: {source}" for path, source in machines[0].sources.items()),
        notes=_NOTES,
    )


def _estimate(cost: OperationCost, machine: Machine) -> OperationEstimate:
    """One operation: in microseconds of the machine's clock, 0 on the host."""
    if engine_of(cost, machine) is Engine.HOST:
        return OperationEstimate(name=cost.name, latency_us=0.0, bound=Bound.OVERHEAD)
    computing = compute_cycles(cost, machine)
    size = moved_bytes(cost, machine, compulsory=cost.weight_bytes)
    moving = transfer_cycles(size, machine)
    cycles = operation_cycles(cost, machine, compulsory=cost.weight_bytes)
    bound = Bound.COMPUTE if computing >= moving else Bound.MEMORY
    if cycles > 2 * max(computing, moving):
        bound = Bound.OVERHEAD
    return OperationEstimate(name=cost.name, latency_us=cycles / machine.clock_mhz, bound=bound)
