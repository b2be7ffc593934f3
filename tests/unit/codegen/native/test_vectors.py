"""Programs with vector instructions: what compilers make of the kernels, and what it computes."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from toolchain.codegen.native.build import FLAGS, build_executable
from toolchain.codegen.native.execution import NativeModel
from toolchain.codegen.native.tools import riscv_compiler
from toolchain.codegen.project import write_project
from toolchain.config.overrides import Override
from toolchain.core.progress import SilentProgress
from toolchain.errors import Problem
from toolchain.pipeline.build import build
from toolchain.pipeline.configure import configure
from toolchain.plugin.manager import PluginManager
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

ROOT = Path(__file__).parents[4]
OP_V, OPFVV, OPMVV, OPMVX = 0x57, 0b001, 0b010, 0b110
VWMACC, VFUNARY0 = 0b111101, 0b010010


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Program:
    manager = PluginManager.load()
    output = tmp_path_factory.mktemp("quickstart")
    override = Override(path=("output",), value=str(output), origin="test")
    resolved = configure(
        ROOT / "configs" / "quickstart.toml",
        manager=manager,
        overrides=[override],
        targets=["riscv"],
    )
    build(resolved, manager=manager, progress=SilentProgress(), until="compile")
    (file,) = (output / "riscv").glob("*.program.json")
    return load_program(file.parent, file.name.removesuffix(".program.json"))


def test_the_quickstart_on_vectors_of_every_length(quickstart, riscv, emulator, tmp_path) -> None:
    write_project(quickstart, tmp_path, "digits")
    build_executable(tmp_path, riscv, tmp_path / "digits")
    layers = tuple(name for op in quickstart.operations for name in op.outputs)
    random = np.random.default_rng(2)
    tensors = [quickstart.tensors[name] for name in quickstart.inputs]
    feeds = {t.name: random.normal(0, 1, t.shape).astype(t.dtype.numpy) for t in tensors}
    expected = Interpreter(quickstart).run(feeds, list(layers))
    for vlen in (128, 256, 512):
        command = [*emulator.command(vlen), str(tmp_path / "digits")]
        with NativeModel(command, quickstart, layers=layers) as model:
            found = model.run(feeds)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name, strict=True)


def instructions(elf: bytes) -> Iterator[int]:
    """32-bit instructions of all sections of code in a 64-bit little-endian ELF file."""
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    for number in range(count):
        _, _, flags, _, start, length = struct.unpack_from("<IIQQQQ", elf, table + number * size)
        at, end = start, start + length
        while flags & 0x4 and at + 2 <= end:  # SHF_EXECINSTR
            (low,) = struct.unpack_from("<H", elf, at)
            if low & 0b11 != 0b11:  # compressed
                at += 2
                continue
            yield struct.unpack_from("<I", elf, at)[0]
            at += 4


def widening_multiply_accumulates(elf: bytes) -> int:
    return sum(
        word & 0x7F == OP_V and word >> 26 == VWMACC and word >> 12 & 7 in (OPMVV, OPMVX)
        for word in instructions(elf)
    )


@pytest.mark.parametrize("kernel", ["tc_tile", "tc_depthwise"])
def test_inner_loops_multiply_and_accumulate_widening(program, riscv, kernel, tmp_path) -> None:
    write_project(program, tmp_path, "net")
    scalar = riscv_compiler(vector=False)
    assert not isinstance(scalar, Problem)
    found = {}
    for compiler in (riscv, scalar):
        command = [*compiler.command, *compiler.flags, *FLAGS, "-c", f"{kernel}.c", "-o", "k.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        found[compiler.flags] = widening_multiply_accumulates((tmp_path / "k.o").read_bytes())
    assert found[riscv.flags] > 0
    assert found[scalar.flags] == 0


@pytest.mark.parametrize("kernel", ["tc_finish", "tc_saturate"])
def test_no_vectors_are_truncated(program, riscv, kernel, tmp_path) -> None:
    """QEMU 7.2 fails at vfcvt.rtz and its kind where a block begins, which is up to the layout."""
    write_project(program, tmp_path, "net")
    command = [*riscv.command, *riscv.flags, *FLAGS, "-c", f"{kernel}.c", "-o", "k.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    conversions = {
        word >> 15 & 0b111
        for word in instructions((tmp_path / "k.o").read_bytes())
        if word & 0x7F == OP_V and word >> 12 & 7 == OPFVV and word >> 26 == VFUNARY0
    }
    assert conversions, "integers become floats"
    assert not conversions & {0b101, 0b110, 0b111}, "rounding to odd, or towards zero"
