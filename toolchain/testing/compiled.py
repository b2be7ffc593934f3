"""Programs as C, compiled strictly and with sanitizers, run on the machine of the tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.codegen.generate import generate
from toolchain.codegen.sources import INCLUDE, kernel_files, kernel_source
from toolchain.codegen.writer import Writer
from toolchain.core.dtypes import Array
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program

COMPILER = shutil.which("cc")
WARNINGS = "-Wall -Wextra -Wconversion -Wpedantic -Werror".split()
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all".split()
FLAGS = ["-std=c99", "-O1", "-ffp-contract=off", "-fno-strict-aliasing", *WARNINGS]


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tc-codegen-"))


def run_command(command: list[str], folder: Path | None = None, given: bytes = b"") -> bytes:
    """What a command writes; AssertionError with what it says if it fails."""
    done = subprocess.run(  # noqa: S603 - the compiler found on the path, and what it made
        command,
        cwd=folder,
        input=given,
        capture_output=True,
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def _compile(sources: Mapping[str, str], name: str, sanitizers: Sequence[str]) -> Path:
    """The object file of `name`, compiled once for each content of all `sources`."""
    text = "\0".join(f"{key}\0{value}" for key, value in sorted(sources.items()))
    text += "\0".join(("", name, *sanitizers))
    folder = _folder() / hashlib.sha256(text.encode()).hexdigest()[:16]
    result = folder / "object.o"
    if not result.exists():
        folder.mkdir()
        for key, value in sources.items():
            (folder / key).write_text(value)
        command = [str(COMPILER), *FLAGS, *sanitizers, "-DTC_MODEL=model", "-c", name]
        run_command([*command, "-o", result.name], folder)
    return result


def _with_headers(name: str, text: str, more: Mapping[str, str]) -> dict[str, str]:
    """A C file with the headers of kernels that it includes, and `more` headers."""
    texts = {name: text, **more}
    stems = [stem for item in texts.values() for stem in INCLUDE.findall(item)]
    kernels = kernel_files(stem for stem in stems if f"{stem}.h" not in more)
    return {**{key: item for key, item in kernels.items() if key.endswith(".h")}, **texts}


def executable(
    program: Program,
    *,
    workers: int = 1,
    main: str | None = None,
    sanitizers: Sequence[str] = SANITIZERS,
) -> Path:
    """The program as an executable; `main` takes the place of the one that `run_in_c` feeds."""
    generated = generate(program, workers=workers)
    model = Writer(generated, "model").files()
    kernels = kernel_files(["tc_model", *(call.kernel.header for call in generated.calls)])
    own = {name: text for name, text in model.items() if name.endswith(".h")}
    files = {"main.c": main or kernel_source("main.c") or "", **kernels, **model}
    objects = [
        _compile(_with_headers(name, text, own if name in model else {}), name, sanitizers)
        for name, text in files.items()
        if name.endswith(".c")
    ]
    key = hashlib.sha256("".join(map(str, objects)).encode()).hexdigest()[:16]
    result = _folder() / f"model-{key}"
    if not result.exists():
        libraries = ["-lm", "-lpthread"]
        command = [str(COMPILER), *sanitizers, *map(str, objects), "-o", str(result), *libraries]
        run_command(command, _folder())
    return result


def run_in_c(program: Program, feeds: Mapping[str, Array], *, workers: int = 1) -> dict[str, Array]:
    """Every tensor that operations of the program write, as C computes it."""
    generated = generate(program, workers=workers)
    raw = b"".join(np.ascontiguousarray(feeds[name]).tobytes() for name in program.inputs)
    output = run_command([str(executable(program, workers=workers)), "--layers"], given=raw)
    layers = [name for step in generated.steps for name in step.results]
    found: dict[str, Array] = {}
    at = 0
    for name in (*program.outputs, *layers):
        tensor = program.tensors[name]
        size = prod(tensor.shape) * tensor.dtype.numpy.itemsize
        array: NDArray[np.generic] = np.frombuffer(output[at : at + size], tensor.dtype.numpy)
        found[name] = array.reshape(tensor.shape)
        at += size
    if at != len(output):
        raise AssertionError(f"{len(output)} bytes of outputs and layers instead of {at}")
    return found


def assert_same(program: Program, feeds: Mapping[str, Array], *, workers: int = 1) -> None:
    """C and the reference interpreter agree in every bit of every tensor."""
    computed = run_in_c(program, feeds, workers=workers)
    expected = Interpreter(program, threads=1).run(feeds, list(computed))
    for name, array in computed.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name, strict=True)
