"""Whether the arrays handed to a program fit it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, DataError, Problem

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Program, Tensor


def check_feeds(program: Program, feeds: Mapping[str, Array], observe: Collection[str]) -> None:
    """Raise DataError with every feed or observed name that does not fit `program`."""
    problems = [
        *(
            _problem(Code.DATA_MISMATCH, "The program has no such input", name)
            for name in sorted(set(feeds) - set(program.inputs))
        ),
        *(
            _problem(Code.DATA_MISMATCH, "The program has no such tensor", name)
            for name in sorted(set(observe) - set(program.tensors))
        ),
        *(
            problem
            for name in program.inputs
            for problem in _feed_problems(program.tensors[name], feeds.get(name))
        ),
    ]
    if problems:
        raise DataError.of(problems)


def _feed_problems(tensor: Tensor, array: Array | None) -> Iterator[Problem]:
    if array is None:
        yield _problem(Code.DATA_MISMATCH, "An input is missing", tensor.name)
        return
    if array.shape != tensor.shape:
        yield _problem(
            Code.DATA_SHAPE, "An input has the wrong shape", tensor.name, array.shape, tensor.shape
        )
    if array.dtype != tensor.dtype.numpy:
        yield _problem(
            Code.DATA_DTYPE,
            "An input has the wrong type",
            tensor.name,
            array.dtype,
            tensor.dtype.numpy,
        )
    elif tensor.dtype.is_float and not np.isfinite(array).all():
        yield _problem(Code.DATA_NOT_FINITE, "An input is not finite", tensor.name)
    elif tensor.dtype.is_integer and tensor.dtype.bits < 8 and _outside(tensor, array):
        yield _problem(
            Code.DATA_DTYPE,
            "An input leaves the range of its type",
            tensor.name,
            None,
            tensor.dtype,
        )


def _outside(tensor: Tensor, array: Array) -> bool:
    return bool(array.size) and not tensor.dtype.qmin <= array.min() <= array.max() <= (
        tensor.dtype.qmax
    )


def _problem(
    code: Code, message: str, where: str, got: object = None, allowed: object = None
) -> Problem:
    return Problem(
        code=code,
        message=message,
        where=where,
        got=None if got is None else str(got),
        allowed=None if allowed is None else str(allowed),
    )
