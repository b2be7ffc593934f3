"""A generated program as a folder that builds without anything but a C compiler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from toolchain.codegen.generate import generate
from toolchain.codegen.literals import identifier
from toolchain.codegen.sources import kernel_files, kernel_source, template
from toolchain.codegen.writer import Writer

if TYPE_CHECKING:
    from toolchain.codegen.generate import Generated
    from toolchain.program.records import Program

_MAIN_MODEL = "#define TC_MODEL model"
"""The line of main.c that names the model."""
_MADE: Mapping[str, str] = {
    "Makefile": "builds the library and the example",
    "CMakeLists.txt": "the same for CMake",
    "README.md": "how to build and call the model",
}


def model_name(name: str) -> str:
    """The C name of a model, and the stem of its files."""
    return identifier(name, set())


def write_project(program: Program, folder: Path, name: str, *, workers: int = 1) -> dict[str, str]:
    """Write a program as C with an example, a Makefile and a CMake file.

    Args:
        program: What the C computes.
        folder: Where files are written; it is made if it does not exist.
        name: Name of the model; in C it is `model_name(name)`.
        workers: Parts into which kernels divide their work for `parallel_for`.

    Returns:
        What each file is, by name.

    Raises:
        CompileError: LOWERING_FAILED for an operation that there is no C for.
    """
    stem = model_name(name)
    return write_generated(generate(program, name=stem, workers=workers), folder, stem)


def write_generated(generated: Generated, folder: Path, stem: str) -> dict[str, str]:
    """As `write_project`, of a program that was generated with the C name `stem`."""
    program = generated.program
    texts = model_sources(generated, stem)
    main = kernel_source("main.c") or ""
    texts["main.c"] = main.replace(_MAIN_MODEL, f"#define TC_MODEL {stem}")
    values = {
        "name": stem,
        "model": program.name,
        "inputs": len(program.inputs),
        "outputs": len(program.outputs),
    }
    for file in _MADE:
        texts[file] = Template(template(f"{file}.in")).substitute(values)
    return write_files(texts, folder, stem, _MADE)


def model_sources(generated: Generated, stem: str) -> dict[str, str]:
    """Texts of the model and of the kernels that it calls, by file name."""
    headers = ["tc_model", *(call.kernel.header for call in generated.calls)]
    return {**Writer(generated, stem).files(), **kernel_files(headers)}


def write_files(
    texts: Mapping[str, str], folder: Path, stem: str, made: Mapping[str, str]
) -> dict[str, str]:
    """Write texts by path within `folder`; what each is, of which `made` says some."""
    known = {**_sources(stem), **made}
    found = {}
    for file, text in texts.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        found[file] = known.get(file) or known.get(path.name, "a kernel")
    return found


def _sources(stem: str) -> Mapping[str, str]:
    return {
        f"{stem}.h": "what firmware includes: how to call the model, its inputs and outputs",
        f"{stem}.c": "the calls of kernels, with their parameters, and the arena",
        f"{stem}_layers.c": "names, types and layouts of all tensors",
        f"{stem}_weights.h": "declarations of the constants",
        f"{stem}_weights.c": "the constants",
        "tc_model.h": "the types that describe a model",
        "tc_base.h": "what all kernels share",
        "main.c": "example: runs the model on tensors from standard input",
    }
