"""The package for SpacemiT's runtime: the `.q.onnx`, its parameters, and the integer program."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np

from tc_target_riscv.validate import validate_package
from toolchain.api import CompiledArtifact
from toolchain.graph.view import read_view
from toolchain.program.serialize import save_program

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.api import GraphView
    from toolchain.plugin.requests import CompileRequest


def write_package(request: CompileRequest) -> CompiledArtifact:
    """Validate the QDQ model against the provider's documented limits and write all files.

    Files: `NAME.q.onnx` (what the runtime loads), `NAME.params.json` (scale and zero point of every
    quantized tensor), `NAME.program.json` and `NAME.program.bin` (the integer program).

    Raises:
        CompileError: The model holds something the provider does not take; all findings together.
    """
    graph = read_view(request.model.path)
    validate_package(graph)
    model = f"{request.name}.q.onnx"
    shutil.copyfile(request.model.path, request.folder / model)
    params = f"{request.name}.params.json"
    _write_params(graph, request.folder / params)
    body, weights = save_program(request.program, request.folder, request.name)
    files = {
        model: f"QDQ model for the onnxruntime provider on {request.platform}",
        params: "scale and zero point of every quantized tensor",
        body: "integer program",
        weights: "weights of the integer program",
    }
    files |= _external_data(request, model)
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)


def _external_data(request: CompileRequest, model: str) -> dict[str, str]:
    """Copies of external weights; their name is part of the model, so it stays."""
    copied = {}
    for path in sorted(request.model.path.parent.glob(f"{request.model.path.name}.*")):
        shutil.copyfile(path, request.folder / path.name)
        copied[path.name] = f"external weights of {model}"
    return copied


def _write_params(graph: GraphView, path: Path) -> None:
    tensors = {}
    for node in graph.nodes:
        if node.op_type != "DequantizeLinear" or node.inputs[0] is None:
            continue
        scale, point = node.constant_input(1), node.constant_input(2)
        if scale is None or point is None:
            continue
        tensors[node.inputs[0].name] = {
            "dtype": str(node.inputs[0].dtype),
            "scale": [float(v) for v in np.atleast_1d(scale)],
            "zero_point": [int(v) for v in np.atleast_1d(point)],
            "axis": node.int_attribute("axis", 1) if scale.ndim else None,
        }
    path.write_text(json.dumps(tensors, indent=1, sort_keys=True) + "\n", encoding="utf-8")
