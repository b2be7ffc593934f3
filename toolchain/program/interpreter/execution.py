"""Runs a program, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.program.interpreter.blas import one_thread
from toolchain.program.interpreter.blocked import prepare_blocked_conv, prepare_blocked_matmul
from toolchain.program.interpreter.context import Context, Run, invalid
from toolchain.program.interpreter.convolution import prepare_conv, prepare_conv_transpose
from toolchain.program.interpreter.elementwise import (
    prepare_binary,
    prepare_dequantize,
    prepare_quantize,
    prepare_rescale,
    prepare_softmax,
    prepare_table,
)
from toolchain.program.interpreter.feeds import check_feeds
from toolchain.program.interpreter.interpolate import prepare_interpolate
from toolchain.program.interpreter.kernels import load_kernels
from toolchain.program.interpreter.matrix import prepare_matmul
from toolchain.program.interpreter.movement import prepare_move
from toolchain.program.interpreter.normalization import prepare_normalize
from toolchain.program.interpreter.pooling import prepare_pool
from toolchain.program.interpreter.reduction import prepare_arg_extreme, prepare_reduce
from toolchain.program.interpreter.resize import prepare_resize
from toolchain.program.interpreter.slope import prepare_slope
from toolchain.program.interpreter.wide import prepare_function, prepare_wide_softmax
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    FloatOp,
    Function,
    Interpolate,
    MatMul,
    Move,
    Normalize,
    Operation,
    Pool,
    Program,
    Quantize,
    Reduce,
    Rescale,
    Resize,
    Slope,
    Softmax,
    Table,
    WideSoftmax,
)
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array


def _prepare_float_op(op: FloatOp, context: Context) -> Run:
    from toolchain.program.float_ops import evaluate

    constants = {index: context.program.constants[name] for index, name in op.constants.items()}

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        given = iter(inputs)
        filled = [
            next(given) if name else constants.get(index) for index, name in enumerate(op.inputs)
        ]
        return evaluate(op, filled)

    return run


_PREPARE: Mapping[type[Operation], Callable[[Any, Context], Run]] = {
    Conv: prepare_conv,
    ConvTranspose: prepare_conv_transpose,
    MatMul: prepare_matmul,
    BlockedConv: prepare_blocked_conv,
    BlockedMatMul: prepare_blocked_matmul,
    Binary: prepare_binary,
    Pool: prepare_pool,
    Table: prepare_table,
    Softmax: prepare_softmax,
    Resize: prepare_resize,
    Interpolate: prepare_interpolate,
    Move: prepare_move,
    Normalize: prepare_normalize,
    Slope: prepare_slope,
    Function: prepare_function,
    WideSoftmax: prepare_wide_softmax,
    Reduce: prepare_reduce,
    ArgExtreme: prepare_arg_extreme,
    Quantize: prepare_quantize,
    Dequantize: prepare_dequantize,
    Rescale: prepare_rescale,
    FloatOp: _prepare_float_op,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One prepared operation.

    Attributes:
        op: The record.
        run: What it does.
        reads: Names of its inputs, without those left out.
        dead: Tensors that nothing reads afterwards.
    """

    op: Operation
    run: Run
    reads: tuple[str, ...]
    dead: tuple[str, ...]


@contextmanager
def _naming(op: Operation) -> Iterator[None]:
    """Report what numpy rejects as an error of `op`: the numbers in its record do not fit."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise invalid(op, "The operation cannot be executed", error) from error


class Interpreter:
    """Executes a program exactly: the same bits for every number of threads.

    An instance keeps nothing between runs and may be used by several threads at once.
    """

    def __init__(self, program: Program, *, threads: int | None = None) -> None:
        """Check and prepare `program`: pack weights, prove that no accumulator overflows.

        `threads` bounds the threads of one run (None: one per processor). With more than one,
        products of matrices use those of numpy's BLAS; with one, the BLAS is held to one, too, so
        that samples can run side by side. Raises CompileError for an invalid program.
        """
        check_program(program)
        self._program = program
        self._alone = threads == 1
        self._steps = _prepare_all(program, threads)

    def run(
        self,
        feeds: Mapping[str, Array],
        observe: Collection[str] = (),
        forced: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Execute on one set of inputs.

        Args:
            feeds: Every program input, with the shape and type of its tensor.
            observe: Further tensors to hand out.
            forced: Tensors that later operations read instead of what was computed (and is handed
                out), so that every layer can be compared on the inputs of another implementation.

        Returns:
            The program's outputs and the observed tensors by name. They may share memory with the
            feeds and each other.

        Raises:
            DataError: Feeds are missing, unknown or do not fit; all of them are named.
            CompileError: An operation cannot be executed as its record says.
        """
        check_feeds(self._program, feeds, observe)
        with one_thread() if self._alone else nullcontext():
            return self._run(feeds, observe, forced)

    def _run(
        self,
        feeds: Mapping[str, Array],
        observe: Collection[str],
        forced: Mapping[str, Array] | None,
    ) -> dict[str, Array]:
        wanted = {*self._program.outputs, *observe}
        values: dict[str, Array] = {**self._program.constants, **feeds}
        results = {name: values[name] for name in wanted & set(feeds)}
        for step in self._steps:
            inputs = [values[name] for name in step.reads]
            with _naming(step.op):
                outputs = step.run(inputs)
                _check_outputs(step.op, self._program, outputs)
            written = dict(zip(step.op.outputs, outputs, strict=True))
            values.update(written)
            values.update({name: forced[name] for name in written if forced and name in forced})
            results.update({name: written[name] for name in wanted & set(written)})
            for name in step.dead:
                del values[name]
        return results


def _prepare_all(program: Program, threads: int | None) -> tuple[_Step, ...]:
    context = Context(program=program, kernels=load_kernels(threads))
    last_use: dict[str, int] = {}
    for index, op in enumerate(program.operations):
        last_use.update(dict.fromkeys((*op.inputs, *op.outputs), index))
    steps = []
    for index, op in enumerate(program.operations):
        with _naming(op):
            run = _PREPARE[type(op)](op, context)
        touched = {*op.inputs, *op.outputs} - set(program.constants) - {""}
        dead = tuple(sorted(name for name in touched if last_use[name] == index))
        reads = tuple(name for name in op.inputs if name)
        steps.append(_Step(op=op, run=run, reads=reads, dead=dead))
    return tuple(steps)


def _check_outputs(op: Operation, program: Program, outputs: Sequence[Array]) -> None:
    """Hold what came out against the declared tensors; later operations rely on them."""
    if len(outputs) != len(op.outputs):
        raise invalid(op, f"The operation has {len(outputs)} outputs", op.outputs)
    for name, array in zip(op.outputs, outputs, strict=True):
        tensor = program.tensors.get(name)
        if tensor is not None and (
            array.shape != tensor.shape or array.dtype != tensor.dtype.numpy
        ):
            expected = f"{tensor.dtype.numpy} {tensor.shape}"
            raise invalid(op, f"Output {name!r} must be {expected}", f"{array.dtype} {array.shape}")
