"""What pulsar2 takes and shows: the QDQ model, parameters per operator, a build description.

The compiled model is for our model of the machine; the vendor's own format is not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tc_target_npu.options import HARDWARE
from toolchain.accelerator.package import write_model
from toolchain.api import CompiledArtifact, TargetSpec, traits
from toolchain.graph.stored import NodeTensors, StoredTensor, StoredTensors
from toolchain.graph.view import read_view
from toolchain.program.package import write_basics, write_json

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest

_FLOAT = {"state": "FP32", "bit_width": 32}
_FUSED = {"state": "OVERLAPPED"}


def write_package(request: CompileRequest) -> CompiledArtifact:
    """Write all files.

    Files: `NAME.qdq.onnx` and `NAME.build.json` (what `pulsar2 build` takes), `NAME.quant.json`
    (parameters of every tensor of every operator, in the fields of the vendor's
    quant_axmodel.json), `NAME.program.json` and `NAME.program.bin` (the integer program).
    """
    model = f"{request.name}.qdq.onnx"
    files = write_basics(
        request.model.path,
        request.program,
        request.folder,
        name=request.name,
        model_name=model,
    )
    stored = StoredTensors(read_view(request.model.path))
    sidecars: dict[str, tuple[Any, str]] = {
        f"{request.name}.quant.json": (
            {"configs": {at.node.name: _config(at, request.target) for at in stored.nodes}},
            "parameters of every tensor, by operator",
        ),
        f"{request.name}.build.json": (
            {
                "input": model,
                "model_type": "QuantONNX",
                "target_hardware": HARDWARE[request.platform],
                "npu_mode": str(request.target_options.npu_mode),
            },
            "build description for pulsar2",
        ),
    }
    for name, (content, what) in sidecars.items():
        write_json(request.folder / name, content)
        files[name] = what
    files |= write_model(
        request.program,
        request.groups,
        request.target.platforms[0].machines[0],
        request.folder,
        name=request.name,
        options=request.options,
    )
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)


def _config(at: NodeTensors, target: TargetSpec) -> dict[str, dict[str, Any]]:
    """Every float or stored tensor at the ports of one operator.

    A result that a following activation absorbs is OVERLAPPED by the activation's parameters; a
    weight is BAKED and a bias PASSIVE_BAKED, for both are stored as integers.
    """
    weight = traits(at.node).weight
    config: dict[str, dict[str, Any]] = {}
    for index, (value, stored) in enumerate(zip(at.node.inputs, at.inputs, strict=True)):
        if value is not None and stored is not None:
            narrow = index == weight and stored.is_constant and target.weight.narrow_range
            config[stored.name] = _fields(stored, stored.dtype.qmin + narrow)
        elif value is not None and value.dtype == "float32":
            config[value.name] = _FLOAT
    unstored = _FUSED if any(at.inputs) else _FLOAT
    for value, stored in zip(at.node.outputs, at.outputs, strict=True):
        if stored is not None:
            config[stored.name] = _fields(stored, stored.dtype.qmin)
        elif value.dtype == "float32":
            config[value.name] = unstored
    return config


def _fields(tensor: StoredTensor, quant_min: int) -> dict[str, Any]:
    symmetric = tensor.dtype.signed and not tensor.zero_point.any()
    policy = {
        "PER_TENSOR": tensor.axis is None,
        "PER_CHANNEL": tensor.axis is not None,
        "LINEAR": True,
        "EXPONENTIAL": False,
        "SYMMETRICAL": symmetric,
        "ASYMMETRICAL": not symmetric,
        "POWER_OF_2": False,
    }
    return {
        "bit_width": tensor.dtype.bits,
        "policy": policy,
        "state": _state(tensor),
        "quant_min": quant_min,
        "quant_max": tensor.dtype.qmax,
        "scale": tensor.scale.tolist(),
        "zero_point": tensor.zero_point.tolist(),
        "axis": tensor.axis,
    }


def _state(tensor: StoredTensor) -> str:
    if not tensor.is_constant:
        return "ACTIVATED"
    return "PASSIVE_BAKED" if tensor.dtype.bits == 32 else "BAKED"
