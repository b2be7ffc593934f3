"""A small project to build: a model of seven nodes, its data, and its config."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolchain.config.loading import read_config
from toolchain.config.resolve import resolve
from toolchain.core.progress import SilentProgress
from toolchain.pipeline.build import BuildResult, TargetResult
from toolchain.pipeline.build import build as build_resolved
from toolchain.plugin.manager import PluginManager, PluginRow

SHAPE = (3, 8, 8)
CLASSES = 5


def tiny_model(seed: int = 0, *, extra: bool = False) -> onnx.ModelProto:
    """Conv, Relu, Conv, Relu, GlobalAveragePool, Flatten, Gemm; `extra` adds a CumSum in float."""
    rng = np.random.default_rng(seed)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.4, shape).astype(np.float32), name)

    nodes = [
        helper.make_node(
            "Conv", ["x", "w1", "b1"], ["c1"], "conv1", kernel_shape=[3, 3], pads=[1] * 4
        ),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node(
            "Conv", ["r1", "w2", "b2"], ["c2"], "conv2", kernel_shape=[3, 3], strides=[2, 2]
        ),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["logits"], "fc", transB=1),
    ]
    weights = [
        weight("w1", 4, 3, 3, 3),
        weight("b1", 4),
        weight("w2", 6, 4, 3, 3),
        weight("b2", 6),
        weight("w3", CLASSES, 6),
        weight("b3", CLASSES),
    ]
    if extra:
        nodes[-1].output[0] = "scores"
        nodes.append(helper.make_node("CumSum", ["scores", "axis"], ["logits"], "cumsum"))
        weights.append(numpy_helper.from_array(np.array(1, np.int64), "axis"))
    return as_model(nodes, {"x": (1, *SHAPE)}, {"logits": (1, CLASSES)}, weights)


def as_model(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, tuple[Any, ...]],
    outputs: Mapping[str, tuple[Any, ...]],
    weights: list[onnx.TensorProto],
    opset: int = 17,
) -> onnx.ModelProto:
    """A float32 model of these parts."""

    def values(shapes: Mapping[str, tuple[Any, ...]]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    graph = helper.make_graph(nodes, "tiny", values(inputs), values(outputs), weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def set_in(config: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `config` with dotted paths set; None removes."""
    edited = copy.deepcopy(config)
    for path, value in changes.items():
        *parents, last = path.split(".")
        table = edited
        for part in parents:
            table = table.setdefault(part, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    return edited


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What it complained about, with `--format json`."""
        problems: list[dict[str, Any]] = json.loads(self.out)["error"]["problems"]
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with a model, data and a config."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "config.json"

    @property
    def output(self) -> Path:
        return Path(os.path.normpath(self.folder / self.config["output"]))

    @property
    def target(self) -> Path:
        """Folder of the published files."""
        return self.output / "riscv"

    def changed(self, changes: Mapping[str, Any] | None = None, **more: Any) -> Project:
        """The same project with other settings; `__` in keywords stands for a dot."""
        dotted = {key.replace("__", "."): value for key, value in more.items()}
        return replace(self, config=set_in(self.config, {**(changes or {}), **dotted}))

    def save(self, name: str, model: onnx.ModelProto) -> Project:
        """The same project with another model."""
        onnx.save(model, self.folder / name)
        return self.changed(model=name)

    def write(self) -> Path:
        self.file.write_text(json.dumps(self.config), encoding="utf-8")
        return self.file

    def run(
        self,
        *,
        until: str | None = None,
        manager: PluginManager | None = None,
        targets: tuple[str, ...] = ("riscv",),
    ) -> BuildResult:
        """Build in this process."""
        plugins = manager or PluginManager.load()
        resolved = resolve(read_config(self.write()), (), plugins.targets(), targets)
        return build_resolved(resolved, manager=plugins, progress=SilentProgress(), until=until)

    def build(self, **options: Any) -> TargetResult:
        """Build in this process; the result of the first target."""
        return self.run(**options).targets[0]

    def files(self, folder: Path | None = None) -> dict[str, str]:
        """SHA-256 of every published file, but for the config, which holds paths."""
        root = folder or self.target
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name != "config.json"
        }

    def entries(self) -> dict[str, set[str]]:
        """Names of all cache entries by stage."""
        cache = self.output / ".cache"
        return {
            stage.name: {entry.name for entry in stage.iterdir()}
            for stage in cache.iterdir()
            if stage.is_dir() and stage.name != "tmp"
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `tc build` in a process of its own."""
        words = ["build", "--config", str(self.write()), "--target", "riscv", *arguments]
        return subprocess.Popen(
            [sys.executable, "-c", "from toolchain.cli.main import main; main()", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The small project, with paths relative to its config."""
    rng = np.random.default_rng(1)
    onnx.save(tiny_model(), tmp_path / "tiny.onnx")
    np.save(tmp_path / "calibration.npy", rng.normal(0, 1, (12, *SHAPE)).astype(np.float32))
    np.savez(
        tmp_path / "evaluation.npz",
        x=rng.normal(0, 1, (10, *SHAPE)).astype(np.float32),
        y=rng.integers(0, CLASSES, 10),
    )
    config = {
        "model": "tiny.onnx",
        "output": "out",
        "calibration": {"data": "calibration.npy", "samples": 12},
        "compile": {"sources": False},  # native programs have tests of their own
    }
    return Project(folder=tmp_path, config=config)


@pytest.fixture
def evaluated(project: Project) -> Project:
    """The small project with labelled samples."""
    return project.changed(evaluation={"data": "evaluation.npz:x", "labels": "evaluation.npz:y"})


@pytest.fixture
def make_tiny() -> Callable[..., onnx.ModelProto]:
    """See `tiny_model`."""
    return tiny_model


@pytest.fixture
def make_model() -> Callable[..., onnx.ModelProto]:
    """See `as_model`."""
    return as_model


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    """Runs one `tc` command in this process."""
    from toolchain.cli.main import run

    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Answer:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def plugins() -> Callable[..., PluginManager]:
    """A manager of the installed plugins and of objects given by name."""

    def make(**added: object) -> PluginManager:
        found = PluginManager.load()
        rows = [(row, found.module(row.name)) for row in found.describe()]
        more = [
            (PluginRow(name=name, distribution=f"{name}-dist", version="1.2"), plugin)
            for name, plugin in added.items()
        ]
        return PluginManager([*rows, *more])

    return make
