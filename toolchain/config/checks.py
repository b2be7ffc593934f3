"""Settings that are each fine but contradict each other, or could have no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolchain.config.compile_checks import compile_problems
from toolchain.config.dotted import Path, format_path
from toolchain.config.records import FileConfig
from toolchain.config.settings import Layer, Setting, Tree, find, place
from toolchain.config.surgery_checks import surgery_problems
from toolchain.core.options import (
    PRESETS,
    Color,
    InputOptions,
    Pair,
    PrecisionRule,
    QuantizeOptions,
    RangePin,
)
from toolchain.errors import Code, Problem

_WITHOUT_PERCENTILE = frozenset({"default", "minmax", "mse", "kl"})
"""The range methods that are known to read no percentile; a plugin's may."""


@dataclass(frozen=True, slots=True)
class _Dependent:
    """Options that take effect only with certain values of another one of their table."""

    table: Path
    decides: str
    accepts: frozenset[Any]
    options: tuple[str, ...]


_DEPENDENTS = (
    _Dependent(("optimize",), "enabled", frozenset({True}), ("skip",)),
    _Dependent(("optimize",), "prove", frozenset({True}), ("proof_samples", "rtol", "atol")),
    _Dependent(("calibration",), "order", frozenset({"random"}), ("seed",)),
    _Dependent(("evaluation",), "order", frozenset({"random"}), ("seed",)),
    *(
        _Dependent(("check", name), "metric", frozenset({metric}), options)
        for name in ("float_reference", "qdq_reference")
        for metric, options in (("cosine", ("min_cosine",)), ("allclose", ("rtol", "atol")))
    ),
    *(
        _Dependent(("check", "compiled"), "level", frozenset(levels), options)
        for levels, options in (
            (("cosine",), ("min_cosine",)),
            (("close",), ("rtol", "atol")),
            (("close", "equal", "cosine"), ("scope", "exclude")),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Idle:
    """An option that has no effect.

    Attributes:
        path: The option.
        decider: The option whose value makes it so.
        message: Why, for the user.
    """

    path: Path
    decider: Path
    message: str


def contradictions(config: FileConfig, tree: Tree, file: str) -> list[Problem]:
    """Every contradiction of one target's merged config.

    `tree` holds the settings that `config` was made of: it tells what was set and where.
    """

    def problem(path: Path, message: str, code: Code = Code.CONTRADICTION) -> Problem:
        return Problem(code=code, message=message, where=place(tree, path, file))

    mixed = config.mixed_precision
    return [
        *_input_problems(config.input, problem),
        *_percentile_problems(config.quantize, tree, problem),
        *_pair_problems(config, problem),
        *(
            problem(idle.path, idle.message)
            for idle in idle_options(config)
            if _set_beside(find(tree, idle.path), find(tree, idle.decider))
        ),
        *(
            found
            for index, rule in enumerate(mixed.rules)
            for found in _rule_problems(
                rule, config.quantize.method, ("mixed_precision", "rules", index), problem
            )
        ),
        *(
            found
            for index, pin in enumerate(mixed.pins)
            for found in _pin_problems(pin, ("mixed_precision", "pins", index), problem)
        ),
        *_repeated_pins(mixed.pins, problem),
        *surgery_problems(config.surgery, problem),
        *compile_problems(config.compile, problem),
    ]


_Report = Callable[..., Problem]
"""(path, message) to a problem at the place where the user set it."""


def _input_problems(inputs: Sequence[InputOptions], problem: _Report) -> Iterator[Problem]:
    names = [options.name for options in inputs]
    for index, options in enumerate(inputs):
        path: Path = ("input", index)
        if options.name is None and len(inputs) > 1:
            yield problem(path, "Of several inputs, each needs its `name`")
        elif options.name in names[:index]:
            yield problem((*path, "name"), f"Input `{options.name}` stands here twice")
        channels = 1 if options.color is Color.GRAY else 3
        image = options.preprocess in ("image", *PRESETS) or options.color is Color.GRAY
        lengths = {"mean": len(options.mean), "std": len(options.std)}
        for key, length in lengths.items():
            if image and length not in (1, channels):
                yield problem(
                    (*path, key), f"`{key}` has {length} entries for {channels} colour channels"
                )
        if not image and len({1, *lengths.values()}) > 2:
            yield problem(
                path, "`mean` and `std` differ in length: {mean} and {std}".format(**lengths)
            )
        yield from _resize_problems(options, path, problem)


def _pair_problems(config: FileConfig, problem: _Report) -> Iterator[Problem]:
    """Samples are paired only where inputs have sources of their own."""
    sections = {"calibration": (config.calibration.data, config.check.data)}
    pairs = {"calibration": config.calibration.pair}
    if config.evaluation is not None:
        sections["evaluation"] = (config.evaluation.data, None)
        pairs["evaluation"] = config.evaluation.pair
    for name, sources in sections.items():
        if pairs[name] is not Pair.AUTO and not any(isinstance(s, Mapping) for s in sources):
            yield problem((name, "pair"), "`pair` has no effect: `data` is no table of inputs")


def _resize_problems(options: InputOptions, path: Path, problem: _Report) -> Iterator[Problem]:
    if options.preprocess in PRESETS:
        for key in ("resize", "crop", "letterbox", "filter"):
            if getattr(options, key) != getattr(InputOptions(), key):
                message = f"`{key}` has no effect: `{options.preprocess}` resizes in its own way"
                yield problem((*path, key), message)
    elif options.letterbox is not None and not isinstance(options.resize, tuple):
        yield problem((*path, "letterbox"), "`letterbox` needs `resize = [height, width]`")


def _percentile_problems(
    options: QuantizeOptions, tree: Tree, problem: _Report
) -> Iterator[Problem]:
    """Fewer elements kept in 16 bits than in 8; the default follows a larger `percentile`."""
    path: Path = ("quantize", "percentile_16bit")
    setting = find(tree, path)
    given = isinstance(setting, Setting) and setting.layer is not Layer.DEFAULT
    if given and options.percentile_16bit < options.percentile:
        yield problem(
            path,
            f"`percentile_16bit` is {options.percentile_16bit:g}, below `percentile`, which is "
            f"{options.percentile:g}: 16 bits need not clip more than 8",
        )


def idle_options(config: FileConfig) -> Iterator[Idle]:
    """Options that have no effect beside the values of others, set or not."""
    for rule in _DEPENDENTS:
        record: Any = config
        for part in rule.table:
            record = getattr(record, str(part), None)
        if record is None or getattr(record, rule.decides) in rule.accepts:
            continue
        wanted = " or ".join(sorted(str(value).lower() for value in rule.accepts))
        for option in rule.options:
            yield Idle(
                (*rule.table, option),
                (*rule.table, rule.decides),
                f"`{option}` has no effect: it needs `{rule.decides}` to be {wanted}",
            )
    method = config.quantize.method
    if method in _WITHOUT_PERCENTILE and not any(map(_inherits, config.mixed_precision.rules)):
        for option in ("percentile", "percentile_16bit"):
            message = f"`{option}` has no effect: method `{method}` does not read it"
            yield Idle(("quantize", option), ("quantize", "method"), message)


def _inherits(rule: PrecisionRule) -> bool:
    """True if a rule's own method reads the general percentile."""
    own = rule.method is not None and rule.method not in _WITHOUT_PERCENTILE
    return own and rule.percentile is None


def _set_beside(dependent: Tree | None, decider: Tree | None) -> bool:
    """True if `dependent` was set by the layer that decided, or a higher one.

    An overlay or a flag may switch away from what the file says for other targets, and leave the
    file's details idle.
    """
    if not isinstance(dependent, Setting) or dependent.layer is Layer.DEFAULT:
        return False
    return not isinstance(decider, Setting) or dependent.layer >= decider.layer


def _rule_problems(
    rule: PrecisionRule, general_method: str, path: Path, problem: _Report
) -> Iterator[Problem]:
    selectors = [key for key in ("nodes", "op_types", "start") if getattr(rule, key)]
    if len(selectors) != 1:
        has = " and ".join(f"`{key}`" for key in selectors) or "none"
        yield problem(path, f"A rule needs one of `nodes`, `op_types`, `start`; this has {has}")
    if rule.end and not rule.start:
        yield problem((*path, "end"), "`end` needs `start`")
    settings = (
        rule.input_dtype,
        rule.output_dtype,
        rule.weight_dtype,
        rule.precision_level,
        rule.method,
        rule.percentile,
    )
    if all(setting is None for setting in settings):
        yield problem(path, "A rule sets nothing: no dtype, level, method or percentile")
    method = general_method if rule.method is None else rule.method
    if rule.percentile is not None and method in _WITHOUT_PERCENTILE:
        yield problem((*path, "percentile"), f"Method `{method}` reads no percentile")


def _pin_problems(pin: RangePin, path: Path, problem: _Report) -> Iterator[Problem]:
    by_range = pin.min is not None or pin.max is not None
    if (pin.scale is not None) == by_range:
        has = "both" if by_range else "neither"
        yield problem(path, f"A pin needs either `scale` or `min` and `max`; this has {has}")
    if by_range and (pin.min is None or pin.max is None):
        yield problem(path, "`min` and `max` need each other")
    if pin.zero_point is not None and pin.scale is None:
        yield problem((*path, "zero_point"), "`zero_point` needs `scale`")
    if any(scale <= 0 for scale in _numbers(pin.scale)):
        yield problem((*path, "scale"), "A scale must be > 0", Code.BAD_VALUE)
    for first, second in (("min", "max"), ("scale", "zero_point")):
        low, high = _numbers(getattr(pin, first)), _numbers(getattr(pin, second))
        if len({1, len(low) or 1, len(high) or 1}) > 2:
            yield problem(path, f"`{first}` and `{second}` differ in length")
        elif first == "min" and low and high and _crossed(low, high):
            yield problem((*path, "min"), "`min` is greater than `max`")


def _repeated_pins(pins: Sequence[RangePin], problem: _Report) -> Iterator[Problem]:
    tensors = [pin.tensor for pin in pins]
    for index, tensor in enumerate(tensors):
        if tensor in tensors[:index]:
            first = format_path(("mixed_precision", "pins", tensors.index(tensor)))
            path = ("mixed_precision", "pins", index, "tensor")
            yield problem(path, f"Tensor `{tensor}` is pinned before, in {first}")


def _numbers(value: float | tuple[float, ...] | None) -> tuple[float, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _crossed(low: tuple[float, ...], high: tuple[float, ...]) -> bool:
    count = max(len(low), len(high))
    spread = (side * count if len(side) == 1 else side for side in (low, high))
    return any(a > b for a, b in zip(*spread, strict=True))
