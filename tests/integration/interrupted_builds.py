"""Builds that are stopped at one file operation after the other; run by `test_atomic.py`.

    python interrupted_builds.py CONFIG OUTPUT STOP...

A STOP is `SIGNAL:COUNT`, in front of the file operation of that number (negative: from the end), or
`SIGKILL:SECONDS`. Every build starts from a copy of OUTPUT and runs in a fork, so that everything
is imported once. The answer is one JSON object per stop.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

_WRITING = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.copyfile")
"""Audit events that change files, besides opening one to write."""


class Stop:
    """Counts file operations in a folder, and sends this process a signal in front of one."""

    def __init__(self, folder: str, number: int, kind: int) -> None:
        self.folder, self.number, self.kind, self.count = folder, number, kind, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        if not (opened or event in _WRITING) or self.folder not in str(arguments[0]):
            return
        self.count += 1
        if self.count == self.number:
            os.write(1, f"{event} {arguments[0]}\n".encode())
            os.kill(os.getpid(), self.kind)


def build(config: str, stop: Stop, seconds: float | None = None) -> tuple[int, str]:
    """Exit code (negative: a signal) of a build in a fork, and where it stopped or its count."""
    from toolchain.cli.main import run

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # A shell that runs the tests in the background ignores interrupts, and so would this.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(writer, 1)
        sys.addaudithook(stop)
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        code = run(["build", "--config", config, "--target", "riscv", "-q"])
        os.write(1, str(stop.count).encode())
        os._exit(code)
    os.close(writer)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader) as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), told.split("\n")[0]


def published(folder: Path) -> dict[str, str] | None:
    """Digests of the published files but for the config, or None where there is no folder."""
    if not folder.exists():
        return None
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "config.json"
    }


def entries(output: Path) -> list[str]:
    """All cache entries."""
    found = output.glob(".cache/*/*")
    return sorted(str(p.relative_to(output)) for p in found if p.parent.name != "tmp")


def stopped(config: str, output: Path, word: str, operations: int) -> dict[str, Any]:
    """What a stop left behind, and what the next build makes of it."""
    kind, _, place = word.partition(":")
    number = signal.Signals[kind]
    if "." in place:
        ended, told = build(config, Stop(str(output), 0, number), float(place))
    else:
        point = int(place) if int(place) > 0 else operations + 1 + int(place)
        ended, told = build(config, Stop(str(output), point, number))
    return {
        "stop": f"{word} {told}",
        "ended": ended,
        "entries": entries(output),
        "published": published(output / "riscv"),
        "next": build(config, Stop(str(output), 0, 0))[0],
        "files": published(output / "riscv"),
        "left": [path.name for path in (output / ".cache" / "tmp").iterdir()],
    }


def main(config: str, output: Path, words: list[str]) -> None:
    """Stop at each of `words`."""
    before = output.with_name("before")
    output.mkdir(exist_ok=True)
    output.rename(before)
    shutil.copytree(before, output)
    _, operations = build(config, Stop(str(output), 0, 0))
    for word in words:
        shutil.rmtree(output)
        shutil.copytree(before, output)
        found = stopped(config, output, word, int(operations))
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    # Forks have what is imported here.
    import onnxruntime  # noqa: F401

    import toolchain.pipeline.build  # noqa: F401
    from toolchain.calibration.statistics import fastest_kernel

    fastest_kernel()
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
