"""The regions of the DDR: where inputs, outputs, constants and what is stored in between lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.costs import stored_type
from toolchain.accelerator.compile.plan import Residence
from toolchain.accelerator.compile.tasks import Place
from toolchain.accelerator.isa.operands import Space
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.plan import Plan

_ALIGNMENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Where tensors and parameters lie in the DDR.

    Attributes:
        tensors: Inputs, outputs, and what is stored in between.
        constants: The region of constants, as a tensor of bytes.
        sizes: Bytes of every region that is used.
    """

    tensors: Mapping[str, Place]
    constants: Place
    sizes: Mapping[Space, int]


def regions_of(plan: Plan, costs: Costs, constants: int) -> Regions:
    """Tensors of each region behind each other, and so many bytes of constants."""
    program = costs.facts.program
    ports = {*program.inputs, *program.outputs}
    between = tuple(
        name
        for name, residence in plan.residence.items()
        if residence is Residence.DDR and name not in ports
    )
    tensors: dict[str, Place] = {}
    sizes: dict[Space, int] = {}
    for space, names in (
        (Space.INPUT, program.inputs),
        (Space.OUTPUT, program.outputs),
        (Space.WORK, between),
    ):
        end = 0
        for name in names:
            tensor = program.tensors[name]
            dtype = stored_type(tensor.dtype)
            order = costs.orders[name]
            tensors[name] = Place(
                space=space, offset=end, dtype=dtype, shape=tensor.shape, order=order
            )
            end += -(-prod(tensor.shape) * dtype.numpy.itemsize // _ALIGNMENT) * _ALIGNMENT
        sizes[space] = end
    if any(rule.parameters for rule in plan.steps):
        sizes[Space.CONSTANTS] = constants
    image = Place(
        space=Space.CONSTANTS, offset=0, dtype=DType.UINT8, shape=(constants,), order=(0,)
    )
    used = {space: size for space, size in sizes.items() if size}
    return Regions(tensors=tensors, constants=image, sizes=used)
