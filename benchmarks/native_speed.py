"""Generated C on one core of this computer against onnxruntime and another generator of C.

onnxruntime runs the QDQ model of the same build with one thread. emx-onnx-cgen generates C from the
simplified float model; without it (`pip install emx-onnx-cgen`) it is left out. Both programs are
built with -O3 -march=native, ours without contraction, and time themselves in one process.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import IO

from measure import Times, parse, parser_of, ratio, show, verdict
from native import Built, compiled, needed
from subject import subject

from toolchain.codegen.native.build import build_executable
from toolchain.codegen.native.tools import host_compiler
from toolchain.codegen.project import model_name
from toolchain.core.dtypes import Array
from toolchain.graph.session import open_session
from toolchain.pipeline.published import open_published
from toolchain.program.records import Program

LIMITS = {"onnxruntime": 4.0, "emx": 1.0}
MAIN = Path(__file__).with_name("time_model.c")

Took = tuple[float, float]
"""Wall time and time on the processor of one run, in seconds."""


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2", "cifar10_resnet20")
    parser.add_argument("--rounds", type=int, default=100, help="rounds, by turns (%(default)s)")
    given = parse(parser)
    rows: list[Sequence[object]] = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder = Path(name)
            of = subject(config, folder, given.target, {"calibration.samples": 16})
            _, samples = of.prepare()
            built = compiled(of)
            things = _things(built, samples.batch(0), folder, stack)
            rows += _rows(of.name, _by_turns(things, given.rounds))
    header = ("model", "form", "best ms", "median ms", "ours over it", "verdict")
    show("Generated C, one thread, per sample", header, rows)


def _things(
    built: Built, feeds: Mapping[str, Array], folder: Path, stack: ExitStack
) -> dict[str, Callable[[], Took]]:
    """What is measured, each run once by a call; `stack` ends the processes."""
    session = open_session(open_published(built.folder).qdq, threads=1)

    def onnxruntime() -> Took:
        wall, processor = time.perf_counter(), time.process_time()
        session.run(None, feeds)
        return time.perf_counter() - wall, time.process_time() - processor

    (feed,) = feeds.values()
    (folder / "input.bin").write_bytes(feed.tobytes())
    things = {"ours": _timed(_ours(built, folder), stack), "onnxruntime": onnxruntime}
    generator = shutil.which("emx-onnx-cgen", path=Path(sys.executable).parent)
    if generator is None:
        print("emx-onnx-cgen is not installed and is left out: pip install emx-onnx-cgen")
    else:
        things["emx"] = _timed(_emx(generator, built, folder), stack)
    return things


def _ours(built: Built, folder: Path) -> Path:
    """The program, with the main function that times it."""
    project = folder / "ours"
    shutil.copytree(built.sources, project)
    shutil.copy(MAIN, project / "main.c")
    flags = (f"-DTC_MODEL={model_name(built.name)}", *_sizes(built.program, folder))
    build_executable(project, needed(host_compiler()), project / "timed", flags=flags)
    return project / "timed"


def _emx(generator: str, built: Built, folder: Path) -> Path:
    """The float model by emx-onnx-cgen, with the same main function."""
    project = folder / "emx"
    project.mkdir()
    model = open_published(built.folder).optimized
    generate = [generator, "compile", "--model-name", "emx", str(model), str(project / "emx.c")]
    subprocess.run(generate, check=True, capture_output=True)  # noqa: S603 - an installed command
    compiler = needed(host_compiler())
    flags = ('-DEMX="emx.c"', "-I.", *_sizes(built.program, folder))
    command = [*compiler.command, *compiler.flags, "-O3", "-w", *flags, str(MAIN)]
    subprocess.run([*command, "-o", "timed", "-lm"], cwd=project, check=True)  # noqa: S603
    return project / "timed"


def _sizes(program: Program, folder: Path) -> Sequence[str]:
    """Flags that tell the main function of the input and the output."""
    ((source,), (result,)) = (
        [program.tensors[name] for name in names] for names in (program.inputs, program.outputs)
    )
    sizes = [prod(one.shape) * one.dtype.numpy.itemsize for one in (source, result)]
    file = folder / "input.bin"
    return [f"-DINPUT_BYTES={sizes[0]}", f"-DOUTPUT_BYTES={sizes[1]}", f'-DINPUT="{file}"']


def _timed(executable: Path, stack: ExitStack) -> Callable[[], Took]:
    """Starts a program that runs and times itself whenever it is called."""
    process = stack.enter_context(
        subprocess.Popen(  # noqa: S603 - what was just built
            [str(executable)],
            cwd=executable.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    asks, answers = _pipe(process.stdin), _pipe(process.stdout)
    stack.callback(asks.close)  # the process ends with its input

    def run() -> Took:
        asks.write("\n")
        asks.flush()
        wall, processor = map(float, answers.readline().split())
        return wall, processor

    return run


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _by_turns(things: Mapping[str, Callable[[], Took]], rounds: int) -> dict[str, Times]:
    """A B C A B C ...; the first round warms up."""
    took = [{name: thing() for name, thing in things.items()} for _ in range(rounds + 1)][1:]
    return {
        name: Times(
            rounds=tuple(one[name][0] for one in took), cpu=tuple(one[name][1] for one in took)
        )
        for name in things
    }


def _rows(model: str, times: Mapping[str, Times]) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = []
    for name, each in times.items():
        row = (model, name, 1000 * each.best, 1000 * each.middle)
        if name in LIMITS:
            found = ratio(times["ours"], each)
            rows.append((*row, found, verdict(found.best, LIMITS[name])))
        else:
            rows.append((*row, "", ""))
    return rows


if __name__ == "__main__":
    main()
