"""Programs of the same quantized model for other shapes of its inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolchain.errors import CompileError, ModelError
from toolchain.graph.input_shapes import write_in_shapes
from toolchain.graph.view import read_view
from toolchain.plugin.requests import LowerRequest
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.core.options import ShapeGroup
    from toolchain.core.target import TargetSpec
    from toolchain.pipeline.context import BuildContext
    from toolchain.plugin.facade import TargetHooks
    from toolchain.program.records import Program


def group_programs(context: BuildContext, qdq: Path, scratch: Path) -> tuple[Program, ...]:
    """The program of every group in `compile.groups`; weights and parameters are those of `qdq`.

    Raises:
        CompileError: What keeps the model from the shapes of a group, all of the first such group.
    """
    lowering = Lowering(hooks=context.hooks, target=context.target, name=context.name)
    groups = context.options.compile.groups
    return tuple(group_program(lowering, qdq, group, scratch, i) for i, group in enumerate(groups))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lowering:
    """Who makes programs.

    Attributes:
        hooks: Hooks of the target.
        target: Facts of the chip, with the target's options.
        name: Name of the programs.
    """

    hooks: TargetHooks
    target: TargetSpec
    name: str


def group_program(
    lowering: Lowering, qdq: Path, group: ShapeGroup, scratch: Path, index: int
) -> Program:
    """The program of `qdq` in the shapes of `group`, entry `index` of `compile.groups`.

    Raises:
        CompileError: What keeps the model from these shapes.
    """
    section = f"compile.groups.{index}.input_shapes"
    model = scratch / f"group{index}.onnx"
    try:
        write_in_shapes(qdq, model, group.input_shapes, section)
        program = lowering.hooks.lower(
            LowerRequest(target=lowering.target, graph=read_view(model), name=lowering.name)
        )
        check_program(program)
    except (ModelError, CompileError) as error:
        hint = "other shapes need a model whose operators all follow the shape of its inputs"
        raise CompileError.of(
            replace(
                problem,
                where=_place(problem.where, section),
                hint=problem.hint or hint,
            )
            for problem in error.problems
        ) from error
    return program


def _place(where: str | None, section: str) -> str:
    if where is None or where.startswith(section):
        return where or section
    return f"{where}, {section}"
