"""Stage 4: the integer program and the target's files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.codegen.generate import Generated, generate
from toolchain.codegen.project import model_name, write_generated
from toolchain.core.artifacts import CompiledArtifact, ModelArtifact
from toolchain.core.cost import CostReport
from toolchain.core.reports import SurgeryRow
from toolchain.errors import Code, CompileError, InternalError, PluginError, Problem
from toolchain.graph.downgrade import write_in_opset
from toolchain.graph.opset import OPSET
from toolchain.graph.qdq_checker import unasked_float_nodes
from toolchain.graph.save import model_digest
from toolchain.graph.view import read_view
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.processors import no_pixels, processed_rows, processors_of
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.batches import check_reshapes
from toolchain.pipeline.stages.groups import group_programs
from toolchain.plugin.requests import CompileRequest, LowerRequest
from toolchain.program.cost import cost_report
from toolchain.program.processors import Processors
from toolchain.program.records import Program
from toolchain.program.serialize import load_program, save_program
from toolchain.quantization.qdq import float_nodes
from toolchain.render.analysis_files import FILES as ANALYSIS_FILES

NAME = "compile"
RECORD = "artifact.json"
FILES = "files"
SOURCES = "c"
"""Folder of the C sources within the target's."""
MODEL_PROGRAM = "model"
"""Folder of the program without processors, where there are any."""
RESERVED = (
    "optimized.onnx",
    "report.md",
    "report.html",
    "report.json",
    "config.json",
    "manifest.json",
    *ANALYSIS_FILES,
)
"""What every target's folder holds besides its own files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileRecord:
    """What the stage leaves in the cache beside the target's files.

    Attributes:
        files: Files of the target, each with what it is.
        program: Stem of the program's files.
        model_program: Stem of the files of the program without processors, if there are any.
        processed: Inputs and outputs that have other forms than the model's.
        unasked: Nodes of the QDQ model that compute in float although the plan did not ask for it.
        warnings: What the target could not write.
        cost: What the program costs.
    """

    files: dict[str, str]
    program: str
    model_program: str | None
    processed: tuple[SurgeryRow, ...]
    unasked: tuple[str, ...]
    warnings: tuple[Problem, ...]
    cost: CostReport


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Lower the QDQ model, then let the target write its files."""
    qdq = state.qdq
    if qdq is None:
        raise InternalError(Code.INTERNAL, "The compile stage has no quantized model")
    options = context.options
    quantized = state.keys.get("mixed-precision", state.keys["quantize"])
    opset = options.compile.opset
    processors = processors_of(Path(options.model), options.input, options.compile)
    parts = (
        quantized,
        options.platform,
        context.name,
        options.compile,
        processors,
        options.target_options,
        context.tools(),
    )
    stored = context.cached(
        NAME, parts, lambda folder: _compile(context, state, qdq, processors, folder)
    )
    record = read_record(stored.folder / RECORD, CompileRecord)
    compiled = CompiledArtifact(
        folder=stored.folder / FILES,
        files=record.files,
        program=record.program,
        model_program=record.model_program,
    )
    state = replace(state.after(NAME, stored), compiled=compiled, cost_report=record.cost)
    rows = record.processed
    if opset is not None:
        row = SurgeryRow(change="opset", where="QDQ model", old=f"{OPSET}", new=f"{opset}")
        rows = (*rows, row)
    if rows and state.optimize_report is not None:
        report = state.optimize_report
        report = replace(report, surgery=(*report.surgery, *rows))
        state = replace(state, optimize_report=report)
    for name, what in compiled.files.items():
        state = state.publishing(name, compiled.folder / name, what)
    state = state.warn_all(NAME, record.warnings)
    if state.samples is not None:
        state = state.warn_all(NAME, no_pixels(processors, state.samples.store))
    if record.unasked:
        problem = Problem(
            code=Code.RUNS_IN_FLOAT,
            message="The QDQ model computes in float where the plan did not ask for it",
            where=", ".join(record.unasked),
        )
        state = state.warn(NAME, problem)
    return state


