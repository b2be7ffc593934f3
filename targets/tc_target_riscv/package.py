"""The package for SpacemiT's runtime: the `.q.onnx`, its parameters, and the integer program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tc_target_riscv.native import build_native
from tc_target_riscv.validate import validate_package
from toolchain.api import CompiledArtifact
from toolchain.graph.stored import StoredTensors
from toolchain.graph.view import read_view
from toolchain.program.package import write_basics, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.api import GraphView, Problem
    from toolchain.plugin.requests import CompileRequest


def write_package(request: CompileRequest) -> CompiledArtifact:
    """Validate the QDQ model against the provider's documented limits and write all files.

    Files: `NAME.q.onnx` (what the runtime loads), `NAME.params.json` (scale and zero point of every
    quantized tensor), `NAME.program.json` and `NAME.program.bin` (the integer program), and where
    there is a compiler `NAME.rv64gcv.elf` and `libNAME.rv64gcv.a`.

    Raises:
        CompileError: The model holds something the provider does not take; all findings together.
    """
    graph = read_view(request.model.path)
    validate_package(graph)
    model = f"{request.name}.q.onnx"
    files = write_basics(
        request.model.path,
        request.program,
        request.folder,
        name=request.name,
        model_name=model,
    )
    params = f"{request.name}.params.json"
    _write_params(graph, request.folder / params)
    files |= {
        model: f"QDQ model for the onnxruntime provider on {request.platform}",
        params: "scale and zero point of every quantized tensor",
    }
    warnings: list[Problem] = []
    if request.sources is not None and request.target_options.binary:
        binaries, warnings = build_native(request.sources, request.folder, request.name)
        files |= binaries
    return CompiledArtifact(
        folder=request.folder, files=files, program=request.name, warnings=tuple(warnings)
    )


def _write_params(graph: GraphView, path: Path) -> None:
    tensors = {
        name: {
            "dtype": str(tensor.dtype),
            "scale": tensor.scale.tolist(),
            "zero_point": tensor.zero_point.tolist(),
            "axis": tensor.axis,
        }
        for name, tensor in StoredTensors(graph).by_integers.items()
    }
    write_json(path, tensors)
