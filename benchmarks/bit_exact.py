"""Every layer of generated C against the reference interpreter, bit for bit, on real samples.

The programs of every target are compiled for this computer. The RISC-V target's own binary runs in
the emulator, too, on fewer samples, with vector registers of several lengths. Ends with 1 where
anything differs or fails.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from measure import parse, parser_of, show
from native import Built, compiled, needed
from subject import subject

from tc_target_riscv.native import ELF
from toolchain.analysis.lockstep import compare_in_lockstep
from toolchain.codegen.native.build import build_executable
from toolchain.codegen.native.execution import NativeModel
from toolchain.codegen.native.tools import host_compiler, riscv_compiler, riscv_emulator
from toolchain.core.options import CompiledCheckOptions
from toolchain.core.samples import SampleStore
from toolchain.errors import CheckFailed
from toolchain.render.divergence import divergence_lines

MODELS = (
    "quickstart",
    "kws_dscnn",
    "cifar10_resnet20",
    "vww",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "fastestdet",
    "mobilevit",
)
RISCV = "riscv"
TARGETS = (RISCV, "npu", "kdp", "dpu")

Command = Sequence[str]


def main() -> None:
    """Compare every config's programs, print one table, and every first difference below it."""
    parser = parser_of(__doc__, *MODELS)
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--samples", type=int, default=20, help="samples on the host (%(default)s)")
    parser.add_argument("--vlens", type=int, nargs="*", default=[128, 256, 512], help="bits")
    parser.add_argument("--emulated-samples", type=int, default=1, help="for each (%(default)s)")
    given = parse(parser)
    counts = given.samples, given.emulated_samples
    rows: list[Sequence[object]] = []
    differences: list[str] = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"calibration.samples": max(given.samples, 16)}
            of = subject(config, Path(folder), given.targets[0], settings)
            _, samples = of.prepare()
            for target in given.targets:
                built = compiled(replace(of, target=target))
                commands = _commands(built, target, Path(folder), given.vlens, counts)
                for name, command, count in commands:
                    row, first = _compared(built, command, samples, count)
                    rows.append((of.name, target, name, *row))
                    print(*rows[-1], *first, sep="  ", flush=True)
                    differences += [f"{of.name} {target} {name}: {line}" for line in first]
    header = ("model", "target", "form", "samples", "tensors", "elements", "verdict")
    show("Generated C and the reference, every layer", header, rows)
    print(*differences, sep="\n")
    raise SystemExit(1 if differences else 0)


def _commands(
    built: Built, target: str, scratch: Path, vlens: Sequence[int], counts: tuple[int, int]
) -> Iterator[tuple[str, Command, int]]:
    """The compiled forms of a program: what each is called, its command, and its samples."""
    samples, emulated_samples = counts
    build_executable(built.sources, needed(host_compiler()), scratch / "model")
    yield "host", [str(scratch / "model")], samples
    if target != RISCV:
        return
    needed(riscv_compiler())  # without it the build made no binary
    emulator = needed(riscv_emulator())
    for vlen in vlens:
        command = [*emulator.command(vlen), str(built.folder / f"{built.name}{ELF}")]
        yield f"RISC-V, VLEN {vlen}", command, emulated_samples


def _compared(
    built: Built, command: Command, samples: SampleStore, count: int
) -> tuple[Sequence[object], Sequence[str]]:
    """A row of the table, and what is to be said about the first difference."""
    count = min(count, len(samples))
    try:
        with NativeModel(command, built.program, layers=built.program.written) as model:
            runs = ([samples.batch(index)] for index in range(count))
            found = compare_in_lockstep(built.program, model, runs, CompiledCheckOptions())
    except CheckFailed as error:  # it crashed, or the emulator did
        return ("", "", "", "FAILED"), [f"{one.message}: {one.got}" for one in error.problems]
    verdict = "equal" if found.failure is None else "DIFFERENT"
    row = (found.samples, found.tensors, found.elements, verdict)
    if found.failure is None:
        return row, []
    return row, list(divergence_lines(found.failure.divergence))


if __name__ == "__main__":
    main()
