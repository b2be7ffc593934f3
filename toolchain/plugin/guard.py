"""Code of plugins, run so that what goes wrong in it is said to be theirs."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.registry import (
    DataReaderDef,
    PreprocessFunction,
    PreprocessorDef,
    SampleReader,
    SourceRequest,
)
from toolchain.core.target import Measured, OpSupport, TargetDef, TargetSpec
from toolchain.errors import Code, PluginError, Problem, ToolchainError
from toolchain.plugin.declared import Findings, mistyped, said, shown
from toolchain.plugin.results import RESULTS, Contract
from toolchain.plugin.speaking import plugin_code

Result = TypeVar("Result")

_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENOMEM}
)
"""Failures of the machine, whoever's code meets them."""

_MOST = 20
"""Findings shown of one answer: more would say the same again."""


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
            with plugin_code():
                return function()
        except (ToolchainError, MemoryError, KeyboardInterrupt):
            raise
        except BaseException as error:
            if self.own or (isinstance(error, OSError) and error.errno in _MACHINE):
                raise
            raise PluginError(
                Code.PLUGIN_RAISED,
                f"The plugin raised {said(error)}",
                where=f"{self.provider}, {place}",
                hint="report this to the author of the plugin; `-v` shows the traceback",
            ) from error

    def bad_return(self, place: str, got: object, wanted: str) -> PluginError:
        """The error of a hook or function that returned something else than its contract says."""
        return PluginError.of([self._problem(place, shown(got), wanted)])

    def check(self, place: str, value: object, declared: Any) -> None:
        """Make sure that what a plugin returned holds what it is declared to hold.

        Raises:
            PluginError: PLUGIN_BAD_RETURN with everything that is of another type, together.
        """
        if not self.own:
            self.refuse(place, mistyped(value, declared))

    def refuse(self, place: str, findings: Findings) -> None:
        """Raise PluginError (PLUGIN_BAD_RETURN) of `findings`, if there are any."""
        problems = [
            self._problem(f"{place}, {where}" if where else place, str(got), allowed)
            for where, got, allowed in islice(findings, _MOST)
        ]
        if problems:
            raise PluginError.of(problems)

    def _problem(self, place: str, got: str, wanted: str) -> Problem:
        return Problem(
            code=Code.PLUGIN_BAD_RETURN,
            message="The plugin returned something that is not allowed",
            where=f"{self.provider}, {place}",
            got=got,
            allowed=wanted,
        )

    def guarded(self, record: Any) -> Any:
        """`record` of a collecting hook with every function in it run as `call` runs it."""
        if self.own:
            return record
        if isinstance(record, TargetDef):
            return self._target(record)
        if isinstance(record, PreprocessorDef):
            return replace(record, function=_preprocessing(record.function))
        functions = {
            field.name: self._function(
                value, f"{field.name} of `{record.name}`", RESULTS.get(type(record))
            )
            for field in fields(record)
            if callable(value := getattr(record, field.name))
        }
        if isinstance(record, DataReaderDef):
            functions["open"] = self._opening(record)
        return replace(record, **functions)

    def _target(self, record: TargetDef) -> TargetDef:
        configure = record.configure
        if configure is None:
            return replace(record, spec=self._spec(record.spec))
        guarded = self._function(
            configure, f"configure of `{record.spec.name}`", Contract(TargetSpec)
        )

        def configured(spec: TargetSpec, options: Any) -> TargetSpec:
            return self._spec(guarded(spec, options))

        return replace(record, spec=self._spec(record.spec), configure=configured)

    def _spec(self, spec: TargetSpec) -> TargetSpec:
        platforms = tuple(
            replace(
                chip, ops={n: None if s is None else self._op(n, s) for n, s in chip.ops.items()}
            )
            for chip in spec.platforms
        )
        ops = {name: self._op(name, support) for name, support in spec.ops.items()}
        return replace(spec, ops=ops, platforms=platforms)

    def _op(self, name: str, support: OpSupport) -> OpSupport:
        rules = support.constraints
        function = support.function
        return replace(
            support,
            constraints=tuple(
                self._function(rule, f"rule of {name}", Contract(Measured)) for rule in rules
            ),
            function=None
            if function is None
            else self._function(function, f"function of {name}", Contract(np.ndarray)),
        )

    def _function(
        self, function: Callable[..., Any], place: str, contract: Contract | None
    ) -> Callable[..., Any]:
        @wraps(function)
        def run(*arguments: Any) -> Any:
            given = [_read_only(argument) for argument in arguments]
            result = self.call(place, lambda: function(*given))
            if contract is not None:
                self.check(place, result, contract.declared)
                if contract.further is not None:
                    self.refuse(place, contract.further(result, *arguments))
            return result

        return run

    def _opening(self, record: DataReaderDef) -> Callable[[SourceRequest], SampleReader]:
        place = f"reader `{record.name}`"

        def open_guarded(request: SourceRequest) -> SampleReader:
            reader = self.call(place, lambda: record.open(request))
            if not (callable(getattr(reader, "names", None)) and hasattr(reader, "read")):
                raise self.bad_return(place, reader, "a reader with `names` and `read`")
            return _GuardedReader(self, reader, place)

        return open_guarded


class _GuardedReader:
    """A plugin's reader, run as `Guard.call` runs everything."""

    def __init__(self, guard: Guard, reader: SampleReader, place: str) -> None:
        self._guard, self._reader, self._place = guard, reader, place

    @property
    def images(self) -> bool:
        """True if the samples are decoded images."""
        return self._guard.call(self._place, lambda: self._reader.images)

    def names(self) -> Sequence[str]:
        """What each sample is called."""
        names = self._guard.call(self._place, lambda: tuple(self._reader.names()))
        self._guard.check(f"{self._place}, names", names, tuple[str, ...])
        return names

    def read(self, index: int) -> Array:
        """One sample."""
        sample = self._guard.call(self._place, lambda: self._reader.read(index))
        self._guard.check(f"{self._place}, sample {index}", sample, np.ndarray)
        return sample


def _preprocessing(function: PreprocessFunction) -> PreprocessFunction:
    """Whoever runs it knows the sample, and says so of any exception; nothing else leaves it."""

    @wraps(function)
    def run(*arguments: Any) -> Array:
        try:
            with plugin_code():
                ready = function(*arguments)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise RuntimeError(said(error)) from error
        if not isinstance(ready, np.ndarray):
            message = f"returned {shown(ready)}, which is no array"
            raise TypeError(message)
        return ready

    return run


def _read_only(argument: Any) -> Any:
    """Arrays that others still need, so that writing into them is an error and not a surprise."""
    if isinstance(argument, np.ndarray):
        argument = argument.view()
        argument.flags.writeable = False
    return argument
