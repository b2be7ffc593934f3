"""Runs one operation in C between two that want their tensors channels-last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from toolchain.codegen.generate import generate
from toolchain.core.dtypes import Array, DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Operation, Pool, PoolKind, Program, Tensor
from toolchain.testing.compiled import COMPILER, assert_same
from toolchain.testing.machines import refused, run_on_machine

Between = Callable[..., list[str]]


def copy(name: str, source: str, rank: int) -> Pool:
    """A maximum over windows of one element."""
    ones, zeros = (1,) * (rank - 2), (0,) * (rank - 2)
    return Pool(
        name=name,
        inputs=(source,),
        outputs=(name,),
        kind=PoolKind.MAX,
        kernel=ones,
        strides=ones,
        pads=zeros * 2,
        dilations=ones,
        count_include_pad=False,
        x_zero_point=0,
        factor=1.0,
        zero_point=0,
        low=-(2**31),
        high=2**31 - 1,
    )


@pytest.fixture
def window_of_one() -> Callable[[str, str, int], Pool]:
    """An operation that wants its tensors channels-last and changes nothing."""
    return copy


@pytest.fixture
def between(some_machine: Machine) -> Between:
    """Compare C and a machine with the interpreter; the kernels that C calls for `op`.

    The input is random. Machines compare every tensor; operations that they refuse are left out.
    """
    if COMPILER is None:
        pytest.skip("there is no C compiler `cc`")

    def run(
        op: Operation,
        x: tuple[DType, tuple[int, ...]],
        y: tuple[DType, tuple[int, ...]],
        constants: Mapping[str, Array] | None = None,
        rounding: Rounding = Rounding.HALF_EVEN,
    ) -> list[str]:
        shapes = {"fed": x, "x": x, "y": y}
        operations: list[Operation] = [copy("x", "fed", len(x[1])), op]
        if y[0].bits <= 16 and len(y[1]) > 2:
            operations.append(copy("out", "y", len(y[1])))
            shapes["out"] = y
        program = Program(
            name="between",
            rounding=rounding,
            inputs=("fed",),
            outputs=operations[-1].outputs,
            tensors={
                name: Tensor(name=name, dtype=dtype, shape=shape)
                for name, (dtype, shape) in shapes.items()
            },
            constants=dict(constants or {}),
            operations=tuple(operations),
        )
        low, high = x[0].qmin, x[0].qmax + 1
        fed = np.random.default_rng(1).integers(low, high, x[1]).astype(x[0].numpy)
        assert_same(program, {"fed": fed})
        if refused(program, some_machine) is None:
            found = run_on_machine(program, {"fed": fed}, some_machine)
            expected = Interpreter(program).run({"fed": fed}, observe=tuple(found))
            assert {"x", "y"} <= set(found)
            for name, array in found.items():
                np.testing.assert_array_equal(array, expected[name])
        return [call.kernel.name for call in generate(program).steps[1].calls]

    return run
