"""Builds that are stopped, fail, or run twice at once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolchain.errors import SystemFailure

SCRIPT = Path(__file__).with_name("interrupted_builds.py")


def stopped(project: Any, *stops: str) -> list[dict[str, Any]]:
    """What came of builds that were stopped, see the script."""
    words = [sys.executable, str(SCRIPT), str(project.write()), str(project.output), *stops]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def fails_the_check(project: Any) -> Any:
    """The project with a limit that no integer model keeps."""
    limits = {"metric": "exact"}
    return project.changed(check__float_reference=limits)


def test_a_killed_build_leaves_nothing_half_written(project: Any) -> None:
    reference = project.changed(output="reference")
    reference.build()
    expected = reference.files(reference.target)
    places = [*range(1, 90, 16), *range(-3, 0)]
    seconds = random.Random(0).uniform(0.01, 0.2)  # noqa: S311 - no secret
    kills = (*(f"SIGKILL:{place}" for place in places), f"SIGKILL:{seconds:.3f}")
    for found in stopped(project, *kills):
        assert found["ended"] == -9, found
        assert found["published"] in (None, expected), found["stop"]
        assert (found["next"], found["files"]) == (0, expected), found["stop"]
        assert found["left"] == [], found["stop"]


def test_a_killed_build_never_mixes_old_and_new(project: Any) -> None:
    changed = project.changed(quantize__method="minmax")
    reference = changed.changed(output="reference")
    reference.build()
    project.build()
    old, new = project.files(), reference.files(reference.target)
    assert old != new
    seen = []
    for found in stopped(changed, *(f"SIGKILL:{place}" for place in range(-6, 0))):
        assert found["ended"] == -9, found
        assert found["published"] in (old, None, new), found["stop"]
        assert (found["next"], found["files"]) == (0, new), found["stop"]
        seen.append(found["published"])
    assert old in seen
    assert new in seen


def test_an_interrupt_keeps_finished_stages(project: Any) -> None:
    (found,) = stopped(project, "SIGINT:70")
    assert (found["ended"], found["next"], found["left"]) == (130, 0, [])
    stages = {Path(entry).parent.name for entry in found["entries"]}
    assert {"samples", "optimize", "calibrate"} <= stages
    assert found["published"] is None


def test_ctrl_c_in_a_process_of_its_own(project: Any) -> None:
    code = (
        "import os, signal, sys, time; from toolchain.cli.main import main\n"
        "import toolchain.pipeline.stages.compile as stage\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "stage.read_view = lambda path: (os.kill(os.getpid(), signal.SIGINT), time.sleep(60))\n"
        "main()"
    )
    words = ["build", "--config", str(project.write()), "--target", "riscv"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "\ninterrupted, finished stages are kept\n"
    assert project.build().cached == ("optimize", "quantize")


def test_two_builds_at_once(evaluated: Any) -> None:
    with evaluated.start() as first, evaluated.start() as second:
        told = [process.communicate() for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], told
    files = evaluated.files()
    again = evaluated.changed(output="again")
    again.build()
    assert again.files() == files
    assert list((evaluated.output / ".cache" / "tmp").iterdir()) == []


def test_leftovers_of_dead_builds_are_removed(project: Any) -> None:
    project.build()
    left = project.output / ".cache" / "tmp" / "left"
    left.mkdir()
    (left / "half").write_text("half")
    project.build()
    assert not left.exists()


def test_a_failing_check_leaves_the_artifact_alone(project: Any) -> None:
    project.build()
    before = project.files()
    config = (project.target / "config.json").read_bytes()
    result = fails_the_check(project).build()
    assert not result.check.passed
    assert project.files() == before
    assert (project.target / "config.json").read_bytes() == config
    failed = project.output / "riscv.failed"
    report = json.loads((failed / "report.json").read_text())
    assert report["check"]["passed"] is False
    assert {row.path.parent for row in result.files} == {failed}
    assert "tiny.q.onnx" in {path.name for path in failed.iterdir()}
    project.build()
    assert not failed.exists()
    assert project.files() == before


def test_a_failing_check_on_the_command_line(command: Any, project: Any) -> None:
    answer = command("build", "-c", fails_the_check(project).write(), "-t", "riscv", "-q")
    assert answer.code == 1
    assert answer.err.startswith("error[TC601]: float_reference is beyond its tolerance")
    assert not project.target.exists()
    assert (project.output / "riscv.failed" / "manifest.json").is_file()


def test_files_of_an_earlier_build_that_are_no_longer_written_go(project: Any) -> None:
    project.build()
    project.changed(compile__name="other").build()
    names = {path.name for path in project.target.iterdir()}
    assert {name for name in names if name.startswith("tiny")} == set()
    assert "other.q.onnx" in names


def test_a_folder_that_no_build_wrote_is_left_alone(project: Any) -> None:
    project.target.mkdir(parents=True)
    mine = project.target / "mine.txt"
    mine.write_text("keep")
    with pytest.raises(SystemFailure, match="Files that no build wrote are in the way"):
        project.build()
    assert mine.read_text() == "keep"
    assert [path.name for path in project.target.iterdir()] == ["mine.txt"]
    mine.unlink()
    assert project.build().cached == ("optimize", "quantize", "compile", "check")
