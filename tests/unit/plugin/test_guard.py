from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.core.options import InputOptions
from toolchain.core.registry import DataReaderDef, MetricDef, PreprocessorDef, SourceRequest
from toolchain.core.target import Measured, rule_of
from toolchain.errors import Code, PluginError
from toolchain.plugin.guard import Guard

GUARD = Guard(provider="p (d 1)", own=False)


def fail(*_: object) -> Any:
    """A rule that cannot be checked."""
    raise LookupError("nothing here")


def raised_by(call: Any) -> str:
    with pytest.raises(PluginError) as caught:
        call()
    (problem,) = caught.value.problems
    assert problem.code == Code.PLUGIN_RAISED
    assert problem.message == "The plugin raised LookupError: nothing here"
    return str(problem.where)


def test_a_result_is_handed_on() -> None:
    assert GUARD.call("here", lambda: 3) == 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ENOMEM])
def test_failures_of_the_machine_stay_what_they_are(number: int) -> None:
    def write() -> None:
        raise OSError(number, "no")

    with pytest.raises(OSError, match="no"):
        GUARD.call("here", write)


def test_interrupts_and_lack_of_memory_stay_what_they_are() -> None:
    for kind in (KeyboardInterrupt, MemoryError):

        def stop(kind: type[BaseException] = kind) -> None:
            raise kind

        with pytest.raises(kind):
            GUARD.call("here", stop)


def test_functions_of_records() -> None:
    metric = GUARD.guarded(MetricDef(name="m", summary="s", function=fail))
    assert (metric.name, metric.summary) == ("m", "s")
    assert raised_by(lambda: metric.function(np.zeros(1), np.zeros(1))) == (
        "p (d 1), function of `m`"
    )


def test_records_of_our_own_are_left_alone() -> None:
    metric = MetricDef(name="m", summary="s", function=fail)
    assert Guard(provider="p", own=True).guarded(metric) is metric


def preprocessed_by(function: Any) -> Any:
    record = GUARD.guarded(PreprocessorDef(name="p", summary="s", function=function))
    return record.function(np.zeros(2), InputOptions(), None)


def test_what_preprocessors_raise_is_told_by_those_who_know_the_sample() -> None:
    with pytest.raises(LookupError, match="nothing here"):
        preprocessed_by(fail)

    def leave(*_: object) -> Any:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        preprocessed_by(leave)
    with pytest.raises(TypeError, match="returned str: text, which is no array"):
        preprocessed_by(lambda *_: "text")
    np.testing.assert_array_equal(preprocessed_by(lambda raw, *_: raw + 1), [1, 1])


def test_readers_and_what_they_open() -> None:
    class Reader:
        names = fail
        read = fail

    record = DataReaderDef(name="r", summary="s", accepts=fail, open=lambda _: Reader())
    guarded = GUARD.guarded(record)
    assert raised_by(lambda: guarded.accepts(Path())) == "p (d 1), accepts of `r`"
    reader = guarded.open(SourceRequest(path=Path()))
    assert raised_by(reader.names) == "p (d 1), reader `r`"
    assert raised_by(lambda: reader.read(0)) == "p (d 1), reader `r`"
    with pytest.raises(PluginError, match="'Reader' object has no attribute 'images'"):
        _ = reader.images
    closed = GUARD.guarded(DataReaderDef(name="r", summary="s", accepts=fail, open=fail))
    assert raised_by(lambda: closed.open(SourceRequest(path=Path()))) == "p (d 1), reader `r`"


def test_constraints_of_targets_keep_their_rule(target: Any) -> None:
    guarded = GUARD.guarded(target("board", fail))
    (constraint,) = guarded.spec.ops["Conv"].constraints
    assert rule_of(constraint) == "A rule that cannot be checked."
    assert raised_by(lambda: constraint(None)) == "p (d 1), rule of Conv"

    def fine(node: object) -> Measured:  # noqa: ARG001 - a constraint
        return Measured(ok=True, value="fine")

    (constraint,) = GUARD.guarded(target("board", fine)).spec.ops["Conv"].constraints
    assert constraint(None) == Measured(ok=True, value="fine")
