"""Samples from the source to the report: what is cached, what is compared on, what is warned of."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.errors import DataError

ROOT = Path(__file__).parents[2]


def values(project: Any, count: int) -> Any:
    return np.load(project.folder / "calibration.npy")[:count]


def test_one_set_of_samples_in_every_form_gives_the_same_bytes(project: Any) -> None:
    forms = {"npy": "calibration.npy", "bin": "all.bin", "folder": "d", "archive": "d.tgz"}
    samples = values(project, 12)
    samples.tofile(project.folder / "all.bin")
    (project.folder / "d").mkdir()
    for number, sample in enumerate(samples):
        np.save(project.folder / "d" / f"{number:02}.npy", {"x": sample}, allow_pickle=True)
    with tarfile.open(project.folder / "d.tgz", "w:gz") as archive:
        archive.add(project.folder / "d", "d")
    files = []
    for name, source in forms.items():
        built = project.changed(calibration__data=source, output=f"out_{name}")
        result = built.build()
        assert result.diagnostics == ()
        found = built.files()
        del found["manifest.json"]
        files.append(found)
    assert all(found == files[0] for found in files)


def test_the_check_has_samples_of_its_own(project: Any) -> None:
    rng = np.random.default_rng(3)
    own = project.folder / "own.npy"
    np.save(own, rng.normal(0, 1, (3, 3, 8, 8)).astype(np.float32))
    plain = project.build()
    result = project.changed(check__data="own.npy", check__samples=3).build()
    assert result.cached == ("optimize", "quantize", "compile")
    assert result.check.samples == 3
    assert [row.value for row in result.check.rows] != [row.value for row in plain.check.rows]
    # The same samples elsewhere: nothing is compared again.
    moved = project.changed(check__data="moved.npy", check__samples=3)
    shutil.copy(own, project.folder / "moved.npy")
    assert moved.build().cached[-1] == "check"
    # Others in their place are seen.
    np.save(own, rng.normal(0, 1, (4, 3, 8, 8)).astype(np.float32))
    assert "check" not in project.changed(check__data="own.npy", check__samples=3).build().cached


def test_no_number_of_samples_takes_all(project: Any) -> None:
    result = project.changed(calibration__samples=0).build(until="quantize")
    assert (result.calibration.samples, result.diagnostics) == (12, ())


def test_too_few_samples_for_the_check_are_told(project: Any) -> None:
    np.save(project.folder / "own.npy", values(project, 2))
    result = project.changed(check__data="own.npy").build(until="optimize")
    (told,) = result.diagnostics
    assert (str(told.problem.code), told.problem.where) == ("TC311", "check.data")
    assert (told.problem.got, told.problem.allowed) == ("2", "4")


@pytest.mark.parametrize("section", ["check", "evaluation"])
def test_bad_samples_of_later_stages_are_told_first(project: Any, section: str) -> None:
    (project.folder / "bad.zip").write_bytes(b"no archive")
    labels = {"labels": "labels.npy"} if section == "evaluation" else {}
    with pytest.raises(DataError, match="archive cannot be read"):
        project.changed({section: {"data": "bad.zip", **labels}}).build(until="optimize")
    assert project.entries().keys() <= {"samples"}


def test_a_changed_function_is_seen(project: Any) -> None:
    source = project.folder / "own.py"
    source.write_text("def f(sample):\n    return sample * 1.0\n")
    given = project.changed(input=[{"preprocess": "own.py:f"}])
    first = given.build()
    assert given.build().cached[-1] == "check"
    status = source.stat()
    source.write_text("def f(sample):\n    return sample * 2.0\n")
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = given.build()
    assert second.cached == ()
    scales = [
        next(row.scale for row in result.quantize.rows if row.value == "x")
        for result in (first, second)
    ]
    assert scales[1] == pytest.approx(2 * scales[0])
    assert not (project.folder / "__pycache__").exists()


def test_warnings_are_in_report_and_manifest(project: Any, command: Any) -> None:
    np.save(project.folder / "same.npy", np.repeat(values(project, 1), 4, axis=0))
    given = project.changed(
        calibration__data="same.npy",
        calibration__samples=4,
        input=[{"mean": [123.675], "std": [58.395]}],
    )
    answer = command("build", "-c", given.write(), "-t", "riscv")
    assert answer.code in (0, 1)
    expected = [
        ("TC322", "All samples are the same"),
        ("TC322", "`mean` is outside the range of the samples"),
        ("TC311", "Ranges of so few samples need not hold for other inputs"),
    ]
    folder = given.target if given.target.exists() else given.output / "riscv.failed"
    manifest = json.loads((folder / "manifest.json").read_text())
    found = [item["problem"] for item in manifest["diagnostics"]]
    assert [(item["code"], item["message"]) for item in found] == expected
    report = (folder / "report.md").read_text()
    for code, message in expected:
        assert message.rpartition("`")[2] in report  # Markdown escapes the quotes
        assert code in answer.out + answer.err


@pytest.mark.zoo
@pytest.mark.skipif("TC_ZOO" not in os.environ, reason="needs the model zoo")
@pytest.mark.parametrize("config", sorted(ROOT.glob("configs/*.toml")), ids=lambda path: path.stem)
def test_nothing_is_said_of_the_samples_of_ready_configs(config: Path, tmp_path: Path) -> None:
    from toolchain.config.loading import read_config
    from toolchain.config.overrides import parse_overrides
    from toolchain.config.resolve import resolve
    from toolchain.core.progress import SilentProgress
    from toolchain.pipeline.build import build
    from toolchain.plugin.manager import PluginManager

    manager = PluginManager.load()
    overrides = parse_overrides([f"output={tmp_path}", "optimize.prove=false"])
    resolved = resolve(read_config(config), overrides, manager.targets(), ("riscv",))
    result = build(resolved, manager=manager, progress=SilentProgress(), until="optimize")
    assert result.targets[0].diagnostics == ()
