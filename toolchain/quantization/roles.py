"""Types of whole roles: activations, weights, model inputs and model outputs.

A type chosen for a role is the target's default for this build, or what every node of that role is
asked; mixed-precision rules stand above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.operators import data_inputs, traits
from toolchain.core.options import PrecisionRule, QuantizeOptions
from toolchain.core.quant import PerBlock, QuantSpec
from toolchain.core.target import Requantization, TargetSpec
from toolchain.errors import Code, ConfigError, Problem
from toolchain.quantization.precision import NodePrecision

RULE_DTYPES = ("input_dtype", "output_dtype", "weight_dtype")
"""What a rule can set of the types of one node."""


def configured(target: TargetSpec, options: QuantizeOptions) -> TargetSpec:
    """`target` with the types of `options` as its defaults for activations and weights."""
    weight = _in_type(target.weight, options.weight_dtype)
    if options.weight_block_size is not None:
        weight = replace(weight, granularity=PerBlock(0, options.weight_block_size))
    return replace(
        target, activation=_in_type(target.activation, options.activation_dtype), weight=weight
    )


def _in_type(spec: QuantSpec, dtype: DType | None) -> QuantSpec:
    return spec if dtype is None else replace(spec, dtype=dtype)


def check_types(
    target: TargetSpec, options: QuantizeOptions, rules: Sequence[PrecisionRule] = ()
) -> None:
    """Make sure that the target can do every type that is asked for, before any work.

    Raises:
        ConfigError: Types that are none of the target's, block sizes it cannot do or that no weight
            could have; all of them.
    """
    problems = [
        *_option_problems(target, options),
        *_block_problems(target, options, rules),
        *(
            found
            for number, rule in enumerate(rules)
            for found in rule_problems(number, rule, target)
        ),
    ]
    if problems:
        raise ConfigError.of(problems)


def _option_problems(target: TargetSpec, options: QuantizeOptions) -> Iterator[Problem]:
    allowed: Mapping[str, tuple[DType, ...]] = {
        "activation_dtype": _integers(target.activation_dtypes),
        "input_dtype": target.activation_dtypes,
        "output_dtype": target.activation_dtypes,
        "weight_dtype": _integers(target.weight_dtypes),
        "bias_dtype": target.bias.dtypes,
    }
    for name, dtypes in allowed.items():
        dtype = getattr(options, name)
        if dtype is None or dtype in dtypes:
            continue
        whole = name in ("activation_dtype", "weight_dtype") and dtype is DType.FLOAT32
        yield Problem(
            code=Code.BAD_VALUE,
            message=f"Target `{target.name}` cannot do this type",
            where=f"quantize.{name}",
            got=dtype,
            allowed=", ".join(dtypes),
            hint="`quantize.precision_level = 3`, or a rule, leaves operators in float"
            if whole
            else None,
        )


def _integers(dtypes: Sequence[DType]) -> tuple[DType, ...]:
    return tuple(dtype for dtype in dtypes if dtype.is_integer)


def _block_problems(
    target: TargetSpec, options: QuantizeOptions, rules: Sequence[PrecisionRule]
) -> Iterator[Problem]:
    size = options.weight_block_size
    if size is None:
        return
    where = "quantize.weight_block_size"
    exact = target.requantization is Requantization.FLOAT32_MULTIPLIER
    if size not in target.weight_block_sizes or not exact:
        yield Problem(
            code=Code.BAD_VALUE,
            message=f"Target `{target.name}` cannot do weights with this block size",
            where=where,
            got=str(size),
            allowed=", ".join(map(str, target.weight_block_sizes)) or "none: whole channels only",
        )
        return
    stored = [options.weight_dtype or target.weight.dtype, *(rule.weight_dtype for rule in rules)]
    if not any(dtype is not None and dtype.bits == 4 for dtype in stored):
        yield Problem(
            code=Code.NO_EFFECT,
            message="The block size has no effect: no weight is stored in 4 bits",
            where=where,
            got=str(size),
            hint='set `quantize.weight_dtype = "int4"`, or `weight_dtype` of a rule',
        )


def rule_problems(number: int, rule: PrecisionRule, target: TargetSpec) -> Iterator[Problem]:
    """Types of a rule that the target cannot do."""
    for setting in RULE_DTYPES:
        dtype = getattr(rule, setting)
        allowed = target.weight_dtypes if setting == "weight_dtype" else target.activation_dtypes
        if dtype is not None and dtype not in allowed:
            yield Problem(
                code=Code.BAD_VALUE,
                message=f"Target `{target.name}` cannot do this type",
                where=f"mixed_precision.rules[{number}].{setting}",
                got=dtype,
                allowed=", ".join(allowed),
            )


def of_outputs(
    graph: GraphView, target: TargetSpec, dtype: DType | None
) -> dict[str, NodePrecision]:
    """What storing the model's outputs in `dtype` asks of single nodes, by node name.

    The nodes that compute an output, through nodes that only move its elements, store it so. Others
    that read such a value read it in the type of all activations.
    """
    if dtype is None or dtype is target.activation.dtype:
        return {}
    values, moving = _output_values(graph)
    asked: dict[str, NodePrecision] = {}
    for name in values:
        producer = graph.producers.get(name)
        if producer is not None and producer.name not in moving:
            asked[producer.name] = NodePrecision(output_dtype=dtype)
    readers = {use.node.name for name in values for use in graph.uses(name)} - moving
    if dtype.is_integer:
        for name in sorted(readers):
            known = asked.get(name, NodePrecision())
            asked[name] = replace(known, input_dtype=target.activation.dtype)
    return asked


def _output_values(graph: GraphView) -> tuple[set[str], set[str]]:
    """Values whose elements an output holds, and the nodes that move these."""
    pending = [value.name for value in graph.outputs if value.dtype is DType.FLOAT32]
    values, moving = set(pending), set[str]()
    while pending:
        node = graph.producers.get(pending.pop())
        if node is None or not traits(node).moves:
            continue
        moving.add(node.name)
        found = [value.name for _, value in data_inputs(node) if not value.is_constant]
        pending += [name for name in found if name not in values]
        values.update(found)
    return values, moving


def of_inputs(
    graph: GraphView, target: TargetSpec, dtype: DType | None
) -> dict[str, NodePrecision]:
    """What storing the model's inputs in `dtype` asks of those who read them.

    They read the type of all activations, so that one conversion stands behind the input.
    """
    if dtype is None or not dtype.is_integer or dtype is target.activation.dtype:
        return {}
    names = (use.node.name for value in graph.inputs for use in graph.uses(value.name))
    return {name: NodePrecision(input_dtype=target.activation.dtype) for name in names}
