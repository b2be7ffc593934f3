"""The QDQ model and its positions as Vitis AI's quantizers list them.

The compiled model is one for our model of the machine. The graph of XIR has what the vendor's does,
but for instructions of its DPU, which are not public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tc_target_dpu.limits import machine_limits
from tc_target_dpu.xir import encode_graph
from tc_target_dpu.xmodel import xir_graph
from tc_target_dpu.xmodel_tensors import NoOperatorError
from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX
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

    Files: `NAME.qdq.onnx`, `NAME.quant_info.json` ([bit width, position] of parameters, and of
    inputs and outputs by node), `NAME.arch.json` (the hardware), `NAME.program.json` and
    `NAME.program.bin` (the integer program), `NAME.tcm` (the compiled model), `NAME.xmodel` and
    `NAME.meta.json` (the graph of XIR; where XIR cannot say it, the latter says why).

    Raises:
        CompileError: A tensor is no int8 with zero point 0 and one power of two; all findings
            together.
    """
    stored = StoredTensors(read_view(request.model.path))
    problems = [_problem(tensor) for tensor in stored.tensors if not _fits(tensor)]
    if problems:
        raise CompileError.of(problems)
    model = f"{request.name}.qdq.onnx"
    files = write_basics(
        request.model.path,
        request.program,
        request.folder,
        name=request.name,
        model_name=model,
    )
    sidecars: dict[str, tuple[Any, str]] = {
        f"{request.name}.quant_info.json": (_quant_info(stored), "positions of every tensor"),
        f"{request.name}.arch.json": (
            {
                "target": _target(request),
                "cores": request.target_options.cores,
            },
            "the hardware that the model is for",
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
        limits=machine_limits(_kinds(stored)),
    )
    files |= _write_xmodel(request, stored)
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)


def _write_xmodel(request: CompileRequest, stored: StoredTensors) -> dict[str, str]:
    """The graph for the vendor's tools and what it is, or why XIR cannot say it."""
    name, meta = f"{request.name}.xmodel", f"{request.name}.meta.json"
    container = read_container(request.folder / f"{request.name}{SUFFIX}")
    fields = {
        "lib": "libvart-dpu-runner.so",
        "filename": name,
        "kernel": [],
        "target": _target(request),
    }
    try:
        graph = xir_graph(
            request.program,
            container.variants[0].segments,
            request.name,
            biases=_biases(stored),
            kinds=_kinds(stored),
        )
    except NoOperatorError as error:
        write_json(request.folder / meta, fields | {"filename": None, "missing": str(error)})
        return {meta: "why there is no xmodel"}
    fields["kernel"] = [each.name for each in graph.subgraphs if each.device == "DPU"]
    (request.folder / name).write_bytes(encode_graph(graph))
    write_json(request.folder / meta, fields)
    return {
        name: "graph of XIR with fixed-point operators, without instructions of the DPU",
        meta: "its kernels and the hardware",
    }


def _target(request: CompileRequest) -> str:
    return f"DPUCZDX8G_ISA1_{request.platform.upper()}"


def _kinds(stored: StoredTensors) -> dict[str, str]:
    """The operator of every node."""
    return {at.node.name: at.node.op_type for at in stored.nodes}


def _biases(stored: StoredTensors) -> dict[str, int]:
    """Position of the bias of every node that has one."""
    found = {at.node.name: at.inputs[2] for at in stored.nodes if len(at.inputs) == 3}
    positions = {name: bias.positions[0] for name, bias in found.items() if bias is not None}
    return {name: position for name, position in positions.items() if position is not None}


def _quant_info(stored: StoredTensors) -> dict[str, Any]:
    """Parameters by name, inputs and outputs by node; null for a tensor that stays in float."""
    return {
        "param": {t.name: _entry(t) for t in stored.tensors if t.is_constant},
        "input": {
            at.node.name: [_entry(t) for t in at.inputs if t is None or not t.is_constant]
            for at in stored.nodes
        },
        "output": {at.node.name: [_entry(t) for t in at.outputs] for at in stored.nodes},
    }


def _entry(tensor: StoredTensor | None) -> list[int | None] | None:
    return None if tensor is None else [tensor.dtype.bits, tensor.positions[0]]


def _fits(tensor: StoredTensor) -> bool:
    one = tensor.scale.size == 1 and None not in tensor.positions
    return tensor.dtype == "int8" and one and not tensor.zero_point.any()


def _problem(tensor: StoredTensor) -> Problem:
    points = "" if not tensor.zero_point.any() else f", zero point {tensor.zero_point.tolist()}"
    return Problem(
        code=Code.PACKAGE_INVALID,
        message="The DPU cannot store this tensor",
        where=tensor.name,
        got=f"{tensor.dtype}, scale {tensor.scale.tolist()}{points}"[:200],
        allowed="int8, one scale that is a power of two, zero point 0",
    )
