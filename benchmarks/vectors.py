"""Instructions that a sample takes on RISC-V, with the vector extension and without it.

The emulator counts them with a plugin. Its own time says little, but stands beside them: it runs
most scalar instructions as one of the machine's, and vector instructions as loops over their
elements. What starts the program and translates it, which happens once, is in neither.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import parse, parser_of, show, verdict
from native import Built, compiled, needed
from subject import subject

from toolchain.codegen.native.build import build_executable
from toolchain.codegen.native.tools import host_compiler, riscv_compiler, riscv_emulator

LIMIT = 1 / 3
TIMED = 50_000_000
"""Instructions to time: as many samples as it takes."""
PLUGIN = Path(__file__).with_name("count_instructions.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one sample takes.

    Attributes:
        millions: Instructions.
        seconds: Time of the emulator on the processor of this machine.
    """

    millions: float
    seconds: float


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2", "cifar10_resnet20", "kws_dscnn")
    parser.add_argument("--vlen", type=int, nargs="+", default=[128, 256, 512], help="bits")
    given = parse(parser)
    rows: list[Sequence[object]] = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            of = subject(config, folder, given.target, {"calibration.samples": 16})
            _, samples = of.prepare()
            sample = b"".join(feed.tobytes() for feed in samples.batch(0).values())
            rows += _measured(of.name, compiled(of), sample, folder, given.vlen)
    header = ("model", "vlen", "scalar", "vectors", "vectors/scalar", "verdict", "seconds, alike")
    show("Instructions per sample on RISC-V, in millions", header, rows)


def _measured(
    name: str, built: Built, sample: bytes, folder: Path, lengths: Sequence[int]
) -> list[Sequence[object]]:
    for kind in ("scalar", "vectors"):
        compiler = needed(riscv_compiler(vector=kind == "vectors"))
        build_executable(built.sources, compiler, folder / kind)
    plugin = folder / "plugin.so"
    compile_plugin = (*needed(host_compiler()).command, "-O2", "-shared", "-fPIC")
    command = [*compile_plugin, str(PLUGIN), "-o", str(plugin)]
    subprocess.run(command, check=True)  # noqa: S603 - a compiler that was found
    scalar = _cost(folder / "scalar", lengths[0], plugin, sample)
    rows: list[Sequence[object]] = []
    for vlen in lengths:
        vectors = _cost(folder / "vectors", vlen, plugin, sample)
        found = vectors.millions / scalar.millions
        millions = (f"{scalar.millions:.1f}", f"{vectors.millions:.1f}")
        seconds = f"{scalar.seconds:.3f}, {vectors.seconds:.3f}"
        rows.append((name, vlen, *millions, found, verdict(found, LIMIT), seconds))
    return rows


def _cost(executable: Path, vlen: int, plugin: Path, sample: bytes) -> Cost:
    """Of samples after the first, which has everything translated."""
    plain = [*needed(riscv_emulator()).command(vlen), str(executable)]
    counting = [plain[0], "-plugin", str(plugin), *plain[1:]]
    one, two = (int(_run(counting, sample * times)[1].split()[-1]) for times in (1, 2))
    more = math.ceil(TIMED / (two - one))
    first, all_ = (min(_run(plain, sample * times)[0] for _ in range(3)) for times in (1, 1 + more))
    return Cost(millions=(two - one) / 1e6, seconds=(all_ - first) / more)


def _run(command: Sequence[str], samples: bytes) -> tuple[float, bytes]:
    """User seconds of a process, and what it wrote to stderr; CalledProcessError if it fails."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(samples)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603 - what was just built
            command, stdin=given, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        said.seek(0)
        return usage.ru_utime, said.read()


if __name__ == "__main__":
    main()
