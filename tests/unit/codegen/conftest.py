"""Small programs to build and run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toolchain.codegen.native.build import build_executable
from toolchain.codegen.native.tools import (
    Compiler,
    Emulator,
    host_compiler,
    riscv_compiler,
    riscv_emulator,
)
from toolchain.codegen.project import write_project
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.errors import Problem
from toolchain.program.records import Conv, Move, MoveKind, Program, Requantize, Tensor

NAME = 'net "1"'


def convolution(name: str, source: str, result: str, groups: int) -> Conv:
    return Conv(
        name=name,
        inputs=(source,),
        outputs=(result,),
        weight=f"{result}_weight",
        weight_zero_point=None,
        bias=f"{result}_bias",
        x_zero_point=3,
        strides=(1, 1),
        pads=(1, 1, 1, 1),
        dilations=(1, 1),
        groups=groups,
        finish=Requantize(factor="factor", zero_point=3, low=-128, high=127),
    )


def tensor(name: str, *shape: int) -> Tensor:
    return Tensor(name=name, dtype=DType.INT8, shape=shape, scale=0.25, zero_point=3)


@pytest.fixture(scope="session")
def program() -> Program:
    """A convolution, then one channel by channel; operations are called like functions of C."""
    random = np.random.default_rng(1)
    shapes = {"mid": (16, 8, 3, 3), "y": (16, 1, 3, 3)}
    constants: dict[str, Array] = {"factor": np.float32(0.01).reshape(())}
    for name, shape in shapes.items():
        constants[f"{name}_weight"] = random.integers(-128, 128, shape).astype(np.int8)
        constants[f"{name}_bias"] = random.integers(-999, 999, 16).astype(np.int32)
    return Program(
        name=NAME,
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={
            "x": tensor("x", 1, 8, 12, 12),
            "mid": tensor("mid", 1, 16, 12, 12),
            "y": tensor("y", 1, 16, 12, 12),
        },
        constants=constants,
        operations=(convolution("exp", "x", "mid", 1), convolution("memory", "mid", "y", 16)),
    )


@pytest.fixture(scope="session")
def large() -> Program:
    """Moves 4 MiB."""
    move = Move(
        name="move",
        inputs=("x",),
        outputs=("y",),
        kind=MoveKind.TRANSPOSE,
        arguments={"perm": (0, 2, 1)},
    )
    return Program(
        name="large",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={"x": tensor("x", 4, 1024, 1024), "y": tensor("y", 4, 1024, 1024)},
        constants={},
        operations=(move,),
    )


@pytest.fixture(scope="session")
def host() -> Compiler:
    found = host_compiler()
    if isinstance(found, Problem):
        pytest.skip(found.message)
    return found


@pytest.fixture(scope="session")
def riscv() -> Compiler:
    found = riscv_compiler()
    if isinstance(found, Problem):
        pytest.skip(found.message)
    return found


@pytest.fixture(scope="session")
def emulator() -> Emulator:
    found = riscv_emulator()
    if isinstance(found, Problem):
        pytest.skip(found.message)
    return found


def built(program: Program, compiler: Compiler, folder: Path) -> str:
    write_project(program, folder, "net")
    build_executable(folder, compiler, folder / "net")
    return str(folder / "net")


@pytest.fixture(scope="session")
def host_program(program: Program, host: Compiler, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program, built for this machine."""
    return built(program, host, tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="session")
def riscv_program(
    program: Program, riscv: Compiler, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The program, built for RISC-V with vectors."""
    return built(program, riscv, tmp_path_factory.mktemp("riscv"))
