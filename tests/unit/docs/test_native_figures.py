"""The figures of docs/native.md that depend on the kernels."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from toolchain.codegen.native.build import FLAGS
from toolchain.testing.compiled import COMPILER

ROOT = Path(__file__).parents[3]
KERNELS = ROOT / "toolchain" / "codegen" / "kernels"
COMPILERS_DIFFER = 0.1


def test_frames_of_kernels(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "native.md").read_text(encoding="utf-8")
    stated = re.search(r"largest frame of any kernel is ([\d.]+) kB", page)
    assert stated is not None
    assert COMPILER is not None
    sources = sorted(KERNELS.glob("tc_*.c"))
    command = [COMPILER, *FLAGS, "-fstack-usage", "-c", *map(str, sources)]
    subprocess.run(command, cwd=tmp_path, check=True)
    reports = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*.su")]
    frames = [line.split() for report in reports for line in report.splitlines()]
    assert len(frames) > len(sources)
    assert {frame[-1] for frame in frames} <= {"static", "dynamic,bounded"}
    largest = max(int(frame[-2]) for frame in frames)
    assert abs(largest / 1000 / float(stated[1]) - 1) < COMPILERS_DIFFER
