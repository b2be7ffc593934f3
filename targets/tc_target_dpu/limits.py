"""What the hardware leaves to a CPU although it is computed in integers.

Sources: UG1414, its tables of operators: functions are activations of convolutions, Sigmoid and
Tanh run on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from toolchain.program.records import Conv, ConvTranspose, MatMul, Operation, Program, Table

_ON_CPU = frozenset({"Sigmoid", "Tanh"})
_CONVOLUTIONS = (Conv, ConvTranspose, MatMul)


def machine_limits(kinds: Mapping[str, str]) -> Callable[[Operation, Program], str | None]:
    """Why the hardware cannot do an operation of a program; None if it can.

    Args:
        kinds: The ONNX operator of every node, by name, which operations are called by as well;
            other tables change a position, as a depthwise convolution of 1 x 1 can.
    """

    def reason(op: Operation, program: Program) -> str | None:
        if not isinstance(op, Table):
            return None
        kind = kinds.get(op.name)
        if kind is None:
            return None
        if kind in _ON_CPU:
            return f"the DPU has no {kind}"
        made = (each for each in program.operations if op.inputs[0] in each.outputs)
        if isinstance(next(made, None), _CONVOLUTIONS):
            return None
        return f"the DPU computes {kind} behind a convolution only"

    return reason
