"""Compiled models: their size for several batches, and the time to compile and to simulate them.

Containers of batches 1, 2 and 4 share their constants, so that they are hardly larger than those of
one sample. Times are of one process with one BLAS thread: of the integer program to the container
in memory, and of one sample on a simulator that has verified the code. Growth is that of programs
that repeat one residual block of two convolutions, up to thousands of operators. Ends with 1 where
a limit is missed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from machines import (
    MACHINES,
    Chip,
    chip_subject,
    chips_with,
    compiled_for,
    in_processes,
    parser_for_machines,
)
from measure import Times, by_turns, show, verdict

from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.accelerator.container.file import encode_container
from toolchain.accelerator.container.records import Container, MachineSegment
from toolchain.accelerator.runtime import Runtime
from toolchain.core.dtypes import Array
from toolchain.core.quant import Rounding
from toolchain.program.records import Operation, Program
from toolchain.testing.programs import BINARY, CONV, i8

BATCHES = (1, 2, 4)
SIZED = "ax650-npu1"
TIMED = ("mobilenet_v2", "ax650-npu3")
GROWN = "ax650-npu1"
MOST_SIZE = 1.15
MOST_COMPILE_SECONDS = 8.0
MOST_RUN_SECONDS = 10.0
MOST_GROWTH = 1.3
"""Seconds for an operator over the fewest of any shorter program: close to linear.

The fewest, because the compiler makes fewer tries of long programs, which hides growth otherwise.
"""

_CHANNELS, _EXTENT = 16, 16


def main() -> None:
    """Measure sizes, times and growth, and print three tables."""
    parser = parser_for_machines(__doc__)
    parser.add_argument("--operators", type=int, nargs="*", default=[500, 1000, 2500, 5000])
    given = parser.parse_args()
    chips = chips_with(given.machines or (SIZED,))
    jobs = [(model, chip) for model in given.models for chip in chips]
    sizes = list(in_processes(sized, jobs, given.processes))
    header: Sequence[str] = ("batch 1 kB", "batches kB", "ratio", "verdict")
    show("Containers of batches 1, 2, 4 over those of 1", ("model", "machine", *header), sizes)
    # One process at a time from here on: they would take time from each other.
    times = list(in_processes(times_of, [TIMED] if TIMED[0] in given.models else [], 1))
    show(
        "mobilenet_v2, one sample",
        ("what", "machine", "first s", "second s", "cpu s", "verdict"),
        times,
    )
    grown = list(in_processes(growth, [(given.operators,)], 1))
    header = ("operators", "instructions", "seconds", "ms/operator", "over the least", "verdict")
    show(f"Compiling residual blocks for {GROWN}", header, grown)
    rows = [*sizes, *times, *grown]
    raise SystemExit(1 if any(str(row[-1]).startswith("MISSED") for row in rows) else 0)


def sized(model: str, chip: Chip) -> list[Sequence[object]]:
    """Rows of a model's sizes for all machines of a chip."""
    rows: list[Sequence[object]] = []
    with chip_subject(model, chip, BATCHES) as of:
        for machine in chip.machines:
            found = compiled_for(of, machine)
            single = len(encode_container(_single(found.program, machine)))
            several = found.path.stat().st_size
            ratio = several / single
            judged = verdict(ratio, MOST_SIZE)
            rows.append((model, machine, single / 1000, several / 1000, ratio, judged))
    return rows


def times_of(model: str, machine: str) -> list[Sequence[object]]:
    """Rows of the seconds to compile a model for one sample, and to run it once."""
    (chip,) = chips_with([machine])
    with chip_subject(model, chip, (1,)) as of:
        found = compiled_for(of, machine)
        feeds = found.samples.batch(0)
    runtime = Runtime(found.container, found.machine)
    # Apart, and twice: the first run verifies the code.
    compiling = by_turns({"compile": lambda: _single(found.program, machine)}, 2)["compile"]
    running = by_turns({"run": lambda: runtime.run(feeds)}, 2)["run"]
    return [
        _timed("compile", machine, compiling, compiling.best, MOST_COMPILE_SECONDS),
        _timed("verify and run", machine, running, running.rounds[0], MOST_RUN_SECONDS),
    ]


def _timed(what: str, machine: str, times: Times, seconds: float, most: float) -> Sequence[object]:
    return (what, machine, *times.rounds, min(times.cpu), verdict(seconds, most))


def growth(counts: Sequence[int]) -> list[Sequence[object]]:
    """Rows of the seconds to compile programs of so many operators."""
    rows: list[Sequence[object]] = []
    least = float("inf")
    _single(residual_program(10), GROWN)  # what a process pays once
    for count in counts:
        program = residual_program(count)
        start = time.perf_counter()
        container = _single(program, GROWN)
        seconds = time.perf_counter() - start
        each = 1000 * seconds / count
        least = min(each, least)
        judged = verdict(each / least, MOST_GROWTH)
        row = (count, instructions_of(container), seconds, each, each / least, judged)
        rows.append(row)
        print(*row, sep="  ", flush=True)
    return rows


def _single(program: Program, machine: str) -> Container:
    """The program compiled for one sample."""
    return compile_model([program], MACHINES[machine], name=program.name, batches=Batches())


def instructions_of(container: Container) -> int:
    """Instructions of all segments."""
    return sum(
        len(queue)
        for variant in container.variants
        for segment in variant.segments
        if isinstance(segment, MachineSegment)
        for queue in segment.code.queues.values()
    )


def residual_program(count: int) -> Program:
    """`count` operators: two convolutions and the sum with what they began with, again and again.

    All tensors are int8 (1, 16, 16, 16), every convolution has weights of its own.
    """
    shape = (1, _CHANNELS, _EXTENT, _EXTENT)
    rng = np.random.default_rng(0)
    tensors = {"x0": i8(shape, "x0")}
    constants: dict[str, Array] = {
        "one": np.full((), 2**-8, np.float32),
        "bias": np.zeros(_CHANNELS, np.int32),
    }
    operations: list[Operation] = []
    start = "x0"
    for number in range(1, count + 1):
        before, name = f"x{number - 1}", f"x{number}"
        tensors[name] = i8(shape, name)
        if number % 3:
            constants[f"w{number}"] = rng.integers(
                -127, 128, (_CHANNELS, _CHANNELS, 3, 3), dtype=np.int8
            )
            operations.append(
                replace(
                    CONV,
                    name=name,
                    inputs=(before,),
                    outputs=(name,),
                    weight=f"w{number}",
                    pads=(1, 1, 1, 1),
                )
            )
        else:
            operations.append(replace(BINARY, name=name, inputs=(before, start), outputs=(name,)))
            start = name
    return Program(
        name="residual",
        rounding=Rounding.HALF_EVEN,
        inputs=("x0",),
        outputs=(f"x{count}",),
        tensors=tensors,
        constants=constants,
        operations=tuple(operations),
    )


if __name__ == "__main__":
    main()
