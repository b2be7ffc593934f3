"""The answer of `tc_compile` for a chip with a machine, of which everything else is facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.artifacts import CompiledArtifact
from toolchain.errors import Code, CompileError

if TYPE_CHECKING:
    from toolchain.plugin.requests import CompileRequest


def compile_for_machine(request: CompileRequest) -> CompiledArtifact:
    """The QDQ model, the integer program, and the compiled model for the chip's first machine.

    Honours `KIT_OPTIONS` of `compile`, which the facts of the target list as `machine_options`.

    Raises:
        CompileError: The chip has no machine, or its machine cannot have the model.

    Example:
        @hookimpl
        def tc_compile(request):
            return compile_for_machine(request)
    """
    from toolchain.accelerator.package import write_model
    from toolchain.program.package import write_basics

    (chip,) = request.target.platforms
    if not chip.machines:
        raise CompileError(
            Code.LOWERING_FAILED,
            "The chip has no machine to compile for",
            where=f"{request.target.name}, platform {chip.name}",
            hint="describe one in `Platform.machines` (docs/npu-tutorial.md)",
        )
    files = write_basics(
        request.model.path,
        request.program,
        request.folder,
        name=request.name,
        model_name=f"{request.name}.qdq.onnx",
    )
    files |= write_model(
        request.program,
        request.groups,
        chip.machines[0],
        request.folder,
        name=request.name,
        options=request.options,
    )
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)
