"""Every config that comes with the project is valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolchain.config.loading import read_config
from toolchain.config.resolve import resolve
from toolchain.plugin.manager import PluginManager

FOLDER = Path(__file__).parents[3] / "configs"
CONFIGS = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_resolves(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TC_ZOO", str(tmp_path))
    targets = PluginManager.load().targets()
    resolved = resolve(read_config(path), (), targets, sorted(targets))
    assert [build.target for build in resolved.builds] == sorted(targets)
    for build in resolved.builds:
        assert Path(build.model).is_relative_to(tmp_path) or Path(build.model).is_file()
        assert Path(build.output).is_relative_to(FOLDER.parent / "build")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_says_how_to_build_it(path: Path) -> None:
    head = path.read_text(encoding="utf-8").partition("\nmodel = ")[0]
    command = rf"tc build( --target \w+)+ --config configs/{path.name}$"
    assert re.search(command, head, re.MULTILINE)


def test_every_config_is_in_the_list() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"`(\w+\.toml)`", page) == sorted(path.name for path in CONFIGS)
