"""Whether the Reshape operators of a model may follow the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import Code, CompileError, Problem

if TYPE_CHECKING:
    from toolchain.core.graph_view import GraphView
    from toolchain.core.options import CompileOptions


def check_reshapes(graph: GraphView, options: CompileOptions) -> None:
    """Make sure that no Reshape names the batch where its constant must stay as it is.

    A constant that begins with -1 or 0 follows the batch by itself.

    Raises:
        CompileError: NO_BATCH for every Reshape whose constant begins with another number, where
            several samples are asked for and `compile.disable_ir_fix` forbids to change it.
    """
    if not (options.disable_ir_fix and options.several_samples):
        return
    problems = []
    for node in graph.nodes:
        shape = node.inputs[1] if node.op_type == "Reshape" and not node.domain else None
        values = [] if shape is None or shape.constant is None else shape.constant.tolist()
        if values and values[0] > 0:
            problems.append(
                Problem(
                    code=Code.NO_BATCH,
                    message="A Reshape names the batch, and `compile.disable_ir_fix` forbids to "
                    "change its constant",
                    where=node.name,
                    got=str(values),
                    allowed="-1 or 0 in front",
                    hint="set it with `surgery.constants`, or leave out `compile.disable_ir_fix`",
                )
            )
    if problems:
        raise CompileError.of(problems)
