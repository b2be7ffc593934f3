"""What a hardware family can do, as facts; no behaviour beyond its constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec, Rounding

if TYPE_CHECKING:
    from toolchain.core.graph_view import NodeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a constraint found.

    Attributes:
        ok: True if the node satisfies the rule.
        value: What was measured, as the user should read it ("kernel rank is 4").
    """

    ok: bool
    value: str


Constraint = Callable[["NodeView"], Measured]
"""A rule of a target about one node; its docstring is the rule as the user reads it."""


def rule_of(constraint: Constraint) -> str:
    """The user-visible rule: the first paragraph of the constraint's docstring."""
    return " ".join((constraint.__doc__ or constraint.__name__).strip().split("\n\n")[0].split())


class Support(StrEnum):
    """How a target runs an operator."""

    COMPUTE = "compute"
    """Computes on integers; its output has parameters of its own."""
    MOVE = "move"
    """Moves integers; inputs and outputs share one set of parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpSupport:
    """Support of one operator on integers.

    Attributes:
        support: How it runs.
        constraints: Rules that a node must satisfy; one that does not runs in float or is an error.
        output_range: Range of the output that is known beforehand, as (minimum, maximum); taken
            where the samples fill at least half of it.
    """

    support: Support = Support.COMPUTE
    constraints: tuple[Constraint, ...] = ()
    output_range: tuple[float, float] | None = None


class Requantization(StrEnum):
    """How an accumulator becomes an output integer (docs/numerics.md, 5)."""

    FLOAT32_MULTIPLIER = "float32_multiplier"
    MULTIPLIER_AND_SHIFT = "multiplier_and_shift"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One chip of a family.

    Attributes:
        name: What the user writes.
        summary: One line.
        cores: Cores that can work on one model.
    """

    name: str
    summary: str
    cores: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasRule:
    """How the bias of an accumulating operator is stored.

    Attributes:
        dtypes: What the user may choose; the first is the default.
        accumulator_headroom_bits: Bits of the accumulator that a stored bias must leave free, so
            that bias plus products cannot overflow.
    """

    dtypes: tuple[DType, ...] = (DType.INT32,)
    accumulator_headroom_bits: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """Facts of a hardware family.

    Attributes:
        name: What the user writes after `--target`.
        summary: One line.
        platforms: Chips; the first is the default.
        ops: Operators that run on integers, by ONNX operator name.
        activation: Default spec of activations.
        weight: Default spec of weights; a PerChannel axis is replaced by the operator's own.
        activation_dtypes: All types an activation may be stored in, FLOAT32 for float islands.
        weight_dtypes: All types a weight may be stored in.
        bias: How biases are stored.
        accumulator: Type that products are summed in.
        requantization: How accumulators become outputs.
        rounding: How requantization and conversion of activations round.
        fused_activations: Operators that an accumulating operator absorbs before requantization.
        min_scale: Smallest scale the hardware can use.
        opset: ONNX opset of what is handed to the vendor's runtime.
        notes: Where the facts come from, one line each.
    """

    name: str
    summary: str
    platforms: tuple[Platform, ...]
    ops: Mapping[str, OpSupport]
    activation: QuantSpec
    weight: QuantSpec
    activation_dtypes: tuple[DType, ...]
    weight_dtypes: tuple[DType, ...]
    bias: BiasRule = BiasRule()
    accumulator: DType = DType.INT32
    requantization: Requantization = Requantization.FLOAT32_MULTIPLIER
    rounding: Rounding = Rounding.HALF_EVEN
    fused_activations: frozenset[str] = frozenset({"Relu", "Clip"})
    min_scale: float = 2.0**-126
    opset: int = 24
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "ops", MappingProxyType(dict(self.ops)))

    def violations(self, node: NodeView) -> tuple[tuple[str, str], ...]:
        """Rule and measured value of every constraint that `node` breaks.

        An operator the target does not know breaks the rule of being supported at all.
        """
        support = self.ops.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if support is None:
            known = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            return (("The operator is one that the target runs on integers", known),)
        results = ((rule_of(check), check(node)) for check in support.constraints)
        return tuple((rule, measured.value) for rule, measured in results if not measured.ok)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """A target without options of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDef:
    """Registration of a target, what the hook `tc_targets` returns.

    Attributes:
        spec: Its facts.
        options: Frozen keyword-only dataclass of the target's own options, shown under
            `[target.NAME.options]`; each field has a default and may carry `Annotated` limits.
    """

    spec: TargetSpec
    options: type[Any] = NoOptions
