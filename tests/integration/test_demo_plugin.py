"""A third party's target: a distribution of its own, installed, built with, checked by the kit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from toolchain.program.serialize import load_program

DEMO = Path(__file__).parents[1] / "demo_plugin"
KIT = """
from toolchain.testing import TargetConformance

class TestDemo(TargetConformance):
    target = "demo"
"""


@pytest.fixture
def installed(make_environment: Any, tmp_path: Path) -> Any:
    """An environment with the demo; installed from a copy, because building writes beside it."""
    environment = make_environment(tmp_path / "environment")
    shutil.copytree(DEMO, tmp_path / "demo")
    environment.run("pip", "install", "-q", "./demo", cwd=tmp_path)
    return environment


def test_a_target_fits_on_a_page() -> None:
    files = [path for path in DEMO.iterdir() if path.is_file()]
    assert {path.name for path in files} == {"pyproject.toml", "demo_target.py"}
    assert sum(len(path.read_text().splitlines()) for path in files) <= 60


def test_it_is_built_with_and_conforms(installed: Any, project: Any, tmp_path: Path) -> None:
    shown = json.loads(installed.run("tc", "targets", "demo", "--format", "json", cwd=tmp_path))
    assert shown["name"] == "demo"
    installed.run("tc", "build", "-q", "-t", "demo", "-c", project.write(), cwd=tmp_path)
    published = project.output / "demo"
    assert (published / "demo.txt").read_text() == "half_away"
    program = load_program(published, "tiny")
    assert program.rounding == "half_away"
    stored = {t.dtype.value for t in program.tensors.values() if t.scale is not None}
    assert stored == {"uint8"}
    manifest = json.loads((published / "manifest.json").read_text())
    assert manifest["plugins"]["demo"] == "0.3.0"
    (tmp_path / "test_demo.py").write_text(KIT)
    said = installed.run("pytest", "-q", "test_demo.py", cwd=tmp_path)
    assert " passed" in said
    assert "skipped" not in said
