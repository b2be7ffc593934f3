"""Names that no plugin provides are found before any work, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.config.loading import read_config
from toolchain.config.overrides import parse_overrides
from toolchain.config.resolve import resolve
from toolchain.core.options import BuildOptions
from toolchain.errors import Code, ConfigError
from toolchain.pipeline.names import require_names
from toolchain.plugin.manager import PluginManager

CONFIG = Path(__file__).parents[3] / "configs" / "quickstart.toml"


def options(*settings: str) -> BuildOptions:
    targets = PluginManager.load().targets()
    resolved = resolve(read_config(CONFIG), parse_overrides(settings), targets, ("riscv",))
    return resolved.builds[0]


def test_what_exists_is_fine() -> None:
    rule = "mixed_precision.rules=[{nodes = ['*'], method = 'mse'}]"
    skip = "optimize.skip=['constant_folding']"
    require_names(options("quantize.method=kl", rule, skip), PluginManager.load())


def test_all_unknown_names_are_reported_together() -> None:
    asked = options(
        "quantize.method=minmx",
        "quantize.algorithms=['adaround', 'bias_correction']",
        "mixed_precision.rules=[{nodes=['a'], method='mse'}, {nodes=['b'], method='entropy'}]",
        "optimize.skip=['folding']",
    )
    with pytest.raises(ConfigError) as caught:
        require_names(asked, PluginManager.load())
    assert [(problem.code, problem.where, problem.got) for problem in caught.value.problems] == [
        (Code.UNKNOWN_NAME, "optimize.skip", "folding"),
        (Code.UNKNOWN_NAME, "quantize.method", "minmx"),
        (Code.UNKNOWN_NAME, "mixed_precision.rules[1].method", "entropy"),
        (Code.UNKNOWN_NAME, "quantize.algorithms", "adaround"),
    ]
    assert caught.value.problems[1].hint == "did you mean `minmax`?"
