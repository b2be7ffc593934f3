"""What a hardware family can do, as facts; no behaviour beyond its constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.quant import QuantSpec, Rounding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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


ElementFunction = Callable[["NodeView", "NDArray[np.float32]"], "NDArray[np.float32]"]
"""A unary operator as a target computes it: its node and real inputs to real outputs."""


def rule_of(constraint: Constraint) -> str:
    """The user-visible rule: the first paragraph of the constraint's docstring."""
    return " ".join((constraint.__doc__ or constraint.__name__).strip().split("\n\n")[0].split())


def stated(rule: str, constraint: Constraint) -> Constraint:
    """`constraint` with `rule` as its docstring, for rules that are made with numbers in them."""
    constraint.__doc__ = rule
    return constraint


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
        input_positions: Smallest and largest position (scale = 2**-position) of the input, where
            scales are powers of two.
        function: How the target computes the entries of the operator's table, where that is not
            the exact function (docs/numerics.md, 8).
    """

    support: Support = Support.COMPUTE
    constraints: tuple[Constraint, ...] = ()
    output_range: tuple[float, float] | None = None
    input_positions: tuple[int, int] | None = None
    function: ElementFunction | None = None


class Requantization(StrEnum):
    """How an accumulator becomes an output integer (docs/numerics.md, 5)."""

    FLOAT32_MULTIPLIER = "float32_multiplier"
    """One float32 product of the converted accumulator and a float32 factor."""
    MULTIPLIER_AND_SHIFT = "multiplier_and_shift"
    """The exact product with an integer multiplier of few bits, shifted right."""
    SHIFT = "shift"
    """The accumulator shifted right; all scales are powers of two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftLimits:
    """Shifts that hardware with power-of-two scales can do (scale = 2**-position).

    With x, w, b and y the positions of input, weight, bias and output of an accumulating operator,
    and a the positions of the inputs of an element-wise one.

    Attributes:
        cut: Smallest and largest x + w - y.
        bias: Largest x + w - b.
        bias_below_cut: The smallest x + w - b is min(0, cut - bias_below_cut).
        read: Largest max(a) - min(a).
        write: Smallest and largest min(a) - y, of products sum(a) - y.
    """

    cut: tuple[int, int]
    bias: int
    bias_below_cut: int
    read: int
    write: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One chip of a family.

    Attributes:
        name: What the user writes.
        summary: One line.
        cores: Cores that can work on one model.
        machines: Models of what programs are compiled for, one for each mode or number of cores,
            the default first; the target's options may choose one. Empty: nobody described any.
        ops: Operators whose support differs from the family's; None where the chip has none.
        activation_dtypes: Types of activations, where they differ from the family's.
        weight_dtypes: Types of weights, where they differ from the family's.
    """

    name: str
    summary: str
    cores: int = 1
    machines: tuple[Machine, ...] = ()
    ops: Mapping[str, OpSupport | None] = field(default_factory=dict)
    activation_dtypes: tuple[DType, ...] | None = None
    weight_dtypes: tuple[DType, ...] | None = None

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "ops", MappingProxyType(dict(self.ops)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasRule:
    """How the bias of an accumulating operator is stored.

    Attributes:
        dtypes: What the user may choose; the first is the default.
        accumulator_headroom_bits: Bits of the accumulator that a stored bias must leave free, so
            that bias plus products cannot overflow.
        own_scale: True where a bias has a scale chosen for its own values, as a weight has; False
            where it is stored in the scale of the accumulator.
    """

    dtypes: tuple[DType, ...] = (DType.INT32,)
    accumulator_headroom_bits: int = 1
    own_scale: bool = False


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
        weight_block_sizes: Input channels that may share one scale of a 4-bit weight; none: only
            all those of an output channel.
        bias: How biases are stored.
        accumulator: Type that products of 8-bit operands are summed in.
        wide_accumulator: Type that products with a wider operand are summed in.
        requantization: How accumulators become outputs.
        multiplier_bits: Bits of an integer multiplier, for MULTIPLIER_AND_SHIFT.
        shift_limits: Shifts that the hardware can do, for power-of-two scales; None: all.
        pool_reciprocals: Kernel of an average pooling to (m, s), which stand for its division by
            the number of elements as m * 2**-s; other kernels take the best m of the rule in
            docs/numerics.md, 7. Only where requantization is exact.
        rounding: How requantization rounds.
        conversion_rounding: How float values are quantized, at the inputs of a program and behind
            float islands; None: as `rounding`.
        fused_activations: Operators that an accumulating operator absorbs before requantization.
        min_scale: Smallest scale the hardware can use.
        opset: ONNX opset of what is handed to the vendor's runtime.
        machine_options: Which of `core.options.MACHINE_OPTIONS` its `tc_compile` honours; any
            other one that a user sets is an error.
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
    weight_block_sizes: tuple[int, ...] = ()
    bias: BiasRule = BiasRule()
    accumulator: DType = DType.INT32
    wide_accumulator: DType = DType.INT32
    requantization: Requantization = Requantization.FLOAT32_MULTIPLIER
    multiplier_bits: int = 15
    shift_limits: ShiftLimits | None = None
    pool_reciprocals: Mapping[tuple[int, ...], tuple[int, int]] = field(default_factory=dict)
    rounding: Rounding = Rounding.HALF_EVEN
    conversion_rounding: Rounding | None = None
    fused_activations: frozenset[str] = frozenset({"Relu", "Clip"})
    min_scale: float = 2.0**-126
    opset: int = 24
    machine_options: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("ops", "pool_reciprocals"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def on(self, platform: str) -> TargetSpec:
        """The facts of one chip, its only platform: the family's, changed where it differs."""
        chip = next(known for known in self.platforms if known.name == platform)
        ops = {**self.ops, **chip.ops}
        return replace(
            self,
            platforms=(chip,),
            ops={name: support for name, support in ops.items() if support is not None},
            activation_dtypes=chip.activation_dtypes or self.activation_dtypes,
            weight_dtypes=chip.weight_dtypes or self.weight_dtypes,
        )

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
        configure: The facts of a chip as the target's options change them; None: not at all.
        tools: Names and versions of the tools that compiling runs, as they are installed now: what
            is compiled depends on them; None: there are none.
    """

    spec: TargetSpec
    options: type[Any] = NoOptions
    configure: Callable[[TargetSpec, Any], TargetSpec] | None = None
    tools: Callable[[], str] | None = None

    def facts(self, platform: str, options: Any) -> TargetSpec:
        """The facts of one chip under the target's own options."""
        spec = self.spec.on(platform)
        return spec if self.configure is None else self.configure(spec, options)
