"""An output handed out in another form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.core.options import OutputDtype
from toolchain.errors import Code, CompileError, ConfigError
from toolchain.program.records import Dequantize, Move, MoveKind, Operation, Program, Tensor

if TYPE_CHECKING:
    from toolchain.program.processors.records import OutputForm


def apply_output(program: Program, form: OutputForm) -> Program:
    """The program with an output as integers, with other axes, or both; it keeps its name.

    What is dequantized at the end is transposed as integers. The float tensor of the model's own
    form stays, under another name, only where something else reads it.

    Raises:
        ConfigError: There is no such output, or `perm` does not fit it.
        CompileError: LOWERING_FAILED where integers are asked for and floats are computed.
    """
    old = _output(program, form)
    maker = next((op for op in program.operations if form.name in op.outputs), None)
    if maker is None:
        raise _failed(form, "An input that is handed out as it is has no other form")
    integers = program.tensors[maker.inputs[0]] if isinstance(maker, Dequantize) else None
    if form.dtype is OutputDtype.STORED and old.dtype.is_float:
        if integers is None:
            raise _failed(form, "The output is computed in float: there are no integers of it")
        source = integers
    else:
        source = old if integers is None or not form.perm else integers
    if source is old and not form.perm:
        return program
    return _rewritten(program, form, old, maker, source)


def _rewritten(
    program: Program, form: OutputForm, old: Tensor, maker: Operation, source: Tensor
) -> Program:
    name = old.name
    own = _unused(program, f"{name}/model")
    shape = tuple(old.shape[axis] for axis in form.perm) if form.perm else old.shape
    operations = [_renamed(op, name, own) for op in program.operations]
    kept = source is old or any(own in op.inputs for op in operations)
    if not kept:
        operations = [op for op in operations if op.name != maker.name]
    tensors = {key: tensor for key, tensor in program.tensors.items() if key != name}
    if kept:
        tensors[own] = replace(old, name=own)
    read = own if source is old else source.name
    integers_out = form.dtype is OutputDtype.STORED or source is old
    moved = name if integers_out else _unused(program, f"{name}/transposed")
    tensors[moved] = replace(source, name=moved, shape=shape)
    operations.append(_move(_unused(program, f"{name}/hand out"), read, moved, form))
    if not integers_out:
        tensors[name] = replace(old, shape=shape)
        operations.append(
            Dequantize(name=_unused(program, f"{name}/to float"), inputs=(moved,), outputs=(name,))
        )
    return replace(program, tensors=tensors, operations=tuple(operations))


def _move(name: str, read: str, written: str, form: OutputForm) -> Move:
    kind = MoveKind.TRANSPOSE if form.perm else MoveKind.COPY
    arguments = {"perm": form.perm} if form.perm else {}
    return Move(name=name, inputs=(read,), outputs=(written,), kind=kind, arguments=arguments)


def _renamed(op: Operation, old: str, new: str) -> Operation:
    """An operation that writes or reads a tensor under its new name."""
    inputs = tuple(new if name == old else name for name in op.inputs)
    outputs = tuple(new if name == old else name for name in op.outputs)
    if (inputs, outputs) == (op.inputs, op.outputs):
        return op
    return replace(op, inputs=inputs, outputs=outputs)


def _unused(program: Program, name: str) -> str:
    taken = {*program.tensors, *program.constants, *(op.name for op in program.operations)}
    found, number = name, 1
    while found in taken:
        found, number = f"{name}.{number}", number + 1
    return found


def _output(program: Program, form: OutputForm) -> Tensor:
    if form.name not in program.outputs:
        raise ConfigError(
            Code.UNKNOWN_NAME,
            "The model has no such output",
            where="compile.output_processors",
            got=form.name,
            allowed=", ".join(program.outputs),
        )
    tensor = program.tensors[form.name]
    if form.perm and sorted(form.perm) != list(range(len(tensor.shape))):
        raise ConfigError(
            Code.BAD_VALUE,
            "`perm` does not name every axis of the output once",
            where=f"{form.where}: perm",
            got=str(form.perm),
            allowed=f"an order of 0 to {len(tensor.shape) - 1}",
        )
    return tensor


def _failed(form: OutputForm, message: str) -> CompileError:
    return CompileError(
        Code.LOWERING_FAILED,
        message,
        where=form.where,
        allowed='an output that is dequantized at the end, or `dtype = "float32"`',
    )
