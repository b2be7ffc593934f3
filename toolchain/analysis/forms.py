"""The forms of a model as functions from feeds to outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolchain.analysis.evaluation import RunFunction
from toolchain.core.dtypes import Array
from toolchain.graph.session import open_session, run


def session_form(model: Path, threads: int, *, optimize: bool = True) -> RunFunction:
    """An ONNX model in onnxruntime, with or without its graph optimizations."""
    session = open_session(model, threads=threads, optimize=optimize)

    def form(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return run(session, feeds)

    return form
