"""A generated program as a running process that computes one sample after the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import prod
from threading import Event, Thread, Timer
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import numpy as np

from toolchain.errors import CheckFailed, Code, DataError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Program, Tensor

_ENDING_SECONDS = 10.0
"""How long a process may take to end once its input has ended."""
_QUOTED = 2000
"""Characters of the error stream that errors quote."""


class NativeModel:
    """A process of a generated `main.c`; a context manager that starts and ends it.

    It must be used by one thread at a time.
    """

    def __init__(
        self,
        command: Sequence[str],
        program: Program,
        *,
        layers: Sequence[str] = (),
        timeout_seconds: float = 600.0,
    ) -> None:
        """Say what to run.

        Args:
            command: The executable, or an emulator and the executable.
            program: What it was generated from.
            layers: What its operations write, in order, to have all that after every sample; empty
                to have outputs only.
            timeout_seconds: Longest time for one sample.
        """
        self._command = tuple(command)
        self._program = program
        self._layers = tuple(layers)
        self._timeout_seconds = timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the process.

        Raises:
            CheckFailed: RUNNER_FAILED where it cannot be started.
        """
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what was just built
                (*self._command, *(("--layers",) if self._layers else ())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except OSError as error:
            self._errors.close()
            raise CheckFailed(
                Code.RUNNER_FAILED,
                "The native program cannot be started",
                where=self._command[-1],
                got=error.strerror,
                hint="a program for another processor needs an emulator",
            ) from error
        if sys.platform == "linux":
            _forbid_core_file(self._process.pid)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process: quietly by the end of its input, or at once after an error."""
        process, errors = self._running()
        if kind is not None:
            process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                _close(stream)
        self._wait()
        errors.close()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute one sample.

        Args:
            feeds: Every input of the program by name, in its shape and stored type.

        Returns:
            All outputs, and all layers if they were asked for; read-only arrays in row-major order.

        Raises:
            DataError: DATA_MISMATCH for an input that is missing, DATA_SHAPE or DATA_DTYPE for one
                that does not fit.
            CheckFailed: RUNNER_FAILED where the process ends or does not answer in time.
        """
        process, _ = self._running()
        data = b"".join(_bytes_of(self._program.tensors[n], feeds) for n in self._program.inputs)
        tensors = [self._program.tensors[n] for n in (*self._program.outputs, *self._layers)]
        late = Event()

        def give_up() -> None:
            late.set()
            process.kill()

        # Pipes hold 64 KiB: what is written and what is read must not wait for each other.
        writer = Thread(target=_write, args=(process.stdin, data), daemon=True)
        timer = Timer(self._timeout_seconds, give_up)
        timer.daemon = True
        writer.start()
        timer.start()
        try:
            found = {tensor.name: self._read(tensor, late) for tensor in tensors}
        finally:
            timer.cancel()
        writer.join()
        return found

    def _running(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        if self._process is None or self._errors is None:
            raise RuntimeError("a NativeModel runs inside `with` only")
        return self._process, self._errors

    def _read(self, tensor: Tensor, late: Event) -> Array:
        """The next tensor from the process."""
        process, _ = self._running()
        size = prod(tensor.shape) * tensor.dtype.numpy.itemsize
        data = b"" if process.stdout is None else process.stdout.read(size)
        if len(data) != size:
            raise self._failure(tensor.name, late.is_set())
        array: Array = np.frombuffer(data, tensor.dtype.numpy)
        return array.reshape(tensor.shape)

    def _failure(self, tensor: str, late: bool) -> CheckFailed:
        """Why the output ended before `tensor` was complete."""
        status = self._wait()
        hint = None
        if late:
            got = f"no answer within {self._timeout_seconds:g} s"
            hint = "emulators are slow: try a smaller model, or give it more time"
        elif status < 0:
            got = f"signal {_signal_name(-status)}"
            if -status == signal.SIGILL:
                got += " (illegal instruction)"
                hint = (
                    "the processor or the emulator lacks an extension that the program was built "
                    "for, such as vectors"
                )
        else:
            got = f"exit status {status}"
        said = self._said()
        return CheckFailed(
            Code.RUNNER_FAILED,
            "The native program ended within a sample",
            where=f"{self._command[-1]}, before the end of {tensor}",
            got=f"{got}; it said: {said}" if said else got,
            hint=hint,
        )

    def _wait(self) -> int:
        """Wait for the end of the process, whose output has ended; its status."""
        process, _ = self._running()
        try:
            return process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _said(self) -> str:
        """What the process wrote to its error stream."""
        _, errors = self._running()
        errors.seek(0)
        return errors.read(_QUOTED).decode(errors="replace").strip()


def _forbid_core_file(pid: int) -> None:
    """Let a crash, which is reported, leave no file: emulators write one of their own."""
    import resource

    with suppress(ProcessLookupError):  # it has crashed already
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _write(stream: IO[bytes], data: bytes) -> None:
    """Write a sample; a process that is gone is noticed where its output is read."""
    with suppress(OSError):
        stream.write(data)
        stream.flush()


def _close(stream: IO[bytes]) -> None:
    """Close a pipe, whose other end may be gone with data in between."""
    with suppress(OSError):
        stream.close()


def _bytes_of(tensor: Tensor, feeds: Mapping[str, Array]) -> bytes:
    """One input as the process reads it."""
    array = feeds.get(tensor.name)
    if array is None:
        raise DataError(Code.DATA_MISMATCH, "An input is missing", where=tensor.name)
    if array.shape != tensor.shape:
        raise DataError(
            Code.DATA_SHAPE,
            "An input has the wrong shape",
            where=tensor.name,
            got=array.shape,
            allowed=str(tensor.shape),
        )
    if array.dtype != tensor.dtype.numpy:
        raise DataError(
            Code.DATA_DTYPE,
            "An input has the wrong type",
            where=tensor.name,
            got=array.dtype,
            allowed=str(tensor.dtype.numpy),
        )
    return array.tobytes()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
