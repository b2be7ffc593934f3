"""Parameters given by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView
from toolchain.core.options import RangePin
from toolchain.core.quant import (
    PerChannel,
    PerTensor,
    QuantParams,
    QuantPlan,
    QuantSpec,
    ScaleKind,
)
from toolchain.core.reports import RuleEffect
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, Problem
from toolchain.numerics.affine import params_from_range

PinFunction = Callable[[QuantSpec], QuantParams]


def pin_functions(pins: Sequence[RangePin], min_scale: float) -> dict[str, PinFunction]:
    """For each pinned tensor, the function from its spec to its parameters."""
    return {pin.tensor: _pinned(pin, min_scale) for pin in pins}


def fixed_functions(fixed: Mapping[str, QuantParams]) -> dict[str, PinFunction]:
    """The same for parameters that the model brought along."""

    def constant(params: QuantParams) -> PinFunction:
        return lambda _: params

    return {name: constant(params) for name, params in fixed.items()}


def check_pins(
    pins: Sequence[RangePin], graph: GraphView, plan: QuantPlan, fixed: Mapping[str, QuantParams]
) -> tuple[RuleEffect, ...]:
    """A row for every pin, all of which take effect.

    Raises:
        ConfigError: Pins of tensors that do not exist, are not stored as integers or are fixed by
            the model, pins that contradict another one because their tensors share parameters, or
            whose numbers do not fit the tensor; all of them.
    """
    problems: list[Problem] = []
    rows: list[RuleEffect] = []
    for number, pin in enumerate(pins):
        where = f"mixed_precision.pins[{number}]"
        found = _effect_problem(pin, where, graph, plan, fixed)
        found = found or _group_problem(pin, where, pins[:number], plan)
        if found is None:
            found = next(_number_problems(pin, where, graph, plan.specs[pin.tensor]), None)
        if found is not None:
            problems.append(found)
            continue
        given = (
            f"scale = {pin.scale}" if pin.scale is not None else f"range = {pin.min} .. {pin.max}"
        )
        rows.append(RuleEffect(rule=where, selector="tensor", target=pin.tensor, setting=given))
    if problems:
        raise ConfigError.of(problems)
    return tuple(rows)


def _effect_problem(
    pin: RangePin, where: str, graph: GraphView, plan: QuantPlan, fixed: Mapping[str, QuantParams]
) -> Problem | None:
    """Why the pin cannot take effect on its tensor, whatever its numbers."""
    if pin.tensor not in graph.values:
        return Problem(
            code=Code.NO_MATCH,
            message="The pin names no tensor",
            where=where,
            got=pin.tensor,
            hint=did_you_mean(pin.tensor, graph.values, most=3),
        )
    if pin.tensor in plan.fused:
        return Problem(
            code=Code.NO_EFFECT,
            message="The pinned tensor is never stored: an activation behind it is absorbed",
            where=where,
            got=pin.tensor,
            hint=f"pin `{plan.fused[pin.tensor]}`",
        )
    why = "the model fixes its parameters" if pin.tensor in fixed else None
    if pin.tensor not in plan.specs:
        derived = graph.values[pin.tensor].is_constant and any(
            edge.value == pin.tensor for edge in plan.conversions
        )
        why = "its scale follows from those of its readers" if derived else "it is stored in float"
    if why is None:
        return None
    return Problem(
        code=Code.NO_EFFECT,
        message="The pin has no effect",
        where=where,
        got=f"{pin.tensor}: {why}",
    )


def _group_problem(
    pin: RangePin, where: str, earlier: Sequence[RangePin], plan: QuantPlan
) -> Problem | None:
    """A pin of a tensor whose parameters an earlier pin settled, because the two share them."""
    group = next((group for group in plan.shared if pin.tensor in group), frozenset())
    first = next((other.tensor for other in earlier if other.tensor in group), None)
    if first is None:
        return None
    return Problem(
        code=Code.CONTRADICTION,
        message="Two pins name tensors that share one set of parameters",
        where=where,
        got=f"{pin.tensor} and {first}",
        hint="remove one of the two",
    )


def _number_problems(
    pin: RangePin, where: str, graph: GraphView, spec: QuantSpec
) -> Iterator[Problem]:
    def problem(message: str, got: object, allowed: str) -> Problem:
        return Problem(
            code=Code.BAD_VALUE, message=message, where=where, got=str(got), allowed=allowed
        )

    given = (pin.scale, pin.zero_point, pin.min, pin.max)
    lengths = {len(numbers) for numbers in given if isinstance(numbers, tuple)}
    shape = graph.values[pin.tensor].shape or ()
    channels = shape[spec.granularity.axis] if isinstance(spec.granularity, PerChannel) else None
    if lengths - {channels}:
        yield problem(
            "The pin has a list that does not fit the tensor",
            f"{sorted(lengths)} numbers",
            "one number" if channels is None else f"one number, or {channels}, one per channel",
        )
    points = set[int]() if pin.zero_point is None else {*np.atleast_1d(pin.zero_point).tolist()}
    middle = 0 if spec.dtype.signed else (spec.dtype.qmax + 1) // 2
    if spec.symmetric and points - {middle}:
        yield problem("The tensor is stored symmetrically", pin.zero_point, str(middle))
    elif any(not spec.qmin <= point <= spec.qmax for point in points):
        allowed = f"{spec.qmin} to {spec.qmax}"
        yield problem("The pinned zero point is outside the type", pin.zero_point, allowed)
    if spec.scale_kind is ScaleKind.POWER_OF_TWO and pin.scale is not None:
        significands, _ = np.frexp(np.asarray(pin.scale))
        if np.any(significands != 0.5):
            yield problem("The target needs scales that are powers of two", pin.scale, "2**n")


def _pinned(pin: RangePin, min_scale: float) -> PinFunction:
    def make(spec: QuantSpec) -> QuantParams:
        if pin.scale is not None:
            return _from_scale(np.asarray(pin.scale), pin.zero_point, spec)
        low, high = np.asarray(pin.min, np.float64), np.asarray(pin.max, np.float64)
        if low.ndim == 0 and high.ndim == 0:
            spec = _per_tensor(spec)
        return params_from_range(low, high, spec, min_scale)

    return make


def _from_scale(scale: Array, given: int | tuple[int, ...] | None, spec: QuantSpec) -> QuantParams:
    middle = 0 if spec.dtype.signed or not spec.symmetric else (spec.dtype.qmax + 1) // 2
    zero_point = np.asarray(middle if given is None else given)
    if scale.ndim == 0 and zero_point.ndim == 0:
        spec = _per_tensor(spec)
    shape = np.broadcast_shapes(scale.shape, zero_point.shape)
    return QuantParams(
        scale=np.broadcast_to(scale, shape),
        zero_point=np.broadcast_to(zero_point, shape),
        spec=spec,
    )


def _per_tensor(spec: QuantSpec) -> QuantSpec:
    """One pinned number means one scale, whatever the granularity was."""
    return replace(spec, granularity=PerTensor())
