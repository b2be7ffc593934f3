from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from toolchain.codegen.arduino import write_arduino
from toolchain.codegen.generate import generate
from toolchain.codegen.project import write_project
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Binary, BinaryKind, Program, Tensor

SERIAL = """
#include <cstddef>
#include <cstdio>
struct Port {
    void begin(long) {}
    template <typename T> void print(T) {}
    template <typename T> void println(T value) { std::printf("%ld\\n", (long)value); }
};
static Port Serial;
static unsigned long millis() { return 0; }
static void delay(unsigned long) {}
"""


def compiled(arguments: Sequence[object], folder: Path) -> None:
    path = shutil.which(str(arguments[0]))
    if path is None:
        pytest.skip(f"{arguments[0]} is not installed")
    done = subprocess.run(
        [path, *map(str, arguments[1:])], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_folder_is_a_library(program, tmp_path: Path) -> None:
    described = write_arduino(generate(program, name="net"), tmp_path, "net")
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == set(described)
    assert all(described.values())
    assert {
        "library.properties",
        "CMakeLists.txt",
        "examples/net/net.ino",
        "src/net.h",
        "src/tc_base.h",
    } <= files
    assert not {"src/main.c", "src/Makefile"} & files
    lines = (tmp_path / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert fields["name"] == "net"
    assert fields["includes"] == "net.h"


def test_the_component_takes_all_sources(program, tmp_path: Path) -> None:
    write_arduino(generate(program, name="net"), tmp_path, "net")
    text = (tmp_path / "CMakeLists.txt").read_text()
    assert 'INCLUDE_DIRS "src"' in text
    assert "-ffp-contract=off" in text


def test_the_sketch_compiles_and_runs(program, tmp_path: Path) -> None:
    write_arduino(generate(program, name="net"), tmp_path, "net")
    sources = sorted(path.name for path in (tmp_path / "src").glob("*.c"))
    compiled(
        ["gcc", "-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-c", *sources],
        tmp_path / "src",
    )
    sketch = (tmp_path / "examples" / "net" / "net.ino").read_text()
    (tmp_path / "sketch.cpp").write_text(f"{SERIAL}\n{sketch}\nint main() {{ setup(); loop(); }}\n")
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Isrc"]
    objects = [f"src/{Path(name).stem}.o" for name in sources]
    compiled(["g++", *flags, "sketch.cpp", *objects, "-o", "sketch", "-lm"], tmp_path)
    done = subprocess.run([tmp_path / "sketch"], capture_output=True, text=True, check=True)
    zeros = np.zeros((1, 8, 12, 12), np.int8)
    expected = Interpreter(program, threads=1).run({"x": zeros})["y"]
    printed = [int(line) for line in done.stdout.splitlines()[1:]]
    assert printed == expected.reshape(-1).tolist()


ADDITION = Binary(
    name="add",
    inputs=("a", "b"),
    outputs=("y",),
    kind=BinaryKind.ADD,
    a_zero_point=0,
    b_zero_point=0,
    a_factor=0.3,
    b_factor=0.7,
    zero_point=0,
    low=-128,
    high=127,
)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="looks for instructions of x86")
def test_products_and_sums_are_not_contracted_whatever_the_flags(tmp_path: Path) -> None:
    tensors = {n: Tensor(name=n, dtype=DType.INT8, shape=(64,)) for n in ("a", "b", "y")}
    program = Program(
        name="sum",
        rounding=Rounding.HALF_EVEN,
        inputs=("a", "b"),
        outputs=("y",),
        tensors=tensors,
        constants={},
        operations=(ADDITION,),
    )
    write_arduino(generate(program, name="sum"), tmp_path / "sketch", "sum")
    write_project(program, tmp_path / "project", "sum")
    command = ["gcc", "-std=gnu11", "-O2", "-march=x86-64-v3", "-S", "tc_binary.c", "-o", "text.s"]
    fused = []
    for folder in (tmp_path / "project", tmp_path / "sketch" / "src"):
        compiled(list(command), folder)
        fused.append("vfm" in (folder / "text.s").read_text())
    assert fused == [True, False]
