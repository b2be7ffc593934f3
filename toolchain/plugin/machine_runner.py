"""Compiled models of machines, executed: every layer of one sample, and every batch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.container.records import SUFFIX
from toolchain.errors import CheckFailed, Code, CompileError, InternalError, Problem
from toolchain.plugin.runners import RunnerDef, RunnerRequest

if TYPE_CHECKING:
    from toolchain.accelerator.runtime import Runtime
    from toolchain.core.dtypes import Array
    from toolchain.core.machine import Machine
    from toolchain.core.runner import Runner


def machine_runner(name: str, targets: tuple[str, ...]) -> RunnerDef:
    """A runner of NAME.tcm of `targets`: its code on the simulator of the machine.

    One sample is executed. Where layers are asked for, as checks do, every further batch of the
    same input shapes executes the sample as often as it has samples, and each has to come out
    alike.

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
        required=True,
    )


@contextmanager
def _open(request: RunnerRequest) -> Iterator[Runner]:
    from toolchain.accelerator.container.file import read_container
    from toolchain.accelerator.runtime import Runtime

    path = request.folder / f"{request.name}{SUFFIX}"
    container = read_container(path)
    machine = machine_named(container.machine, request.machines, str(path))
    yield _Model(request, Runtime(container, machine))


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
    """A compiled model that executes samples, one or as many as a batch has."""

    def __init__(self, request: RunnerRequest, runtime: Runtime) -> None:
        self._program = request.program
        self._layers = request.layers
        self._runtime = runtime

    @property
    def batches(self) -> tuple[int, ...]:
        """Numbers of samples that are executed at once."""
        return self._runtime.batches

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs, and layers of one sample where they were asked for.

        Raises:
            CheckFailed: With layers: a sample of a larger batch comes out differently.
            InternalError: A layer cannot be seen, or has another form than in the program.
        """
        if not self._layers:
            return self._runtime.run(feeds)
        values = self._runtime.trace(feeds)
        for name in self._program.written:
            self._check_form(name, values.get(name))
        for batch in self._runtime.batches:
            if batch > 1:
                self._check_batch(batch, feeds, values)
        return values

    def _check_form(self, name: str, array: Array | None) -> None:
        tensor = self._program.tensors[name]
        expected = f"{tensor.dtype.numpy} {tensor.shape}"
        found = "nothing" if array is None else f"{array.dtype} {array.shape}"
        if found != expected:
            message = "The machine shows another tensor than the program has"
            raise InternalError(Code.INTERNAL, message, where=name, got=found, allowed=expected)

    def _check_batch(
        self, batch: int, feeds: Mapping[str, Array], values: Mapping[str, Array]
    ) -> None:
        """Execute the sample `batch` times at once, and compare each with the one alone."""
        found = self._runtime.run(
            {name: np.concatenate([array] * batch) for name, array in feeds.items()}
        )
        for name in self._program.outputs:
            expected = np.concatenate([values[name]] * batch)
            if found[name].shape != expected.shape or found[name].tobytes() != expected.tobytes():
                raise CheckFailed(
                    Code.CHECK_FAILED,
                    "A sample comes out differently in a batch than alone",
                    where=name,
                    got=f"batch {batch}",
                )
