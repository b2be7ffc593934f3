"""Code of plugins, run so that what goes wrong in it is said to be theirs."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.registry import (
    AlgorithmDef,
    AlgorithmOutput,
    DataReaderDef,
    MetricDef,
    PassDef,
    PreprocessorDef,
    RangeMethodDef,
    SampleReader,
)
from toolchain.core.stats import TensorRange
from toolchain.core.target import Measured, TargetDef, TargetSpec
from toolchain.errors import Code, PluginError, ToolchainError

Result = TypeVar("Result")

_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENOMEM}
)
"""Failures of the machine, whoever's code meets them."""

_RESULTS: Mapping[tuple[type[Any], str], type[Any]] = MappingProxyType(
    {
        (RangeMethodDef, "function"): TensorRange,
        (AlgorithmDef, "function"): AlgorithmOutput,
        (PassDef, "function"): bool,
        (MetricDef, "function"): np.ndarray,
        (MetricDef, "score"): float,
        (MetricDef, "truth"): Mapping,
    }
)
"""What the functions of a record return."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Runs the code of one plugin.

    Attributes:
        provider: The plugin as error messages name it.
        own: True for plugins that come with the toolchain: what they raise is a bug of ours.
    """

    provider: str
    own: bool

    def call(self, place: str, function: Callable[[], Result]) -> Result:
        """Run `function`; what it raises, other than our own errors, becomes a PluginError."""
        try:
            return function()
        except (ToolchainError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            if self.own or (isinstance(error, OSError) and error.errno in _MACHINE):
                raise
            raise PluginError(
                Code.PLUGIN_RAISED,
                f"The plugin raised {type(error).__name__}: {error}",
                where=f"{self.provider}, {place}",
                hint="report this to the author of the plugin; `-v` shows the traceback",
            ) from error

    def bad_return(self, place: str, got: object, wanted: str) -> PluginError:
        """The error of a hook or function that returned something else than its contract says."""
        return PluginError(
            Code.PLUGIN_BAD_RETURN,
            "The plugin returned something that is not allowed",
            where=f"{self.provider}, {place}",
            got=f"{type(got).__name__}: {str(got)[:80]}",
            allowed=wanted,
        )

    def guarded(self, record: Any) -> Any:
        """`record` of a collecting hook with every function in it run as `call` runs it.

        Preprocessors stay as they are: whoever runs them knows the sample.
        """
        if self.own or isinstance(record, PreprocessorDef):
            return record
        if isinstance(record, TargetDef):
            return replace(record, spec=self._spec(record.spec))
        functions = {
            field.name: self._function(
                value, f"{field.name} of `{record.name}`", _RESULTS.get((type(record), field.name))
            )
            for field in fields(record)
            if callable(value := getattr(record, field.name))
        }
        if isinstance(record, DataReaderDef):
            functions["open"] = self._opening(record)
        return replace(record, **functions)

    def _spec(self, spec: TargetSpec) -> TargetSpec:
        ops = {
            name: replace(
                support,
                constraints=tuple(
                    self._function(rule, f"rule of {name}", Measured)
                    for rule in support.constraints
                ),
            )
            for name, support in spec.ops.items()
        }
        return replace(spec, ops=ops)

    def _function(
        self, function: Callable[..., Any], place: str, kind: type[Any] | None
    ) -> Callable[..., Any]:
        @wraps(function)
        def run(*arguments: Any) -> Any:
            result = self.call(place, lambda: function(*arguments))
            if kind is not None and not isinstance(result, kind):
                raise self.bad_return(place, result, kind.__name__)
            return result

        return run

    def _opening(self, record: DataReaderDef) -> Callable[[Path, str | None], SampleReader]:
        place = f"reader `{record.name}`"

        def open_guarded(path: Path, key: str | None) -> SampleReader:
            return _GuardedReader(self, self.call(place, lambda: record.open(path, key)), place)

        return open_guarded


class _GuardedReader:
    """A plugin's reader, run as `Guard.call` runs everything."""

    def __init__(self, guard: Guard, reader: SampleReader, place: str) -> None:
        self._guard, self._reader, self._place = guard, reader, place

    def names(self) -> Sequence[str]:
        """What each sample is called."""
        return self._guard.call(self._place, self._reader.names)

    def read(self, index: int) -> Array:
        """One sample."""
        return self._guard.call(self._place, lambda: self._reader.read(index))
