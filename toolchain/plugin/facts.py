"""Whether the facts of a target can be built with: checked before anything relies on them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from typing import Any

from toolchain.accelerator.description import machine_findings
from toolchain.core.options import MACHINE_OPTIONS
from toolchain.core.quant import ScaleKind
from toolchain.core.target import Requantization, TargetDef, TargetSpec
from toolchain.plugin.declared import Findings

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""Names of targets: they are keys of configs, names of folders and words on the command line."""
RESERVED = frozenset({"all"})
"""Words that stand for something else on the command line."""

_PLATFORM = re.compile(r"[A-Za-z0-9][\w.+-]*")
_NAME_RULE = "a lower-case letter, then lower-case letters, digits and underscores; not `all`"


def is_target_name(name: str) -> bool:
    """True if a target may be called so."""
    return NAME.fullmatch(name) is not None and name not in RESERVED


def fact_findings(definition: TargetDef) -> Findings:
    """What is inconsistent in the facts of a target, whose fields hold what they declare."""
    spec = definition.spec
    label = spec.name[:40]
    for check in (_naming, _types, _numbers, _scales, _machines):
        for place, got, allowed in check(spec):
            yield f"target {label}, {place}", got, allowed
    for place, got, allowed in _options(definition):
        yield f"target {label}, {place}", got, allowed


def _naming(spec: TargetSpec) -> Findings:
    if not is_target_name(spec.name):
        yield "name", spec.name[:80], _NAME_RULE
    if not spec.platforms:
        yield "platforms", "none", "at least one platform, the default first"
    for name, times in Counter(platform.name for platform in spec.platforms).items():
        if times > 1:
            yield "platforms", f"{name}, {times} times", "names that differ"
        if _PLATFORM.fullmatch(name) is None:
            yield "platforms", name[:80], "letters, digits, and `.+-_` behind the first"


def _types(spec: TargetSpec) -> Findings:
    for role in ("activation", "weight"):
        asked, known = getattr(spec, role), getattr(spec, f"{role}_dtypes")
        if asked.dtype not in known:
            yield f"{role}.dtype", asked.dtype, f"one of {role}_dtypes: {', '.join(known)}"
        if not asked.dtype.is_integer:
            yield f"{role}.dtype", asked.dtype, "an integer type"
    if not spec.bias.dtypes:
        yield "bias.dtypes", "none", "at least one type, the default first"
    if not (spec.accumulator.is_integer and spec.accumulator.signed):
        yield "accumulator", spec.accumulator, "a signed integer type"
    for name in sorted(spec.machine_options - set(MACHINE_OPTIONS)):
        yield "machine_options", name[:80], ", ".join(MACHINE_OPTIONS)


def _numbers(spec: TargetSpec) -> Findings:
    if not 0 <= spec.bias.accumulator_headroom_bits < spec.accumulator.bits:
        headroom = spec.bias.accumulator_headroom_bits
        yield "bias.accumulator_headroom_bits", headroom, "less than the accumulator has"
    if not (math.isfinite(spec.min_scale) and spec.min_scale > 0):
        yield "min_scale", spec.min_scale, "a finite number above 0"
    for name, support in spec.ops.items():
        bounds = support.output_range
        if bounds is not None and not (bounds[0] < bounds[1] and all(map(math.isfinite, bounds))):
            yield f"ops[{name}].output_range", bounds, "a finite minimum below a finite maximum"


def _scales(spec: TargetSpec) -> Findings:
    if spec.requantization is not Requantization.SHIFT:
        return
    for role in ("activation", "weight"):
        kind = getattr(spec, role).scale_kind
        if kind is not ScaleKind.POWER_OF_TWO:
            yield f"{role}.scale_kind", kind, "power_of_two, where requantization only shifts"


def _machines(spec: TargetSpec) -> Findings:
    machines = [machine for platform in spec.platforms for machine in platform.machines]
    for name, times in Counter(machine.name for machine in machines).items():
        if times > 1:
            yield "machines", f"{name}, {times} times", "names that differ"
    for machine in machines:
        for place, got, allowed in machine_findings(machine):
            yield f"machine {machine.name[:40]}, {place}", got, allowed


def _options(definition: TargetDef) -> Findings:
    record: Any = definition.options
    made = getattr(record, "__dataclass_params__", None)
    if made is None or not made.frozen:
        yield "options", getattr(record, "__name__", record), "a frozen dataclass"
        return
    for field in dataclasses.fields(record):
        missing = dataclasses.MISSING
        if field.default is missing and field.default_factory is missing:
            yield f"options.{field.name}", "no default", "a default for every option"
