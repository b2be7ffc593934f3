"""Preprocessing by a Python function of the user, named `file.py:name`.

The function takes either the decoded sample (one parameter) or, as XQuant's `preprocess_impl`, a
list of file names and a dictionary that describes the input (two parameters).
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.calibration.preprocess import cast_to
from toolchain.core.python_file import PythonFile, split_name
from toolchain.errors import Code, DataError, ToolchainError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.core.options import InputOptions
    from toolchain.core.samples import InputSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserFunction:
    """A loaded function; calls are made one at a time, since it need not be safe for threads.

    Attributes:
        file: Where it comes from.
        name: Its name there.
        call: The function.
        takes_files: True if it takes a list of file names and a dictionary.
    """

    file: Path
    name: str
    call: Callable[..., Any]
    takes_files: bool
    _lock: Lock = field(default_factory=Lock)

    def run(self, argument: Array | Path, options: InputOptions, spec: InputSpec) -> Array:
        """Call the function on one sample, and hold what it returns to the model input.

        Args:
            argument: The decoded sample, or its file where `takes_files`.
            options: How the input is fed.
            spec: The model input.

        Returns:
            An array of the shape and dtype of `spec`.

        Raises:
            DataError: PREPROCESS_FAILED with file and line of what the function raised, or with
                what it returned; DATA_NOT_FINITE or DATA_DTYPE if the input cannot hold it.
        """
        arguments: tuple[Any, ...] = (argument,)
        if self.takes_files:
            arguments = ([str(argument)], input_parameters(options, spec))
        with self._lock, guarded(self.file, f"The function `{self.name}` raised"):
            returned = self.call(*arguments)
            result = returned.numpy() if hasattr(returned, "numpy") else returned
        if not isinstance(result, np.ndarray) or result.dtype.kind not in "fiub":
            raise self._bad_return(_described(result), "an array of numbers", spec)
        if result.shape not in (spec.shape, spec.shape[1:]):
            raise self._bad_return(
                f"{result.dtype} {result.shape}", f"{spec.dtype} {spec.shape}", spec
            )
        return cast_to(result.reshape(spec.shape), spec)

    def _bad_return(self, got: str, allowed: str, spec: InputSpec) -> DataError:
        line = inspect.getsourcelines(self.call)[1] if inspect.isfunction(self.call) else 1
        return DataError(
            Code.PREPROCESS_FAILED,
            f"The function `{self.name}` returned something that the model input does not take",
            where=f"{self.file}:{line}, input '{spec.name}'",
            got=got,
            allowed=allowed,
        )


def function_digest(text: str) -> str | None:
    """SHA-256 of the source of `file.py:name`, for cache keys; None if it names no function.

    Raises:
        DataError: PREPROCESS_FAILED if the file cannot be read.
    """
    split = split_name(text)
    return None if split is None else _read(Path(split[0])).digest


def load_function(file: Path, name: str) -> UserFunction:
    """Run the file as a module of its own, and take a function of it.

    Raises:
        DataError: PREPROCESS_FAILED if the file cannot be read or run, or has no such function of
            one or two parameters.
    """
    source = _read(file)
    with guarded(file, "The file of the function cannot be run"):
        module = source.run()
    found = getattr(module, name, None)
    if not callable(found):
        known = sorted(
            key
            for key, item in vars(module).items()
            if inspect.isfunction(item) and item.__module__ == module.__name__
        )
        raise DataError(
            Code.PREPROCESS_FAILED,
            "The file has no such function",
            where=str(file),
            got=name,
            allowed=", ".join(known) or "a function",
        )
    count = _parameters(found)
    if count not in (1, 2):
        raise DataError(
            Code.PREPROCESS_FAILED,
            "The function has the wrong number of parameters",
            where=f"{file}:{name}",
            got=str(count),
            allowed="1, the decoded sample; or 2, a list of file names and a dictionary",
        )
    return UserFunction(file=file, name=name, call=found, takes_files=count == 2)


def input_parameters(options: InputOptions, spec: InputSpec) -> dict[str, Any]:
    """How an input is fed, under the names that XQuant gives its `input_parametr`."""
    return {
        "input_name": spec.name,
        "input_shape": list(spec.shape),
        "dtype": spec.dtype,
        "color_format": options.color.value,
        "mean_value": list(options.mean),
        "std_value": list(options.std),
    }


class guarded:  # noqa: N801 - a context manager, called like a function
    """Turns what the user's code raises into a DataError that names file and line."""

    def __init__(self, file: Path, message: str) -> None:
        self._file, self._message = file, message

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (Exception, SystemExit)):
            return
        if isinstance(error, (ToolchainError, MemoryError)):
            return
        raise DataError(
            Code.PREPROCESS_FAILED,
            f"{self._message}: {type(error).__name__}: {error}",
            where=f"{self._file}:{self._line(error)}",
            hint="`-v` shows the traceback",
        ) from error

    def _line(self, error: BaseException) -> int:
        """The innermost line of the user's file on the way to the error."""
        if isinstance(error, SyntaxError) and error.filename == str(self._file):
            return error.lineno or 1
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(self._file)]
        return (lines[-1] if lines else 1) or 1


def _read(file: Path) -> PythonFile:
    try:
        return PythonFile.read(file)
    except OSError as error:
        raise DataError(
            Code.PREPROCESS_FAILED,
            f"The file of the function cannot be read: {error.strerror}",
            where=str(file),
            hint="relative paths start at the folder of the config file",
        ) from error


def _parameters(function: Callable[..., Any]) -> int:
    """How many arguments the function needs by position."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0
    return sum(item.kind in kinds and item.default is item.empty for item in parameters)


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"{type(value).__name__}: {str(value)[:60]}"
