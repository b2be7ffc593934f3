"""The QDQ model and its parameters as radix and scale.

The compiled model is for our model of the machine; the vendor's `.bie` and `.nef` are not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tc_target_kdp.options import Quantization
from toolchain.accelerator.package import write_model
from toolchain.api import Code, CompiledArtifact, Problem
from toolchain.errors import CompileError
from toolchain.graph.stored import StoredTensor, StoredTensors
from toolchain.graph.view import read_view
from toolchain.program.package import write_basics, write_json

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest


def write_package(request: CompileRequest) -> CompiledArtifact:
    """Write all files.

    Files: `NAME.qdq.onnx`, `NAME.radix.json` (radix and scale of every tensor),
    `NAME.program.json` and `NAME.program.bin` (the integer program).

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
    files |= write_model(
        request.program,
        request.groups,
        request.target.platforms[0].machines[0],
        request.folder,
        name=request.name,
        options=request.options,
    )
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)


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
