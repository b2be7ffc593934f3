"""Operations of programs computed in random parts, as machines compute them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise, product

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.costs import parameter_view, stored_type
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.rules.base import Facts, Operands, Rule
from toolchain.accelerator.compile.rules.steps import steps_of
from toolchain.accelerator.compile.views import Order, Patch, place
from toolchain.accelerator.isa.instruction_rules import instruction_findings
from toolchain.accelerator.isa.operands import Engine, Space, View
from toolchain.accelerator.simulator.execute import ENGINES
from toolchain.core.dtypes import Array
from toolchain.program.records import Program

_MOST_PARTS = 12


def run_in_parts(program: Program, feeds: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """Every tensor that is made of a program that a machine can do, each in random parts.

    Raises:
        AssertionError: An instruction of a part breaks a rule of the instruction set.
    """
    facts = Facts(program=program, depthwise=Engine.TENSOR, moving=Engine.TENSOR)
    rng = np.random.default_rng(seed)
    layout = orders(program)
    found = dict(feeds)
    for rule in steps_of(facts, layout):
        tensor = program.tensors[rule.output]
        result = np.zeros(tensor.shape, tensor.dtype.numpy)
        for box in _parts(rule, tensor.shape, rng):
            result[_slices(box)] = _Bench(layout).computed(rule, box, found)
        found[rule.output] = result
    return {name: array for name, array in found.items() if name not in feeds}


def _parts(rule: Rule, shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[Box]:
    """Parts of a result that are one box each and together all of it."""
    ranges = [[(0, extent)] for extent in shape]
    count = 1
    for axis in rng.permutation(list(rule.cuts)):
        steps = np.arange(rule.cuts[axis], shape[axis], rule.cuts[axis])
        most = min(len(steps), 2, _MOST_PARTS // count - 1)
        at = sorted(rng.choice(steps, most, replace=False)) if most > 0 else []
        ranges[axis] = list(pairwise((0, *map(int, at), shape[axis])))
        count *= len(ranges[axis])
    return product(*ranges)


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in box)


class _Bench:
    """A memory in which everything lies behind each other."""

    def __init__(self, layout: Mapping[str, Order]) -> None:
        self._layout = layout
        self._memory = np.zeros(0, np.uint8)

    def computed(self, rule: Rule, box: Box, values: Mapping[str, Array]) -> Array:
        """A part of a result."""
        sources: list[Patch | None] = []
        for name, need in zip(rule.inputs, rule.needs(box), strict=True):
            if need is None:
                sources.append(None)
                continue
            patch = self._placed(rule, name, need)
            self._elements(patch.view)[...] = values[name][_slices(need)]
            sources.append(patch)
        parameters = {}
        for parameter in rule.parameters:
            rows = parameter.rows(box)
            offset = self._reserve(parameter.array.nbytes)
            view = parameter_view(parameter.array, Space.MEMORY, 0, offset, rows)
            self._elements(view)[...] = parameter.array[rows[0] : rows[1]]
            parameters[parameter.role] = view
        target = self._placed(rule, rule.output, box).view
        at = Operands(box=box, target=target, sources=sources, parameters=parameters)
        for instruction in rule.instructions(at):
            for finding in instruction_findings(instruction):
                raise AssertionError(f"{instruction}: {finding}")
            result = ENGINES[type(instruction)](instruction, self._elements)
            self._elements(instruction.target)[...] = result
        return self._elements(target)

    def _placed(self, rule: Rule, name: str, box: Box) -> Patch:
        dtype = stored_type(rule.facts.dtype(name))
        size = int(np.prod([stop - start for start, stop in box])) * dtype.numpy.itemsize
        return place(
            space=Space.MEMORY,
            core=0,
            offset=self._reserve(size),
            dtype=dtype,
            box=box,
            order=self._layout[name],
        )

    def _reserve(self, size: int) -> int:
        offset = len(self._memory)
        self._memory = np.concatenate([self._memory, np.zeros(-(-size // 8) * 8, np.uint8)])
        return offset

    def _elements(self, view: View) -> Array:
        return np.ndarray(
            view.shape, view.dtype.numpy, self._memory.data, view.offset, view.strides
        )
