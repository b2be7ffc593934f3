"""Operations that are put before those of a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.program.records import (
    Conv,
    Move,
    MoveKind,
    Operation,
    Program,
    Requantize,
    Resize,
    Tensor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.dtypes import Array
    from toolchain.program.processors.colors import FixedPoint


@dataclass
class Steps:
    """Collects what one processor adds to a program.

    Attributes:
        program: The program without it.
        label: What new names begin with.
    """

    program: Program
    label: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)

    def name(self, what: str) -> str:
        """A name that nothing has yet."""
        taken = {
            *self.program.tensors,
            *self.tensors,
            *self.program.constants,
            *self.constants,
            *(op.name for op in (*self.program.operations, *self.operations)),
        }
        found, number = f"{self.label}/{what}", 1
        while found in taken:
            found, number = f"{self.label}/{what}.{number}", number + 1
        return found

    def tensor(self, what: str, like: Tensor, shape: tuple[int, ...]) -> str:
        """A new tensor with the type and parameters of another one."""
        name = self.name(what)
        self.tensors[name] = replace(like, name=name, shape=shape)
        return name

    def constant(self, what: str, array: Array) -> str:
        """A new constant."""
        name = self.name(what)
        self.constants[name] = np.array(array, order="C")
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self._known(name).shape

    def _known(self, name: str) -> Tensor:
        return self.tensors.get(name) or self.program.tensors[name]

    def reshape(self, x: str, shape: tuple[int, ...]) -> str:
        """The same elements in another shape."""
        if self.shape(x) == shape:
            return x
        if prod(self.shape(x)) != prod(shape):
            raise ValueError(f"{self.shape(x)} does not hold the elements of {shape}")
        return self._move(MoveKind.RESHAPE, (x,), shape, {})

    def transpose(self, x: str, perm: tuple[int, ...]) -> str:
        """Axes in another order."""
        shape = tuple(self.shape(x)[axis] for axis in perm)
        return self._move(MoveKind.TRANSPOSE, (x,), shape, {"perm": perm})

    def slice(self, x: str, firsts: Sequence[int], ends: Sequence[int]) -> str:
        """The elements from `firsts` to before `ends` of every axis."""
        old = self.shape(x)
        axes = tuple(a for a in range(len(old)) if (firsts[a], ends[a]) != (0, old[a]))
        if not axes:
            return x
        shape = tuple(end - first for first, end in zip(firsts, ends, strict=True))
        arguments = {
            "starts": tuple(firsts[a] for a in axes),
            "ends": tuple(ends[a] for a in axes),
            "axes": axes,
            "steps": (1,) * len(axes),
        }
        return self._move(MoveKind.SLICE, (x,), shape, arguments)

    def part(self, x: str, axis: int, first: int, end: int) -> str:
        """The elements from `first` to before `end` of one axis."""
        shape = self.shape(x)
        firsts, ends = [0] * len(shape), list(shape)
        firsts[axis], ends[axis] = first, end
        return self.slice(x, firsts, ends)

    def pad(self, x: str, pads: tuple[int, ...], fill: int) -> str:
        """Elements added before and behind every axis."""
        old = self.shape(x)
        rank = len(old)
        shape = tuple(n + pads[a] + pads[rank + a] for a, n in enumerate(old))
        return self._move(MoveKind.PAD, (x,), shape, {"pads": pads}, fill=fill)

    def concat(self, parts: Sequence[str], axis: int) -> str:
        """Tensors one behind the other."""
        shape = list(self.shape(parts[0]))
        shape[axis] = sum(self.shape(part)[axis] for part in parts)
        return self._move(MoveKind.CONCAT, tuple(parts), tuple(shape), {"axis": (axis,)})

    def _move(
        self,
        kind: MoveKind,
        inputs: tuple[str, ...],
        shape: tuple[int, ...],
        arguments: dict[str, tuple[int, ...]],
        fill: int = 0,
    ) -> str:
        y = self.tensor(kind.value, self._known(inputs[0]), shape)
        self.operations.append(
            Move(name=y, inputs=inputs, outputs=(y,), kind=kind, arguments=arguments, fill=fill)
        )
        return y

    def doubled(self, x: str, axes: tuple[int, ...]) -> str:
        """Every element twice along some axes."""
        shape = tuple(n * (2 if a in axes else 1) for a, n in enumerate(self.shape(x)))
        low = tuple(
            self.constant("positions", np.arange(shape[a], dtype=np.int32) // 2) for a in axes
        )
        y = self.tensor("doubled", self._known(x), shape)
        self.operations.append(
            Resize(
                name=y,
                inputs=(x,),
                outputs=(y,),
                axes=axes,
                low=low,
                high=(),
                weights=(),
                x_zero_point=0,
                factor=1.0,
                zero_point=0,
            )
        )
        return y

    def matrix(self, x: str, numbers: FixedPoint, fraction_bits: int) -> str:
        """Channels (axis 1) as sums of channels, in fixed point, cut to 8 bits."""
        y = self.tensor("colors", self._known(x), self.shape(x))
        factor = np.float32(2.0**-fraction_bits)
        self.operations.append(
            Conv(
                name=y,
                inputs=(x,),
                outputs=(y,),
                weight=self.constant("weight", numbers.weight[:, :, None, None]),
                weight_zero_point=None,
                bias=self.constant("bias", numbers.bias),
                x_zero_point=0,
                strides=(1, 1),
                pads=(0, 0, 0, 0),
                dilations=(1, 1),
                groups=1,
                finish=Requantize(
                    factor=self.constant("factor", np.asarray(factor)),
                    zero_point=0,
                    low=DType.UINT8.qmin,
                    high=DType.UINT8.qmax,
                ),
            )
        )
        return y
