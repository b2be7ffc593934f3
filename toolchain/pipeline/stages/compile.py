"""Stage 4: the integer program and the target's files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.core.artifacts import ModelArtifact
from toolchain.errors import Code, InternalError
from toolchain.graph.save import model_digest
from toolchain.graph.view import read_view
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.records import read_record, write_record
from toolchain.plugin.requests import CompileRequest, LowerRequest

NAME = "compile"
RECORD = "artifact.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileRecord:
    """Files of the target, each with what it is, and the stem of the program."""

    files: dict[str, str]
    program: str


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Lower the QDQ model, then let the target write its files."""
    qdq = state.qdq
    if qdq is None:
        raise InternalError(Code.INTERNAL, "The compile stage has no quantized model")
    options = context.options

    def work(folder: Path) -> None:
        lower = LowerRequest(target=context.target, graph=read_view(qdq), name=context.name)
        program = context.hooks.lower(lower)
        artifact = context.hooks.compile(
            CompileRequest(
                target=context.target,
                platform=options.platform,
                model=ModelArtifact(path=qdq, digest=model_digest(qdq)),
                program=program,
                folder=folder,
                name=context.name,
                options=options.compile,
                target_options=options.target_options,
            )
        )
        record = CompileRecord(files=dict(artifact.files), program=artifact.program)
        write_record(folder / RECORD, record)

    quantized = state.keys.get("mixed-precision", state.keys["quantize"])
    parts = (quantized, options.platform, context.name, options.target_options)
    stored = context.cached(NAME, parts, work)
    state = replace(state.after(NAME, stored), compiled=stored.folder)
    for name, what in read_record(stored.folder / RECORD, CompileRecord).files.items():
        state = state.publishing(name, stored.folder / name, what)
    return state
