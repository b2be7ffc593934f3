"""Estimates of the cost model of SpacemiT's K1 beside the latencies that the vendor publishes.

The networks are those of the vendor's table, made of shapes alone (`architectures.py`); programs
that `tc build --target riscv` wrote can be given as further rows. The first table holds the bound
of the published peak rates and the estimate against the published latency. The second fits the
model's four calibrated figures anew: on everything, which must come to what the model holds, and
on all networks but one, to say how far it is off on a network that it was not fitted on.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from architectures import ARCHITECTURES
from measure import show
from numpy.typing import NDArray

from tc_target_riscv.cost import CALIBRATED, PEAK, Utilisation, estimate
from toolchain.core.cost import OperationCost
from toolchain.program.cost import program_costs
from toolchain.program.serialize import load_program

PUBLISHED: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "resnet18": (40.68, 22.15, 12.99),
        "resnet50": (95.36, 52.89, 32.29),
        "mobilenet_v1": (28.99, 15.17, 9.14),
        "mobilenet_v2": (28.83, 17.86, 11.81),
        "efficientnet_b0": (80.8, 46.1, 29.9),
    }
)
"""Milliseconds on `CORES` cores: int8, 224 x 224, spacemit-ort 2.0.6 (SpacemiT's docs-ai)."""

CORES = (1, 2, 4)

Costs = Sequence[OperationCost]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="targets' folders of finished builds")
    networks = {name: program_costs(make()) for name, make in ARCHITECTURES.items()}
    given = {_name(path): _costs(path) for path in parser.parse_args().folders}
    _compare(networks, given)
    _refit(networks)


def _name(folder: Path) -> str:
    return f"{_stem(folder)} (built)"


def _stem(folder: Path) -> str:
    return next(folder.glob("*.program.json")).name.removesuffix(".program.json")


def _costs(folder: Path) -> Costs:
    return program_costs(load_program(folder, _stem(folder)))


def _compare(networks: Mapping[str, Costs], given: Mapping[str, Costs]) -> None:
    rows: list[tuple[object, ...]] = []
    for name, costs in (*networks.items(), *given.items()):
        published = next((ms for known, ms in PUBLISHED.items() if name.startswith(known)), None)
        for index, cores in enumerate(CORES):
            bound, estimated = (_latency_ms(costs, cores, each) for each in (PEAK, CALIBRATED))
            ms = None if published is None else published[index]
            ratios = ("", "", "") if ms is None else (ms, bound / ms, estimated / ms)
            rows.append((name, cores, bound, estimated, *ratios))
    header = ("network", "cores", "bound ms", "estimate ms", "published ms", "bound/p.", "est./p.")
    show("K1: estimated, not measured by us", header, rows)
    residuals = _residuals(networks, CALIBRATED)
    print(
        f"\nestimate over published: geometric mean {math.exp(residuals.mean()):.3f}, "
        f"from {math.exp(residuals.min()):.2f} to {math.exp(residuals.max()):.2f}"
    )


def _refit(networks: Mapping[str, Costs]) -> None:
    rows = [_fitted(networks, networks, "nothing")]
    for left_out in networks:
        kept = {name: costs for name, costs in networks.items() if name != left_out}
        rows.append(_fitted(kept, {left_out: networks[left_out]}, left_out))
    header = ("left out", "matrix", "vector", "steps", "overhead us", "est./p. of what is left out")
    show("The fit, least squares of log(estimate / published)", header, rows)


def _fitted(
    fitted_on: Mapping[str, Costs], tried_on: Mapping[str, Costs], label: str
) -> tuple[object, ...]:
    found = fit(fitted_on)
    ratios = np.exp(_residuals(tried_on, found))
    span = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    shares = (found.matrix, found.vector, found.steps)
    return (label, *(f"{share:.3f}" for share in shares), f"{found.overhead_us:.0f}", span)


def fit(networks: Mapping[str, Costs]) -> Utilisation:
    """Gauss-Newton on the logarithms of all four figures, steps halved while they make it worse."""
    point = np.log([0.3, 0.1, 0.05, 50.0])
    residuals = _at(networks, point)
    for _ in range(40):
        slopes = [(_at(networks, point + move) - residuals) / 1e-4 for move in np.eye(4) * 1e-4]
        step = np.linalg.lstsq(np.stack(slopes, axis=1), -residuals, rcond=None)[0]
        while np.abs(step).max() > 1e-6:
            there = _at(networks, point + step)
            if there @ there < residuals @ residuals:
                break
            step = step / 2
        else:
            break
        point, residuals = point + step, there
    return _utilisation(point)


def _at(networks: Mapping[str, Costs], point: NDArray[np.float64]) -> NDArray[np.float64]:
    return _residuals(networks, _utilisation(point))


def _utilisation(point: NDArray[np.float64]) -> Utilisation:
    matrix, vector, steps, overhead_us = np.exp(point).tolist()
    return Utilisation(matrix=matrix, vector=vector, steps=steps, overhead_us=overhead_us)


def _residuals(networks: Mapping[str, Costs], reached: Utilisation) -> NDArray[np.float64]:
    """Logarithms of estimate over published, for every network and number of cores."""
    return np.log(
        [
            _latency_ms(costs, cores, reached) / PUBLISHED[name][index]
            for name, costs in networks.items()
            for index, cores in enumerate(CORES)
        ]
    )


def _latency_ms(costs: Costs, cores: int, reached: Utilisation) -> float:
    return math.fsum(each.latency_us for each in estimate(costs, cores, reached)) / 1000


if __name__ == "__main__":
    main()
