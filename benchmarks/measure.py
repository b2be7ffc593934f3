"""Timing of two or more things by turns, peak memory of a process tree, tables."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of one thing, once per round.

    Attributes:
        rounds: Wall time of every round, in order.
        cpu: Time on all cores, alike: other work on the machine adds least to it, but threads that
            spin while they wait do.
    """

    rounds: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def best(self) -> float:
        """The round that was disturbed least."""
        return min(self.rounds)

    @property
    def middle(self) -> float:
        """The median of all rounds."""
        return median(self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How much longer one thing takes than another.

    Attributes:
        best: Best round over best round; what is judged, because other work on the machine can
            only add to a time.
        middle: Median over median.
        cpu: Best over best of the time on all cores.
    """

    best: float
    middle: float
    cpu: float

    def __str__(self) -> str:
        """All three figures."""
        return f"{self.best:.2f} (median {self.middle:.2f}, cpu {self.cpu:.2f})"


def by_turns(things: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Seconds that each of `things` takes, all of them once per round: A B A B ..."""
    wall: dict[str, list[float]] = {name: [] for name in things}
    cpu: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(rounds):
        for name, thing in things.items():
            begun = time.process_time()
            wall[name].append(seconds_of(thing))
            cpu[name].append(time.process_time() - begun)
    return {name: Times(rounds=tuple(wall[name]), cpu=tuple(cpu[name])) for name in things}


def seconds_of(thing: Callable[[], object]) -> float:
    """Seconds that one call of `thing` takes."""
    start = time.perf_counter()
    thing()
    return time.perf_counter() - start


def ratio(a: Times, b: Times) -> Ratio:
    """Time of `a` over time of `b`."""
    return Ratio(best=a.best / b.best, middle=a.middle / b.middle, cpu=min(a.cpu) / min(b.cpu))


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What a process and its descendants took.

    Attributes:
        seconds: From start to end.
        peak_bytes: Largest resident set of the whole tree at one time.
        stdout: What it wrote to stdout.
    """

    seconds: float
    peak_bytes: int
    stdout: str


def run_tc(*arguments: str) -> Child:
    """Run `tc` in a fresh process to its end; raises CalledProcessError if it fails.

    The peak is the kernel's own figure for the largest process of the tree, or the sum over the
    tree, both read every 5 ms, whichever is more.
    """
    command = [sys.executable, "-c", "from toolchain.cli.main import main; main()", *arguments]
    start = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        tree = _Tree(process.pid)
        tree.start()
        stdout, stderr = process.communicate()
        tree.stop()
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.stderr.write(stderr.decode(errors="replace"))
        raise subprocess.CalledProcessError(process.returncode, command)
    return Child(seconds=seconds, peak_bytes=tree.peak_bytes, stdout=stdout.decode())


class _Tree(threading.Thread):
    """Watches the memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            now = [_memory(pid) for pid in _descendants(self.pid)]
            peaks = [peak for _, peak in now]
            self.peak_bytes = max(self.peak_bytes, sum(rss for rss, _ in now), *peaks)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in path.read_text().split()]
            except OSError:
                continue  # the thread has ended meanwhile
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Resident bytes of a process: now, and at most so far; (0, 0) once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in lines)
    rss, peak = (int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return rss, peak


def parser_of(purpose: str | None, *names: str) -> argparse.ArgumentParser:
    """Parser with what all benchmarks share; `names` are configs in `configs/`."""
    parser = argparse.ArgumentParser(
        description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = Path(__file__).parent.parent / "configs"
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[folder / f"{name}.toml" for name in names],
        help=f"configs of the models to measure (default: {', '.join(names)})",
    )
    parser.add_argument("--target", default="riscv", help="target to build for (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="cores to run on; 0 takes all")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line; with `--threads`, the script starts anew on the first cores only.

    Anew, because libraries count the cores when they are loaded. `threads` is never 0 afterwards.
    """
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if given.threads and given.threads < len(cores):
        os.sched_setaffinity(0, cores[: given.threads])
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very script
    given.threads = len(cores)
    return given


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, and what the machine was loaded with when it was done."""
    cells = [list(header), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    cells.insert(1, ["-" * width for width in widths])
    print(f"\n{title}  (load {os.getloadavg()[0]:.1f})")
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(("  " + "  ".join(padded)).rstrip())


def _text(cell: object) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def verdict(value: float, most: float) -> str:
    """Whether `value` keeps to the limit `most`."""
    return f"ok (<= {most:g})" if value <= most else f"MISSED (<= {most:g})"
