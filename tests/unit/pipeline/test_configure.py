from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolchain.config.overrides import Override
from toolchain.errors import Code, ConfigError, PluginError, ToolchainError
from toolchain.pipeline.configure import configure
from toolchain.plugin.manager import PluginManager, PluginRow


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    """The installed plugins and a broken one."""
    found = PluginManager.load()
    rows = [(row, found.module(row.name)) for row in found.describe()]
    broken = PluginRow(name="broken", distribution="d", version="1", error="ImportError: x")
    return PluginManager([*rows, (broken, None)])


def write(tmp_path: Path, text: str = "") -> Path:
    path = tmp_path / "c.toml"
    path.write_text(f'model = "m.onnx"\n{text}\n[calibration]\ndata = "d.npy"\n')
    return path


def test_targets_of_the_file_and_of_the_caller(tmp_path: Path, manager: PluginManager) -> None:
    file = write(tmp_path, 'targets = ["riscv"]')
    for targets in (None, ["riscv"]):
        (build,) = configure(file, manager=manager, targets=targets).builds
        assert (build.target, build.model) == ("riscv", str(tmp_path / "m.onnx"))


def test_overrides_win(tmp_path: Path, manager: PluginManager) -> None:
    override = Override(path=("check", "samples"), value=9)
    found = configure(write(tmp_path), manager=manager, overrides=[override], targets=["riscv"])
    assert found.builds[0].check.samples == 9


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ('targets = ["riscv", "broken"]', None),
        ("", ["broken"]),
        ('[target.broken]\nplatform = "x"', ["riscv"]),
    ],
)
def test_a_broken_plugin_is_named(
    tmp_path: Path, manager: PluginManager, text: str, targets: list[str] | None
) -> None:
    with pytest.raises(PluginError) as caught:
        configure(write(tmp_path, text), manager=manager, targets=targets)
    assert caught.value.code == Code.PLUGIN_IMPORT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("targets = 3", Code.WRONG_TYPE),
        ("targets = [3]", Code.WRONG_TYPE),
        ("target = 3", Code.WRONG_TYPE),
        ('targets = ["lunch"]', Code.UNKNOWN_NAME),
        ("", Code.MISSING_KEY),
    ],
)
def test_a_wrong_choice_is_a_config_error(
    tmp_path: Path, manager: PluginManager, text: str, code: Code
) -> None:
    with pytest.raises(ToolchainError) as caught:
        configure(write(tmp_path, text), manager=manager)
    assert isinstance(caught.value, ConfigError)
    assert code in [problem.code for problem in caught.value.problems]


def test_what_is_read_is_kept(tmp_path: Path, manager: PluginManager) -> None:
    found: Any = configure(write(tmp_path), manager=manager, targets=["riscv"])
    assert found.values["model"] == str(tmp_path / "m.onnx")
    assert found.origins["targets"] == "--target"
