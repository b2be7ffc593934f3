"""A generated program as one folder that the Arduino IDE and ESP-IDF take as it is."""

from __future__ import annotations

from math import prod
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from toolchain.codegen.literals import C_TYPES
from toolchain.codegen.project import model_sources, write_files
from toolchain.codegen.sources import template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.codegen.generate import Generated
    from toolchain.program.records import Tensor

_GUARD = "#define TC_BASE_H\n"
_OPTIONS = """
/* The Arduino IDE has no flags for single libraries. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2", "fp-contract=off", "no-strict-aliasing")
#endif
"""


def write_arduino(generated: Generated, folder: Path, stem: str) -> dict[str, str]:
    """Write a program as a library of the Arduino IDE, which is a component of ESP-IDF, too.

    Args:
        generated: The program, generated with the C name `stem`.
        folder: Where files are written; it is made if it does not exist.
        stem: C name of the model and of the library.

    Returns:
        What each file is, by path within `folder`, with `/` between folders.
    """
    program = generated.program
    sources = model_sources(generated, stem)
    base = sources["tc_base.h"]
    sources["tc_base.h"] = base.replace(_GUARD, _GUARD + _OPTIONS)
    inputs = [program.tensors[name] for name in program.inputs]
    outputs = [program.tensors[name] for name in program.outputs]
    values = {
        "name": stem,
        "model": program.name,
        "inputs": ", ".join(f"input_{i}" for i in range(len(inputs))),
        "outputs": ", ".join(f"output_{i}" for i in range(len(outputs))),
        "buffers": "\n".join((*_buffers("input", inputs), *_buffers("output", outputs))),
    }
    made = {
        "library.properties": ("library.properties.in", "what the Arduino IDE shows"),
        "CMakeLists.txt": ("component.cmake.in", "makes the folder a component of ESP-IDF"),
        f"examples/{stem}/{stem}.ino": ("sketch.ino.in", "example: runs the model in a loop"),
    }
    texts = {f"src/{file}": text for file, text in sources.items()}
    for file, (source, _) in made.items():
        texts[file] = Template(template(source)).substitute(values)
    return write_files(texts, folder, stem, {file: words for file, (_, words) in made.items()})


def _buffers(kind: str, tensors: Iterable[Tensor]) -> Iterable[str]:
    for number, tensor in enumerate(tensors):
        yield f"static {C_TYPES[tensor.dtype]} {kind}_{number}[{max(prod(tensor.shape), 1)}];"
