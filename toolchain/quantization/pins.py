"""Parameters given by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView
from toolchain.core.options import RangePin
from toolchain.core.quant import PerChannel, PerTensor, QuantParams, QuantPlan, QuantSpec
from toolchain.core.reports import RuleEffect
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
        ConfigError: Pins of tensors that do not exist, are not stored as integers, are fixed by the
            model, or whose numbers do not fit the tensor; all of them.
    """
    problems: list[Problem] = []
    rows: list[RuleEffect] = []
    for number, pin in enumerate(pins):
        where = f"mixed_precision.pins[{number}]"
        problem = _problem(pin, where, graph, plan, fixed)
        if problem is not None:
            problems.append(problem)
        else:
            setting = (
                f"scale = {pin.scale}"
                if pin.scale is not None
                else f"range = {pin.min} .. {pin.max}"
            )
            rows.append(
                RuleEffect(rule=where, selector="tensor", target=pin.tensor, setting=setting)
            )
    if problems:
        raise ConfigError.of(problems)
    return tuple(rows)


def _problem(
    pin: RangePin, where: str, graph: GraphView, plan: QuantPlan, fixed: Mapping[str, QuantParams]
) -> Problem | None:
    if pin.tensor not in graph.values:
        close = get_close_matches(pin.tensor, list(graph.values), n=3)
        hint = f"did you mean {', '.join(f'`{c}`' for c in close)}?" if close else None
        return Problem(
            code=Code.NO_MATCH,
            message="The pin names no tensor",
            where=where,
            got=pin.tensor,
            hint=hint,
        )
    if pin.tensor in plan.fused:
        return Problem(
            code=Code.NO_EFFECT,
            message="The pinned tensor is never stored: an activation behind it is absorbed",
            where=where,
            got=pin.tensor,
            hint=f"pin `{plan.fused[pin.tensor]}`",
        )
    if pin.tensor not in plan.specs or pin.tensor in fixed:
        why = "the model fixes its parameters" if pin.tensor in fixed else "it is stored in float"
        return Problem(
            code=Code.NO_EFFECT,
            message="The pin has no effect",
            where=where,
            got=f"{pin.tensor}: {why}",
        )
    return _shape_problem(pin, where, graph, plan.specs[pin.tensor])


def _shape_problem(pin: RangePin, where: str, graph: GraphView, spec: QuantSpec) -> Problem | None:
    lengths = {
        len(v) for v in (pin.scale, pin.zero_point, pin.min, pin.max) if isinstance(v, tuple)
    }
    shape = graph.values[pin.tensor].shape or ()
    channels = shape[spec.granularity.axis] if isinstance(spec.granularity, PerChannel) else None
    if lengths - {channels}:
        return Problem(
            code=Code.BAD_VALUE,
            message="The pin has a list that does not fit the tensor",
            where=where,
            got=f"{sorted(lengths)} numbers",
            allowed="one number"
            if channels is None
            else f"one number, or {channels}, one per channel",
        )
    points = () if pin.zero_point is None else np.atleast_1d(pin.zero_point)
    if any(not spec.qmin <= int(point) <= spec.qmax for point in points):
        return Problem(
            code=Code.BAD_VALUE,
            message="The pinned zero point is outside the type",
            where=where,
            got=str(pin.zero_point),
            allowed=f"{spec.qmin} to {spec.qmax}",
        )
    return None


def _pinned(pin: RangePin, min_scale: float) -> PinFunction:
    def make(spec: QuantSpec) -> QuantParams:
        if pin.scale is not None:
            return _from_scale(np.asarray(pin.scale), np.asarray(pin.zero_point or 0), spec)
        low, high = np.asarray(pin.min, np.float64), np.asarray(pin.max, np.float64)
        if low.ndim == 0 and high.ndim == 0:
            spec = _per_tensor(spec)
        return params_from_range(low, high, spec, min_scale)

    return make


def _from_scale(scale: Array, zero_point: Array, spec: QuantSpec) -> QuantParams:
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
