"""Compiled models of machines, executed: outputs, or every layer, of one group of input shapes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.accelerator.container.records import SUFFIX
from toolchain.errors import Code, CompileError, InternalError, Problem
from toolchain.plugin.runners import CompiledForm, RunnerDef, RunnerRequest

if TYPE_CHECKING:
    from toolchain.accelerator.runtime import Runtime
    from toolchain.core.dtypes import Array
    from toolchain.core.machine import Machine
    from toolchain.core.runner import Runner
    from toolchain.program.records import Program, Tensor


def machine_runner(name: str, targets: tuple[str, ...]) -> RunnerDef:
    """A runner of NAME.tcm of `targets`: its code on the simulator of the machine.

    Outputs are those of any number of samples that batches make up. Layers are those of as many
    samples as one batch has, and are then the tensors of `batched(program, ...)`.

    Example:
        @hookimpl
        def tc_runners():
            return [machine_runner("acme-machine", ("acme",))]
    """
    return RunnerDef(
        name=name,
        summary="The compiled model on a simulator of the machine",
        open=_open,
        missing=_missing,
        targets=targets,
        emulated=True,
        required=True,
        form=CompiledForm.MACHINE,
    )


@contextmanager
def _open(request: RunnerRequest) -> Iterator[Runner]:
    from toolchain.accelerator.container.file import read_container
    from toolchain.accelerator.runtime import Runtime

    path = request.folder / f"{request.name}{SUFFIX}"
    container = read_container(path)
    machine = machine_named(container.machine, request.machines, str(path))
    yield _Model(request, Runtime(container, machine, request.group))


def machine_named(name: str, machines: Collection[Machine], where: str) -> Machine:
    """The machine of a compiled model, among those of the chip."""
    for machine in machines:
        if machine.name == name:
            return machine
    raise CompileError(
        Code.PACKAGE_INVALID,
        "The model was compiled for a machine that the chip does not have",
        where=where,
        got=name,
        allowed=", ".join(machine.name for machine in machines) or "none",
        hint="install the version of the target that it was built with, or build it again",
    )


def _missing(files: Collection[str]) -> tuple[Problem, ...]:
    if any(name.endswith(SUFFIX) for name in files):
        return ()
    return (
        Problem(
            code=Code.TOOL_MISSING,
            message="There is no compiled model",
            where=f"*{SUFFIX}",
            hint="build again for a machine",
        ),
    )


class _Model:
    """A compiled model that executes samples, one or several at once."""

    def __init__(self, request: RunnerRequest, runtime: Runtime) -> None:
        self._program = request.program
        self._layers = request.layers
        self._runtime = runtime

    @property
    def batches(self) -> tuple[int, ...]:
        """Numbers of samples that are executed at once."""
        return self._runtime.batches

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs, and layers where they were asked for.

        Results of movements that readers look at where the elements were before are nowhere on
        the machine; as layers they are the movements of what is there.

        Raises:
            InternalError: A layer cannot be seen, or has another form than in the program.
        """
        if not self._layers:
            return self._runtime.run(feeds)
        values = self._runtime.trace(feeds)
        program = self._of(feeds)
        _move(program, values)
        for name in program.written:
            _check_form(program.tensors[name], values.get(name))
        return values

    def _of(self, feeds: Mapping[str, Array]) -> Program:
        """The program of as many samples as are fed."""
        from toolchain.program.batched import batched

        name, array = next(iter(feeds.items()))
        extents = self._program.tensors[name].shape
        return batched(self._program, array.size // math.prod(extents))


def _move(program: Program, values: dict[str, Array]) -> None:
    """Add the results of movements that are not there."""
    from toolchain.program.interpreter import Interpreter
    from toolchain.program.records import Move

    for op in program.operations:
        missing = tuple(name for name in op.outputs if name not in values)
        if isinstance(op, Move) and missing:
            inputs = tuple(name for name in op.inputs if name in values)
            alone = replace(program, inputs=inputs, outputs=missing, operations=(op,))
            values |= Interpreter(alone).run({name: values[name] for name in inputs})


def _check_form(tensor: Tensor, array: Array | None) -> None:
    expected = f"{tensor.dtype.numpy} {tensor.shape}"
    found = "nothing" if array is None else f"{array.dtype} {array.shape}"
    if found != expected:
        raise InternalError(
            Code.INTERNAL,
            "The machine shows another tensor than the program has",
            where=tensor.name,
            got=found,
            allowed=expected,
        )
