"""The forms of a model as functions from feeds to outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolchain.analysis.evaluation import FLOAT, QDQ, REFERENCE, Form, RunFunction
from toolchain.calibration.ordered import core_count
from toolchain.core.dtypes import Array
from toolchain.graph.session import open_session, run
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program


def session_form(model: Path, threads: int, *, optimize: bool = True) -> RunFunction:
    """An ONNX model in onnxruntime, with or without its graph optimizations."""
    session = open_session(model, threads=threads, optimize=optimize)

    def form(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return run(session, feeds)

    return form


def forms_of(
    target: str, float_model: Path, qdq: Path, program: Program, *, threads: int
) -> tuple[Form, Form, Form]:
    """Float model and QDQ model in onnxruntime, and the integer reference of one target.

    onnxruntime works on `threads` samples at a time (0: one per core) with a thread each, since how
    it divides the work on one may show in its last bits. The reference takes one after the other:
    its many short steps would wait for each other, and take longer side by side.
    """
    workers = threads or core_count()
    reference = Interpreter(program, threads=1).run
    return (
        Form(target=target, kind=FLOAT, run=session_form(float_model, 1), workers=workers),
        Form(target=target, kind=QDQ, run=session_form(qdq, 1), workers=workers),
        Form(target=target, kind=REFERENCE, run=reference),
    )
