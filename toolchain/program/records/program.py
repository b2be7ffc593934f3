"""Float operators, and the program as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import Attribute
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.records.operation import Operation, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatOp(Operation):
    """An operator of a float island, with ONNX's meaning at opset 24 (docs/numerics.md, 9).

    Attributes:
        op_type: ONNX operator name.
        attributes: Its attributes.
        constants: Input index to the constant in that place; `inputs` holds "" there.
    """

    op_type: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    constants: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A whole integer program.

    Attributes:
        name: What it was lowered from.
        rounding: Rounding of every step marked "round" above, but for `Quantize`.
        requantization: How accumulators become integers.
        wide_accumulator: Type of accumulators with an operand of more than 8 bits; others are
            int32.
        inputs: Tensors fed from outside, in the model's order (float32 where the model's are).
        outputs: Tensors handed out.
        tensors: Every tensor by name.
        constants: Weights, biases, tables and factors by name; read-only arrays.
        operations: In execution order.
    """

    name: str
    rounding: Rounding
    requantization: Requantization = Requantization.FLOAT32_MULTIPLIER
    wide_accumulator: DType = DType.INT32
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Array]
    operations: tuple[Operation, ...]

    @property
    def exact(self) -> bool:
        """True where accumulators are requantized without floating point."""
        return self.requantization is not Requantization.FLOAT32_MULTIPLIER

    @property
    def written(self) -> tuple[str, ...]:
        """Tensors that operations write, in their order: the layers of a run."""
        return tuple(name for op in self.operations for name in op.outputs if name)

    def __post_init__(self) -> None:
        """Freeze mappings and arrays."""
        for array in self.constants.values():
            array.setflags(write=False)
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "constants", MappingProxyType(dict(self.constants)))
