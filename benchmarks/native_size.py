"""Memory and code of generated C, and the time that it takes to generate.

The arena is held against the largest live set of the program's own tensors, each in a place of its
own and without what kernels need for themselves, and against that of the plan, which knows of both;
inputs and outputs are the caller's. Code is what model and kernels add to firmware, without the C
library; constants are all but weights. The time is that of the QDQ model to its files of C.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from measure import parse, parser_of, seconds_of, show, verdict
from native import Built, compiled, needed
from subject import subject

from toolchain.codegen.generate import generate
from toolchain.codegen.native.build import build_library
from toolchain.codegen.native.tools import host_compiler, riscv_compiler
from toolchain.codegen.project import write_project
from toolchain.graph.view import read_view
from toolchain.pipeline.published import open_published
from toolchain.plugin.manager import PluginManager
from toolchain.program.lowering import lower
from toolchain.program.records import Program

MODELS = ("mobilenet_v2", "fastestdet", "mobilevit")
MOST_ARENA = 1.1
MOST_CODE_KB = 150.0
MOST_SECONDS = 5.0

_SECTION = re.compile(r"^(\.\S+) +(\d+) +\d+$", re.MULTILINE)


def main() -> None:
    """Measure every config and print three tables."""
    parser = parser_of(__doc__, *MODELS)
    parser.add_argument("--rounds", type=int, default=3, help="times to generate (%(default)s)")
    given = parse(parser)
    arenas, codes, times = list[Sequence[object]](), list[Sequence[object]](), []
    for config in given.config:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            of = subject(config, folder, given.target, {"calibration.samples": 16})
            built = compiled(of)
            arenas.append((of.name, *_arena(of.name, built.program)))
            codes += [(of.name, *row) for row in _codes(built, folder)]
            times.append((of.name, *_times(built, folder / "again", given.rounds)))
    header: Sequence[str] = ("arena", "live", "arena/live", "plan's live", "arena/live", "verdict")
    show("Arena, in bytes", ("model", *header), arenas)
    header = ("processor", "code", "verdict", "constants", "weights")
    show("Code of model and kernels, in kB", ("model", *header), codes)
    show("Lowering, generating and writing", ("model", "first s", "best s", "verdict"), times)


def _arena(name: str, program: Program) -> Sequence[object]:
    memory = generate(program).memory
    arena, ours, theirs = memory.arena_bytes, largest_live_set(program), memory.bound_bytes
    ratios = arena / ours, arena / theirs
    judged = verdict(max(ratios), MOST_ARENA) if name in MODELS else ""
    return (arena, ours, ratios[0], theirs, ratios[1], judged)


def largest_live_set(program: Program) -> int:
    """Bytes of the tensors that are needed at one time, at most.

    A tensor is needed from the operation that writes it to the last one that reads it.
    """
    callers = {*program.inputs, *program.outputs}
    last = {name: at for at, op in enumerate(program.operations) for name in op.inputs}
    live, largest = dict[str, int](), 0
    for at, op in enumerate(program.operations):
        for name in op.outputs:
            if name and name not in callers:
                tensor = program.tensors[name]
                live[name] = prod(tensor.shape) * tensor.dtype.numpy.itemsize
        largest = max(largest, sum(live.values()))
        live = {name: size for name, size in live.items() if last.get(name, at) > at}
    return largest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of a library.

    Attributes:
        code: Instructions.
        constants: Constant data but weights: parameters of calls, descriptions of tensors.
        weights: What the model learned, and its tables.
    """

    code: int
    constants: int
    weights: int


def _codes(built: Built, folder: Path) -> Iterator[Sequence[object]]:
    for name, compiler in (("RISC-V", riscv_compiler()), ("host", host_compiler())):
        library = folder / f"{name}.a"
        build_library(built.sources, needed(compiler), library)
        sizes = sizes_of(library)
        code, constants, weights = (
            size / 1000 for size in (sizes.code, sizes.constants, sizes.weights)
        )
        yield (name, code, verdict(code, MOST_CODE_KB), constants, weights)


def sizes_of(library: Path) -> Sizes:
    """What the object files of a model's library hold, by the `size` of binutils."""
    said = subprocess.run(  # noqa: S603 - a tool on PATH, and a file of ours
        ["size", "-A", str(library)],  # noqa: S607 - as above
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    code = constants = weights = 0
    for member in said.split("\n\n"):
        for section, size in _SECTION.findall(member):
            if section.startswith(".text"):
                code += int(size)
            elif section.startswith((".rodata", ".data.rel.ro", ".srodata")):
                if member.split()[0].endswith("_weights.o"):
                    weights += int(size)
                else:
                    constants += int(size)
    return Sizes(code=code, constants=constants, weights=weights)


def _times(built: Built, folder: Path, rounds: int) -> Sequence[object]:
    published = open_published(built.folder)
    manager = PluginManager.load()
    options = published.options(manager)
    target = manager.targets()[published.target].facts(options.platform, options.target_options)

    def generated() -> None:
        program = lower(read_view(published.qdq), target, built.name)
        write_project(program, folder, built.name)

    seconds = [seconds_of(generated) for _ in range(rounds)]
    return (seconds[0], min(seconds), verdict(seconds[0], MOST_SECONDS))


if __name__ == "__main__":
    main()
