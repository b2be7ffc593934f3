"""What generated code does: calls of kernels, operation by operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from toolchain.codegen.literals import Struct, Word
from toolchain.codegen.operands import Operand

Argument: TypeAlias = Operand | Word
"""A tensor in memory, or the name of a constant."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function of the kernel library; its parameters are of the type NAME_params.

    Attributes:
        name: C function.
        file: Stem of the files that hold it, where that is not its name.
        in_place: True if the first output may take the place of an input of as many elements and at
            least its size, because elements are read before they are written, in rising order.
        parallel: The kernel takes the context, too, and divides its work by it.
    """

    name: str
    file: str = ""
    in_place: bool = False
    parallel: bool = False

    @property
    def header(self) -> str:
        """Stem of the header that declares it."""
        return self.file or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: kernel(&params, inputs..., outputs...[, scratch][, context]).

    Attributes:
        kernel: What is called.
        name: C name of the parameters, unique in the model.
        params: Constant parameters.
        inputs: What is read.
        outputs: What is written.
        scratch_bytes: Working memory for all workers; 0 leaves the argument out.
    """

    kernel: Kernel
    name: str
    params: Struct
    inputs: tuple[Argument, ...]
    outputs: tuple[Operand, ...]
    scratch_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation of the program.

    Attributes:
        op: Its name.
        summary: What it is, for a comment.
        calls: What is called for it; none where the result is another view of its input.
        results: Where its outputs are afterwards, by tensor name.
    """

    op: str
    summary: str
    calls: tuple[Call, ...]
    results: dict[str, Operand]
