"""Randomly damaged files: whatever comes of them is an error of ours, never a traceback."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.config.loading import read_config
from toolchain.config.resolve import resolve
from toolchain.core.progress import SilentProgress
from toolchain.errors import InternalError, ToolchainError
from toolchain.pipeline.build import build
from toolchain.plugin.manager import PluginManager

EXAMPLES = int(os.environ.get("TC_EXAMPLES", "12"))
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TC_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
POSITION = st.floats(0.0, 1.0, exclude_max=True)
WORDS = [b"", b"\0", b"\xff", b"0", b"-1", b"1e400", b"null", b"[]", b"{}", b'"', b"\\", b","]
EDITS = st.lists(
    st.tuples(POSITION, st.integers(0, 3), st.sampled_from(WORDS)), min_size=1, max_size=3
)


def damaged(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """`data` with some bytes removed and others put in their place."""
    for place, removed, word in edits:
        start = int(place * len(data))
        data = data[:start] + word + data[start + removed :]
    return data


def build_all(project: Any) -> None:
    manager = PluginManager.load()
    resolved = resolve(read_config(project.file), (), manager.targets(), ["riscv"])
    build(resolved, manager=manager, progress=SilentProgress())


def expect_our_errors(project: Any) -> None:
    with suppress(ToolchainError):
        try:
            build_all(project)
        except InternalError as error:
            raise AssertionError(str(error)) from error


@FEW
@given(edits=EDITS)
def test_a_damaged_config(project: Any, edits: list[tuple[float, int, bytes]]) -> None:
    config = project.changed(
        quantize={"method": "percentile", "percentile": 0.99},
        check={"scope": "layers", "exclude": ["^p$"]},
        mixed_precision__rules=[{"nodes": ["pool"], "output_dtype": "uint8"}],
    ).config
    data = json.dumps(config, indent=1).encode()
    project.file.write_bytes(damaged(data, edits))
    expect_our_errors(project)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@FEW
@given(edits=EDITS)
def test_a_damaged_model(project: Any, edits: list[tuple[float, int, bytes]]) -> None:
    path = project.folder / "tiny.onnx"
    original = path.read_bytes()
    project.write()
    try:
        path.write_bytes(damaged(original, edits))
        expect_our_errors(project)
    finally:
        path.write_bytes(original)
