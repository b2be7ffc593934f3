"""Instructions that a sample takes on RISC-V, with the vector extension and without it.

The emulator counts them with a plugin. Its own time says little: it runs most scalar instructions
as one of the machine's, and vector instructions as loops over their elements. Both are printed.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from measure import parse, parser_of, seconds_of, show, verdict
from subject import file_of, subject

from toolchain.codegen.native.build import build_executable
from toolchain.codegen.native.execution import NativeModel
from toolchain.codegen.native.tools import (
    Compiler,
    Emulator,
    host_compiler,
    riscv_compiler,
    riscv_emulator,
)
from toolchain.codegen.project import write_project
from toolchain.core.dtypes import Array
from toolchain.errors import Problem, SystemFailure
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

LIMIT = 1 / 3
Tool = TypeVar("Tool", Compiler, Emulator)
PLUGIN = Path(__file__).with_name("count_instructions.c")


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2", "cifar10_resnet20", "kws_dscnn")
    parser.add_argument("--vlen", type=int, nargs="+", default=[128, 256, 512], help="bits")
    given = parse(parser)
    rows: list[Sequence[object]] = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            of = subject(config, folder, given.target)
            file = file_of(of.build("compile"), ".program.json")
            program = load_program(file.parent, file.name.removesuffix(".program.json"))
            rows += _measured(of.name, program, folder, given.vlen)
    header = ("model", "vlen", "scalar", "vectors", "vectors/scalar", "verdict", "seconds, alike")
    show("Instructions per sample on RISC-V, in millions", header, rows)


def _measured(
    name: str, program: Program, folder: Path, lengths: Sequence[int]
) -> list[Sequence[object]]:
    write_project(program, folder / "c", "model")
    for kind in ("scalar", "vectors"):
        compiler = _there(riscv_compiler(vector=kind == "vectors"))
        build_executable(folder / "c", compiler, folder / kind)
    plugin = folder / "plugin.so"
    compile_plugin = (*_there(host_compiler()).command, "-O2", "-shared", "-fPIC")
    command = [*compile_plugin, str(PLUGIN), "-o", str(plugin)]
    subprocess.run(command, check=True)  # noqa: S603 - a compiler that was found
    random = np.random.default_rng(0)
    tensors = [program.tensors[name] for name in program.inputs]
    feeds = {t.name: random.normal(0, 1, t.shape).astype(t.dtype.numpy) for t in tensors}
    scalar, scalar_seconds = _sample(program, folder / "scalar", lengths[0], plugin, feeds)
    rows: list[Sequence[object]] = []
    for vlen in lengths:
        vectors, seconds = _sample(program, folder / "vectors", vlen, plugin, feeds)
        found = vectors / scalar
        counts = (f"{scalar / 1e6:.1f}", f"{vectors / 1e6:.1f}", f"{found:.3f}")
        times = f"{scalar_seconds:.3f} {seconds:.3f}"
        rows.append((name, vlen, *counts, verdict(found, LIMIT), times))
    return rows


def _sample(
    program: Program, executable: Path, vlen: int, plugin: Path, feeds: dict[str, Array]
) -> tuple[int, float]:
    """Instructions and emulated seconds of one sample, without those of the program's start."""
    emulator = _there(riscv_emulator()).command(vlen)
    sample = b"".join(feeds[name].tobytes() for name in program.inputs)
    counts = [
        int(
            subprocess.run(  # noqa: S603 - what was just built
                [*emulator, "-plugin", str(plugin), str(executable)],
                input=sample * times,
                capture_output=True,
                check=True,
            ).stderr.split()[-1]
        )
        for times in (1, 2)
    ]
    with NativeModel([*emulator, str(executable)], program) as model:
        model.run(feeds)  # what is emulated is translated at its first execution
        seconds = min(seconds_of(lambda: model.run(feeds)) for _ in range(3))
    return counts[1] - counts[0], seconds


def _there(found: Tool | Problem) -> Tool:
    if isinstance(found, Problem):
        raise SystemFailure.of([found])
    return found


if __name__ == "__main__":
    main()
