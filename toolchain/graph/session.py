"""onnxruntime sessions with the project's settings and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import Code, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import onnxruntime

    from toolchain.core.dtypes import Array

_BROKEN = ("QDQPropagationTransformer",)
"""Rewritings that fail: behind a float Slice or Transpose of int8 with zero point 0, this one of
onnxruntime 1.31 inserts a QuantizeLinear that its own type check refuses."""


def open_session(
    model: Path | bytes, *, threads: int = 0, optimize: bool = True
) -> onnxruntime.InferenceSession:
    """Open a model (a file, or a small one as bytes) on the CPU.

    `threads` is the number of threads within one operator, 0 for one per core; operators run one
    after the other. `optimize` lets onnxruntime rewrite the graph, which changes last bits.
    Raises ModelError where onnxruntime refuses the model.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions; below this it writes to stderr
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    try:
        return ort.InferenceSession(
            source, options, providers=["CPUExecutionProvider"], disabled_optimizers=_BROKEN
        )
    except _failures() as error:
        raise ModelError(
            Code.MODEL_INVALID,
            "onnxruntime cannot open the model",
            where=None if isinstance(model, bytes) else str(model),
            got=_first_line(error),
        ) from error


def run(
    session: onnxruntime.InferenceSession,
    feeds: Mapping[str, Array],
    outputs: Sequence[str] | None = None,
) -> dict[str, Array]:
    """Run one batch; output name to array, of all outputs where `outputs` is None.

    Raises ModelError where the run fails.
    """
    names = [item.name for item in session.get_outputs()] if outputs is None else list(outputs)
    try:
        results = session.run(names, dict(feeds))
    except _failures() as error:
        raise ModelError(
            Code.MODEL_INVALID, "onnxruntime cannot run the model", got=_first_line(error)
        ) from error
    return dict(zip(names, results, strict=True))


def _failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its own exceptions share no base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [item for item in vars(state).values() if isinstance(item, type)]
    return (*(item for item in own if issubclass(item, Exception)), RuntimeError, ValueError)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
