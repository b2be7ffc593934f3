"""Keys of vendors' tools are errors that say where the option is found here."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.config.loading import read_config
from toolchain.config.overrides import parse_overrides
from toolchain.config.resolve import resolve
from toolchain.errors import Code, ConfigError
from toolchain.plugin.manager import PluginManager

WHOLE = "configs of other tools are not read; docs/vendor-options.md has the place of each option"
CONFIG = Path(__file__).parents[3] / "configs" / "quickstart.toml"


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("quantize.max_percentile=0.999", "it is called `quantize.percentile` here"),
        ("calibration.calibration_step=10", "it is called `calibration.samples` here"),
        ("input.0.color_format=bgr", "it is called `input.*.color` here"),
        (
            "calibration.device=cuda",
            "calibration runs on the CPU: there is no device to choose",
        ),
        (
            "compiler.check=3",
            WHOLE,
        ),
        ("quantize.metod=mse", "did you mean `method`?"),
        ("quantize.lunch=1", None),
    ],
)
def test_the_hint_of_an_unknown_key(setting: str, hint: str | None) -> None:
    targets = PluginManager.load().targets()
    with pytest.raises(ConfigError) as caught:
        resolve(read_config(CONFIG), parse_overrides([setting]), targets, ("riscv",))
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == (Code.UNKNOWN_KEY, hint)
