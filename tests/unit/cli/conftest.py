"""A command line without the pipeline below it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from toolchain.cli.main import run
from toolchain.config.loading import read_config
from toolchain.core.check_report import CheckReport, CheckRow
from toolchain.core.dtypes import DType
from toolchain.core.quant import PerChannel, QuantSpec
from toolchain.core.target import OpSupport, Platform, TargetDef, TargetSpec
from toolchain.plugin.manager import PluginRow


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command said."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def tc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one command in this process."""
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Answer:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


def make_target(name: str) -> TargetDef:
    return TargetDef(
        spec=TargetSpec(
            name=name,
            summary=f"The {name} family",
            platforms=(Platform(name=f"{name}1", summary="first"),),
            ops={"Conv": OpSupport()},
            activation=QuantSpec(),
            weight=QuantSpec(symmetric=True, granularity=PerChannel(0)),
            activation_dtypes=(DType.INT8,),
            weight_dtypes=(DType.INT8,),
        )
    )


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A plugin manager with two targets and a broken plugin."""
    targets = {name: make_target(name) for name in ("riscv", "npu")}
    fake = SimpleNamespace(
        targets=lambda: targets,
        require_targets=lambda _: None,
        broken=lambda: (),
        describe=lambda: (
            PluginRow(name="riscv", distribution="d", version="1.0", provides=("targets: riscv",)),
            PluginRow(name="bad", distribution="e", version="2.0", error="ImportError: no z"),
        ),
    )
    monkeypatch.setattr("toolchain.plugin.manager.PluginManager.load", lambda: fake)
    return fake


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeBuildResult:
    output: Path
    targets: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTargetResult:
    target: str = "riscv"
    platform: str = "riscv1"
    check: CheckReport | None = None
    optimize: None = None
    calibration: None = None
    quantize: None = None
    cost: None = None
    accuracy: None = None
    analysis: None = None
    effects: tuple[Any, ...] = ()
    files: tuple[Any, ...] = ()
    diagnostics: tuple[Any, ...] = ()
    cached: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()


def checked(*, passed: bool) -> FakeTargetResult:
    row = CheckRow(
        comparison="reference / program",
        tensor="logits",
        metric="cosine",
        value=1.0 if passed else 0.5,
        limit=0.9,
        passed=passed,
    )
    return FakeTargetResult(check=CheckReport(rows=(row,), samples=1, passed=passed))


@dataclass(slots=True)
class Pipeline:
    """What the commands called, and what is given or raised in return."""

    result: FakeTargetResult = field(default_factory=lambda: checked(passed=True))
    error: BaseException | None = None
    overrides: tuple[Any, ...] = ()
    selected: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, resolved: Any, **options: Any) -> FakeBuildResult:
        self.options = options
        if self.error is not None:
            raise self.error
        return FakeBuildResult(output=Path(resolved.builds[0].output), targets=(self.result,))

    def configure(self, file: Path, **given: Any) -> SimpleNamespace:
        read_config(file)
        self.overrides, self.selected = tuple(given["overrides"]), given["targets"]
        return SimpleNamespace(builds=(SimpleNamespace(target="riscv", output="/out"),))


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Pipeline:
    """A pipeline that only records, behind the real reading of files and overrides."""
    request.getfixturevalue("manager")
    fake = Pipeline()
    module = ModuleType("toolchain.pipeline.build")
    module.build = fake.build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toolchain.pipeline.build", module)
    monkeypatch.setattr("toolchain.pipeline.configure.configure", fake.configure)
    return fake


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config file that parses."""
    path = tmp_path / "c.toml"
    path.write_text('model = "m.onnx"\n', encoding="utf-8")
    return path