def _compile(
    context: BuildContext, state: BuildState, qdq: Path, processors: Processors, folder: Path
) -> None:
    """Write the target's files and what is known of them into `folder`."""
    options = context.options
    graph = read_view(qdq)
    unasked = unasked_float_nodes(graph, float_nodes(graph))
    check_reshapes(graph, options.compile)
    lower = LowerRequest(target=context.target, graph=graph, name=context.name)
    lowered = context.hooks.lower(lower)
    program = processors.apply(lowered)
    (folder / FILES).mkdir()
    code = _generate(context, program)
    sources = {} if code is None else _write_sources(context, code, folder / FILES)
    without: dict[str, str] = {}
    model_program = None
    if processors:
        without, model_program = _write_without(lowered, folder / FILES, context.name)
    with context.workspace.scratch() as scratch:
        artifact = context.hooks.compile(
            CompileRequest(
                target=context.target,
                platform=options.platform,
                model=_handed_out(context, state, qdq, scratch),
                program=program,
                folder=folder / FILES,
                sources=None if code is None else folder / FILES / SOURCES,
                name=context.name,
                options=options.compile,
                target_options=options.target_options,
                groups=tuple(map(processors.apply, group_programs(context, qdq, scratch))),
            )
        )
    _check_files(context, folder / FILES, artifact)
    record = CompileRecord(
        files={**sources, **artifact.files, **without},
        program=artifact.program,
        model_program=model_program,
        processed=tuple(processed_rows(processors, lowered, program)),
        unasked=tuple(f"{node.name} ({node.op_type})" for node in unasked),
        warnings=artifact.warnings,
        cost=_cost(context, program, code),
    )
    write_record(folder / RECORD, record)


def _write_without(program: Program, folder: Path, name: str) -> tuple[dict[str, str], str]:
    """Write the program without processors below `folder`; its files by name, and their stem."""
    (folder / MODEL_PROGRAM).mkdir()
    body, weights = save_program(program, folder / MODEL_PROGRAM, name)
    files = {
        f"{MODEL_PROGRAM}/{body}": "integer program without processors",
        f"{MODEL_PROGRAM}/{weights}": "weights of the integer program without processors",
    }
    return files, f"{MODEL_PROGRAM}/{name}"


def _generate(context: BuildContext, program: Program) -> Generated | None:
    """The program as C; None where that is switched off."""
    options = context.options.compile
    if not options.sources:
        return None
    return generate(program, name=model_name(context.name), workers=options.workers)


def _write_sources(context: BuildContext, code: Generated, folder: Path) -> dict[str, str]:
    """Write the C program below `folder`; its files by name."""
    written = write_generated(code, folder / SOURCES, model_name(context.name))
    return {f"{SOURCES}/{name}": what for name, what in written.items()}


def _cost(context: BuildContext, program: Program, code: Generated | None) -> CostReport:
    """What the program costs; where there is a model of the chip, also on one core and on all."""
    (chip,) = context.target.platforms
    return cost_report(
        program,
        arena_bytes=None if code is None else code.memory.arena_bytes,
        bound_bytes=None if code is None else code.memory.bound_bytes,
        model=context.manager.cost_model(context.target.name, chip.name),
        cores=sorted({1, chip.cores}),
    )


def _handed_out(context: BuildContext, state: BuildState, qdq: Path, folder: Path) -> ModelArtifact:
    """The QDQ model in the opset asked for, proved on a sample to compute what it did before."""
    opset = context.options.compile.opset
    if opset is None or state.samples is None:
        return ModelArtifact(path=qdq, digest=model_digest(qdq))
    feeds = [state.samples.store.batch(0)]
    return write_in_opset(qdq, folder / qdq.name, opset, feeds)


def _check_files(context: BuildContext, folder: Path, artifact: CompiledArtifact) -> None:
    """Make sure that every file named is there, in the folder, and under a name of its own.

    What a plugin saved as the program must be one, before anything relies on it.
    """
    program = [f"{artifact.program}.program.{suffix}" for suffix in ("json", "bin")]
    for name in (*artifact.files, *program):
        path = Path(name)
        inside = not path.is_absolute() and ".." not in path.parts
        # A link may lead outside whatever its own name is.
        inside = inside and (folder / path).resolve().is_relative_to(folder.resolve())
        if not inside or name in RESERVED or not (folder / path).is_file():
            allowed = f"files in the request's folder, not called {', '.join(RESERVED)}"
            raise _bad_files(
                context, "The target names a file that it did not write, or may not", name, allowed
            )
    if context.hooks.outsiders:
        try:
            load_program(folder, artifact.program)
        except CompileError as error:
            found = error.problems[0]
            raise _bad_files(
                context,
                "The target did not save a program that can be loaded",
                f"{found.message}: {found.got}",
                "what `save_program` writes",
            ) from error


def _bad_files(context: BuildContext, message: str, got: str, allowed: str) -> PluginError:
    where = f"{context.target.name}, hook tc_compile"
    return PluginError(Code.PLUGIN_BAD_RETURN, message, where=where, got=got, allowed=allowed)
