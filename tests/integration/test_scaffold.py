"""The project that `tc plugin new` writes, generated, installed, tested and built with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

CONFIGS = Path(__file__).parents[2] / "configs"


def test_a_new_plugin_from_nothing_to_a_build(make_environment: Any, tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "environment")
    environment.run("tc", "plugin", "new", "my_chip2", cwd=tmp_path)
    project = tmp_path / "toolchain-my_chip2"
    environment.run("pip", "install", "./toolchain-my_chip2", cwd=tmp_path)
    assert "my_chip2" in environment.run("tc", "targets", cwd=tmp_path)
    kit = environment.run("pytest", "-q", project, cwd=tmp_path)
    assert "30 passed" in kit
    shutil.copytree(CONFIGS / "quickstart", tmp_path / "quickstart")
    shutil.copyfile(CONFIGS / "quickstart.toml", tmp_path / "c.toml")
    environment.run("tc", "build", "-t", "my_chip2", "-c", "c.toml", "-o", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "my_chip2" / "manifest.json").is_file()
    answer = environment.run("tc", "config", "check", project / "my_chip2.toml",
                             "-t", "my_chip2", cwd=tmp_path)  # fmt: skip
    assert "valid, builds for my_chip2" in answer
    assert "installed" in environment.run(
        "tc", "plugin", "new", "my_chip2", "-o", "again", cwd=tmp_path, expected=2
    )
