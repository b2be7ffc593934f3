"""The QDQ model and its parameters as radix and scale.

The compiled model is for our model of the machine; the vendor's `.bie` and `.nef` are not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tc_target_kdp.evaluation import Limits, evaluate
from tc_target_kdp.evaluation_text import evaluation_fields, evaluation_text
from tc_target_kdp.options import Quantization
from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX
from toolchain.accelerator.package import write_model
from toolchain.api import Code, CompiledArtifact, Machine, Problem
from toolchain.errors import CompileError
from toolchain.graph.stored import StoredTensor, StoredTensors
from toolchain.graph.view import read_view
from toolchain.program.package import write_basics, write_json

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest


def write_package(request: CompileRequest) -> CompiledArtifact:
    """Write all files.

    Files: `NAME.qdq.onnx`, `NAME.radix.json` (radix and scale of every tensor),
    `NAME.program.json` and `NAME.program.bin` (the integer program), `NAME.tcm` (the compiled
    model), `NAME.evaluation.json` and `NAME.ip_eval_prof.txt` (how long it takes).

    Raises:
        CompileError: A zero point is not 0, or a scale no power of two where only those are
            allowed; all findings together.
    """
    quantization = request.target_options.quantization
    tensors = StoredTensors(read_view(request.model.path)).tensors
    problems = [p for tensor in tensors for p in _problems(tensor, quantization)]
    if problems:
        raise CompileError.of(problems)
    model, radix = f"{request.name}.qdq.onnx", f"{request.name}.radix.json"
    files = write_basics(
        request.model.path,
        request.program,
        request.folder,
        name=request.name,
        model_name=model,
    )
    content = {
        "platform": request.platform,
        "quantization": str(quantization),
        "tensors": {tensor.name: _fields(tensor) for tensor in tensors},
    }
    write_json(request.folder / radix, content)
    files[radix] = "radix and scale of every tensor"
    (machine,) = request.target.platforms[0].machines
    files |= write_model(
        request.program,
        request.groups,
        machine,
        request.folder,
        name=request.name,
        options=request.options,
    )
    files |= _write_evaluation(request, machine)
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)


def _write_evaluation(request: CompileRequest, machine: Machine) -> dict[str, str]:
    """What the evaluator says of the fewest samples and the model's own shapes."""
    options = request.target_options
    limits = Limits(dma_bandwidth=options.dma_bandwidth, weight_bandwidth=options.weight_bandwidth)
    container = read_container(request.folder / f"{request.name}{SUFFIX}")
    found = evaluate(container.variants[0].segments, request.program, machine, limits)
    figures, text = f"{request.name}.evaluation.json", f"{request.name}.ip_eval_prof.txt"
    write_json(request.folder / figures, evaluation_fields(found))
    (request.folder / text).write_text(evaluation_text(found), "utf-8")
    return {
        figures: "what the evaluator reports, by operator",
        text: "its summary, as the vendor's evaluator prints it",
    }


def _fields(tensor: StoredTensor) -> dict[str, Any]:
    """Radix and scale: real = fixed / (scale * 2**radix), 1 <= scale < 2; 16 bits are called 15."""
    significand, exponent = np.frexp(1.0 / tensor.scale.astype(np.float64))
    return {
        "bitwidth": 15 if tensor.dtype.bits == 16 else tensor.dtype.bits,
        "radix": (exponent - 1).tolist(),
        "scale": (significand * 2.0).tolist(),
        "axis": tensor.axis,
    }


def _problems(tensor: StoredTensor, quantization: Quantization) -> list[Problem]:
    found = []
    if tensor.zero_point.any():
        found.append(("zero point 0", f"zero point {tensor.zero_point.tolist()}"))
    if quantization is Quantization.RADIX and None in tensor.positions:
        found.append(("scales that are powers of two", f"scale {tensor.scale.tolist()}"))
    return [
        Problem(
            code=Code.PACKAGE_INVALID,
            message="The chip cannot store this tensor",
            where=tensor.name,
            got=got[:200],
            allowed=allowed,
        )
        for allowed, got in found
    ]
