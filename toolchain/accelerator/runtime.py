"""Executes a compiled model: the machine's segments simulated, those of the CPU interpreted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from toolchain.accelerator.batches import composed
from toolchain.accelerator.container.flow import Layout, input_layouts, read_port, write_port
from toolchain.accelerator.container.records import (
    Container,
    HostSegment,
    MachineSegment,
    Segment,
    Variant,
)
from toolchain.accelerator.isa.operands import Space
from toolchain.accelerator.simulator.execute import Simulator
from toolchain.errors import Code, CompileError, ConfigError, DataError, InternalError, Problem
from toolchain.program.interpreter import Interpreter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.accelerator.isa.code import Probe
    from toolchain.core.dtypes import Array
    from toolchain.core.machine import Machine


class Runtime:
    """A compiled model for one group of input shapes, ready to execute in any batch."""

    def __init__(self, container: Container, machine: Machine, group: int = 0) -> None:
        """Choose the variants of a group; they are prepared when they are first needed.

        Raises:
            CompileError: The model was compiled for another machine.
            ConfigError: It has no such group.
        """
        if container.machine != machine.name:
            raise CompileError(
                Code.PACKAGE_INVALID,
                "The model was compiled for another machine",
                where=container.name,
                got=machine.name,
                allowed=container.machine,
            )
        self._variants = {each.batch: each for each in container.variants if each.group == group}
        if not self._variants:
            groups = sorted({each.group for each in container.variants})
            raise ConfigError(
                Code.BAD_VALUE,
                "The model has no such group of input shapes",
                where=container.name,
                got=group,
                allowed=", ".join(str(each) for each in groups),
            )
        self._constants = container.constants
        self._machine = machine
        self._ready: dict[int, tuple[_Executor, ...]] = {}

    @property
    def batches(self) -> tuple[int, ...]:
        """Batches that the group was compiled for, rising."""
        return tuple(sorted(self._variants))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of one or more samples, which are executed in as large batches as possible.

        Args:
            feeds: Every input of the program; samples one after the other along the first axis.

        Returns:
            The program's outputs, samples one after the other in the same way.

        Raises:
            DataError: Feeds are missing, unknown, or do not fit; or no sum of batches is their
                number of samples.
        """
        samples = self._samples(feeds)
        results = []
        begin = 0
        for batch in composed(samples, self.batches):
            end = begin + batch
            part = {name: _rows(feeds[name], begin, end, samples) for name in feeds}
            values = self._execute(batch, part, layers=False)
            results.append({name: values[name] for name in self._variants[batch].outputs})
            begin = end
        if len(results) == 1:
            return results[0]
        return {
            name: np.concatenate([np.atleast_1d(each[name]) for each in results])
            for name in results[0]
        }

    def trace(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The same with every tensor that the code has probes for, and all of the CPU's.

        Raises:
            DataError: As of `run`, or the number of samples is none of the batches, since tensors
                inside need not have samples along their first axis.
            InternalError: Probes of a tensor leave out some of its elements.
        """
        samples = self._samples(feeds)
        if samples not in self._variants:
            raise DataError(
                Code.DATA_SHAPE,
                "Layers are seen in one batch only",
                got=samples,
                allowed=", ".join(str(batch) for batch in self.batches),
            )
        return self._execute(samples, feeds, layers=True)

    def _execute(self, batch: int, feeds: Mapping[str, Array], *, layers: bool) -> dict[str, Array]:
        if batch not in self._ready:
            segments = self._variants[batch].segments
            self._ready[batch] = tuple(self._prepare(segment) for segment in segments)
        values = dict(feeds)
        for executor in self._ready[batch]:
            values.update(executor.run(values, layers=layers))
        return values

    def _prepare(self, segment: Segment) -> _Executor:
        if isinstance(segment, MachineSegment):
            return _OnMachine(segment, self._machine, self._constants)
        return _OnHost(segment)

    def _samples(self, feeds: Mapping[str, Array]) -> int:
        """Number of samples that the feeds have, all of them equally many."""
        batch = self.batches[0]
        variant = self._variants[batch]
        problems = list(_name_problems(variant, feeds))
        if problems:
            raise DataError.of(problems)
        counts: dict[str, int] = {}
        for name, layout in input_layouts(variant).items():
            found = _count(feeds[name], layout, batch)
            if found is None:
                problems.append(_misfit(name, feeds[name], layout, batch))
            else:
                counts[name] = found
        if not problems and len(set(counts.values())) > 1:
            message = "The inputs have different numbers of samples"
            problems.append(_problem(Code.DATA_MISMATCH, message, ", ".join(counts), counts))
        if problems:
            raise DataError.of(problems)
        return next(iter(counts.values()), 1)


def _name_problems(variant: Variant, feeds: Mapping[str, Array]) -> Iterator[Problem]:
    for name in sorted(set(feeds) - set(variant.inputs)):
        yield _problem(Code.DATA_MISMATCH, "The model has no such input", name)
    for name in variant.inputs:
        if name not in feeds:
            yield _problem(Code.DATA_MISMATCH, "An input is missing", name)


def _count(array: Array, layout: Layout, batch: int) -> int | None:
    """Samples of a feed, where `batch` of them have the `layout`; None if it does not fit."""
    if array.dtype != layout.dtype or array.shape[1:] != layout.shape[1:]:
        return None
    if not layout.shape:
        return batch if not array.shape else None
    rows = layout.shape[0] // batch
    if not array.shape or array.shape[0] % rows or not array.shape[0]:
        return None
    return int(array.shape[0]) // rows


def _misfit(name: str, array: Array, layout: Layout, batch: int) -> Problem:
    wrong_type = array.dtype != layout.dtype
    return _problem(
        Code.DATA_DTYPE if wrong_type else Code.DATA_SHAPE,
        f"An input has the wrong {'type' if wrong_type else 'shape'}",
        name,
        array.dtype if wrong_type else array.shape,
        f"{layout} for {batch} {'sample' if batch == 1 else 'samples'}",
    )


def _problem(
    code: Code, message: str, where: str, got: object = None, allowed: str | None = None
) -> Problem:
    text = None if got is None else str(got)
    return Problem(code=code, message=message, where=where, got=text, allowed=allowed)


def _rows(array: Array, begin: int, end: int, samples: int) -> Array:
    """Samples [begin, end) of `samples` in an array."""
    if not array.shape:
        return array
    rows = array.shape[0] // samples
    return array[begin * rows : end * rows]


class _Executor(Protocol):
    """A segment, ready to execute."""

    def run(self, values: Mapping[str, Array], *, layers: bool) -> dict[str, Array]:
        """What the segment writes of the tensors known so far."""
        ...


class _OnMachine:
    """A segment of the machine, on the simulator."""

    def __init__(self, segment: MachineSegment, machine: Machine, constants: bytes) -> None:
        self._segment = segment
        self._simulator = Simulator(segment.code, machine, constants)

    def run(self, values: Mapping[str, Array], *, layers: bool) -> dict[str, Array]:
        code = self._segment.code
        region: NDArray[np.uint8] = np.zeros(code.sizes.get(Space.INPUT, 0), np.uint8)
        for port in self._segment.inputs:
            write_port(region, port, values[port.name])
        seen = _Seen()
        written = self._simulator.run(region, seen if layers else None)
        outputs = {port.name: read_port(written, port) for port in self._segment.outputs}
        return {**seen.tensors(), **outputs}


class _Seen:
    """Collects the parts of tensors that probes show."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[tuple[int, ...], Array]]] = {}

    def __call__(self, probe: Probe, values: Array) -> None:
        """Keep a part as it is now."""
        self._parts.setdefault(probe.tensor, []).append((probe.starts, values))

    def tensors(self) -> dict[str, Array]:
        """Whole tensors of their parts."""
        return {name: _joined(name, parts) for name, parts in self._parts.items()}


def _joined(name: str, parts: Sequence[tuple[tuple[int, ...], Array]]) -> Array:
    """The tensor that `parts` cover, each at its first indices."""
    ends = [np.add(starts, values.shape) for starts, values in parts]
    shape = tuple(int(extent) for extent in np.max(ends, axis=0))
    whole = np.zeros(shape, parts[0][1].dtype)
    covered = np.zeros(shape, np.bool_)
    for starts, values in parts:
        box = tuple(slice(b, b + n) for b, n in zip(starts, values.shape, strict=True))
        whole[box] = values
        covered[box] = True
    if not covered.all():
        raise InternalError(
            Code.INTERNAL,
            "Probes do not show all of a tensor",
            where=name,
            got=f"{int(covered.sum())} of {covered.size} elements",
        )
    return whole


class _OnHost:
    """A segment of the CPU, on the reference interpreter."""

    def __init__(self, segment: HostSegment) -> None:
        self._program = segment.program
        self._interpreter = Interpreter(segment.program)

    def run(self, values: Mapping[str, Array], *, layers: bool) -> dict[str, Array]:
        feeds = {name: values[name] for name in self._program.inputs}
        return self._interpreter.run(feeds, self._program.written if layers else ())
