"""`tc build` and its neighbours from the command line to the files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from toolchain.pipeline.build import STAGES


def test_build_in_a_process_of_its_own(evaluated: Any) -> None:
    with evaluated.start() as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert out == f"{evaluated.output}\n"
    for stage in ("optimize", "quantize", "compile", "check"):
        assert f"\n{stage} " in err
    assert "\x1b[" not in err
    assert (evaluated.target / "manifest.json").is_file()


def test_json_is_one_document_on_stdout(command: Any, evaluated: Any) -> None:
    answer = command("build", "-c", evaluated.write(), "-t", "riscv", "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    data = json.loads(answer.out)
    (one,) = data["targets"]
    assert data["output"] == str(evaluated.output)
    assert one["check"]["passed"] is True
    assert one["accuracy"]["samples"] == 10
    assert {row["path"] for row in one["files"]} == {str(p) for p in evaluated.target.iterdir()}
    report = json.loads((evaluated.target / "report.json").read_text())
    for key in ("optimize", "calibration", "quantize", "effects", "check", "accuracy"):
        assert report[key] == one[key], key


@pytest.mark.parametrize("stage", STAGES)
def test_until(command: Any, project: Any, stage: str) -> None:
    answer = command(
        "build", "-c", project.write(), "-t", "riscv", "--until", stage, "--format=json"
    )
    assert answer.code == 0
    (one,) = json.loads(answer.out)["targets"]
    reached = list(STAGES).index(stage)
    assert (one["quantize"] is not None) == (reached >= 1)
    assert (one["check"] is not None) == (reached >= 4)


def test_settings_win_over_the_file(command: Any, project: Any, tmp_path: Any) -> None:
    other = tmp_path / "elsewhere"
    arguments = ("-o", other, "--samples", 3, "-s", "quantize.method=minmax")
    assert command("build", "-c", project.write(), "-t", "riscv", "-q", *arguments).code == 0
    assert not project.output.exists()
    manifest = json.loads((other / "riscv" / "manifest.json").read_text())
    assert manifest["calibration"]["samples"] == 3
    assert manifest["options"]["quantize"]["method"] == "minmax"
    origins = json.loads((other / "riscv" / "config.json").read_text())["origins"]
    assert origins["target.riscv.quantize.method"] == "--set"
    assert origins["calibration.samples"] == "--samples"


def test_a_rebuild_shows_what_came_from_the_cache(command: Any, project: Any) -> None:
    arguments = ("build", "-c", project.write(), "-t", "riscv")
    first, second = command(*arguments), command(*arguments)
    assert "cached" not in first.err
    assert second.err.count(" cached ") == 5  # four stages, and the cost that one of them counted
    assert first.out == second.out


def test_clean(command: Any, project: Any) -> None:
    file = project.write()
    assert command("clean", "-c", file).out.endswith("freed 0 B\n")
    project.build()
    mine = project.output / "notes.txt"
    mine.write_text("keep")
    freed = json.loads(command("clean", "-c", file, "--cache", "--format=json").out)
    assert freed["freed_bytes"] > 10_000
    assert not (project.output / ".cache").exists()
    assert project.files()
    assert project.build().cached == ()
    assert command("clean", "-c", file).code == 0
    assert [path.name for path in project.output.iterdir()] == ["notes.txt"]
    assert mine.read_text() == "keep"


def test_clean_refuses_a_folder_that_is_no_build(command: Any, project: Any) -> None:
    folder = project.output
    (folder / ".cache").mkdir(parents=True)
    (folder / ".cache" / "mine").write_text("keep")
    (folder / "riscv").mkdir()
    (folder / "riscv" / "manifest.json").write_text('{"name": "a web page"}')
    for more in ((), ("--cache",)):
        answer = command("clean", "-c", project.write(), *more)
        assert answer.code == 2
        assert "error[TC104]: The folder holds no build, so nothing is removed" in answer.err
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2


def test_clean_where_only_results_are_left(command: Any, project: Any) -> None:
    project.build()
    file = project.write()
    assert command("clean", "-c", file, "-t", "riscv", "--cache").code == 0
    assert command("clean", "-c", file).code == 0
    assert not project.output.exists()


def test_the_installed_command() -> None:
    code = "import sys; from toolchain.cli.main import run; sys.exit(run(['targets']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "riscv" in done.stdout.split()
