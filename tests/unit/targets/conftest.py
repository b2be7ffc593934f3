"""Nodes to hold rules against, and packages of one small convolution with round numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.api import CompileOptions, ModelArtifact, NodeView, TargetDef
from toolchain.core.options import RangePin
from toolchain.plugin.requests import CompileRequest

WEIGHT = np.array([[127, 64], [-32, -127]], np.float32).reshape(2, 2, 1, 1)


@pytest.fixture
def node_of(make_text_model: Callable, graph_of: Callable) -> Callable[..., NodeView]:
    """The node of a text, reading `x` of a shape."""

    def make(text: str, shape: str = "1,4,8,8", out: str = "A,B,C,D", **constants: Any) -> NodeView:
        body, inputs = f"y = {text}", f"float[{shape}] x"
        graph = graph_of(make_text_model(body, inputs, f"float[{out}] y", **constants))
        return graph.nodes[-1]

    return make


@pytest.fixture
def package(build: Callable, make_text_model: Callable, tmp_path: Path) -> Callable:
    """Files that a target writes for relu(conv(x)), JSON as data.

    Pinned scales: x 1/32, y 1/16. Weight scales: 1/64 and 1/128 per channel, 1/64 per tensor.
    """

    def write(
        definition: TargetDef,
        write_package: Callable,
        *,
        platform: str,
        options: Any,
        x_scale: float = 1 / 32,
    ) -> dict[str, Any]:
        target = definition.facts(platform, options)
        model = make_text_model(
            "c = Conv(x, w, b) y = Relu(c)",
            "float[1,2,4,4] x",
            "float[1,2,4,4] y",
            w=WEIGHT * np.array([2.0**-6, 2.0**-7], np.float32).reshape(2, 1, 1, 1),
            b=np.array([0.5, -0.25], np.float32),
        )
        built = build(
            model,
            target=target,
            bias_dtype=target.bias.dtypes[0],
            pins=(RangePin(tensor="x", scale=x_scale), RangePin(tensor="y", scale=1 / 16)),
        )
        folder = tmp_path / "package"
        folder.mkdir()
        request = CompileRequest(
            target=target,
            platform=platform,
            model=ModelArtifact(path=built.qdq_path, digest=""),
            program=built.program,
            folder=folder,
            sources=None,
            name="tiny",
            options=CompileOptions(),
            target_options=options,
        )
        artifact = write_package(request)
        assert set(artifact.files) == {path.name for path in folder.iterdir()}
        assert artifact.program == "tiny"
        return {
            path.name: json.loads(path.read_text()) if path.suffix == ".json" else path
            for path in folder.iterdir()
        }

    return write
