"""Specs, parameters and plans: what is asked, the numbers, and which value gets which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rounding(StrEnum):
    """What happens to a value half-way between two integers (docs/numerics.md, 1)."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    HALF_AWAY = "half_away"


class ScaleKind(StrEnum):
    """Which scales a target can multiply by."""

    FLOAT = "float"
    POWER_OF_TWO = "power_of_two"


@dataclass(frozen=True, slots=True)
class PerTensor:
    """One scale for the whole tensor."""


@dataclass(frozen=True, slots=True)
class PerChannel:
    """One scale for every index along `axis`."""

    axis: int


@dataclass(frozen=True, slots=True)
class PerBlock:
    """One scale for every `size` elements along `axis`, as ONNX DequantizeLinear has it (opset 21).

    All other indices have scales of their own: the scales have the shape of the tensor, but
    ceil(length / size) along `axis`. The last block may be shorter.
    """

    axis: int
    size: int


Granularity = PerTensor | PerChannel | PerBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantSpec:
    """What is asked of one tensor; no numbers, hashable.

    Attributes:
        dtype: Stored integer type.
        symmetric: True forces the zero point 0 (the middle of the range for unsigned types).
        granularity: How many scales there are and along which axis.
        scale_kind: Any positive float32, or powers of two only.
        rounding: How real values are rounded to integers.
        narrow_range: True leaves out the smallest integer, so that the range is symmetric.
    """

    dtype: DType = DType.INT8
    symmetric: bool = False
    granularity: Granularity = PerTensor()
    scale_kind: ScaleKind = ScaleKind.FLOAT
    rounding: Rounding = Rounding.HALF_EVEN
    narrow_range: bool = False

    @property
    def qmin(self) -> int:
        """Smallest integer that may be stored."""
        return self.dtype.qmin + (1 if self.narrow_range else 0)

    @property
    def qmax(self) -> int:
        """Largest integer that may be stored."""
        return self.dtype.qmax


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantParams:
    """The numbers of one quantized tensor: real = (integer - zero_point) * scale.

    Attributes:
        scale: float32, shape () per tensor, (channels,) per channel or as `PerBlock` says; finite
            and > 0.
        zero_point: int32, the shape of `scale`, within the dtype of `spec`.
        spec: What was asked.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    spec: QuantSpec

    def __post_init__(self) -> None:
        """Copy the arrays and make them read-only."""
        for name, dtype in (("scale", np.float32), ("zero_point", np.int32)):
            array = np.array(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def same_numbers(self, other: QuantParams) -> bool:
        """True if both describe the same integers, bit for bit."""
        return (
            self.spec.dtype is other.spec.dtype
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
        )


class Edge(NamedTuple):
    """Input number `position` of the node named `node`, which reads `value`."""

    value: str
    node: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantPlan:
    """Which value is stored in which spec, and what single consumers read instead.

    A value without a spec is stored in float. An edge without a conversion reads the value as it
    is stored. A conversion to None reads float.

    Attributes:
        specs: Value name to the spec it is stored in.
        conversions: Edge to the spec that this one consumer reads.
        shared: Groups of values that have one set of parameters.
        fused: Pre-activation value to the value behind the activation that absorbs it: it is
            never stored, so it has neither spec nor parameters.
    """

    specs: Mapping[str, QuantSpec] = field(default_factory=dict)
    conversions: Mapping[Edge, QuantSpec | None] = field(default_factory=dict)
    shared: tuple[frozenset[str], ...] = ()
    fused: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("specs", "conversions", "fused"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def with_changes(
        self,
        *,
        specs: Mapping[str, QuantSpec | None] | None = None,
        conversions: Mapping[Edge, QuantSpec | None] | None = None,
    ) -> Self:
        """A plan with `specs` replaced (None: stored in float) and `conversions` added."""
        merged = {**self.specs, **(specs or {})}
        return replace(
            self,
            specs={value: spec for value, spec in merged.items() if spec is not None},
            conversions={**self.conversions, **(conversions or {})},
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParamSet:
    """The parameters of a plan: of stored values, and of edges that convert."""

    values: Mapping[str, QuantParams] = field(default_factory=dict)
    edges: Mapping[Edge, QuantParams] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("values", "edges"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
