"""Whether the types that were asked for are those that the plan and the QDQ model have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import reduction_axis, weight_input
from toolchain.core.options import QuantizeOptions
from toolchain.core.quant import Edge, PerBlock, QuantParams, QuantPlan, QuantSpec
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, Problem, QuantizationError
from toolchain.quantization.groups import sources
from toolchain.quantization.rules import Asked


def check_fixed(graph: GraphView, fixed: Mapping[str, QuantParams], target: TargetSpec) -> None:
    """Make sure that the target can do what the model brings along in Q/DQ.

    Raises:
        QuantizationError: Types wider or narrower than any of the target's, weights per block that
            it, or the operator that reads them, cannot do; all of them.
    """
    known = (*target.activation_dtypes, *target.weight_dtypes)
    widths = {dtype.bits for dtype in known if dtype.is_integer}
    problems = []
    for name, params in fixed.items():
        found, granularity = params.spec.dtype, params.spec.granularity
        if found.bits not in widths:
            allowed = ", ".join(dict.fromkeys(dtype for dtype in known if dtype.is_integer))
            problems.append(_foreign(name, target, str(found), allowed))
        if isinstance(granularity, PerBlock) and not _can_sum(graph, name, granularity, target):
            allowed = ", ".join(map(str, target.weight_block_sizes)) or "none"
            got = f"blocks of {granularity.size} along axis {granularity.axis}"
            problems.append(
                _foreign(name, target, got, f"along the axis that is summed, sizes: {allowed}")
            )
    if problems:
        raise QuantizationError.of(problems)


def _can_sum(graph: GraphView, name: str, found: PerBlock, target: TargetSpec) -> bool:
    nodes = [use.node for use in graph.uses(name)]
    return found.size in target.weight_block_sizes and all(
        node.op_type in ("Conv", "Gemm", "MatMul") and reduction_axis(node) == found.axis
        for node in nodes
    )


def _foreign(name: str, target: TargetSpec, got: str, allowed: str) -> Problem:
    return Problem(
        code=Code.QDQ_INVALID,
        message=f"Target `{target.name}` cannot do the quantization that the model brings along",
        where=name,
        got=got,
        allowed=allowed,
        hint="export the model in float, or with what the target can do",
    )


def check_roles(
    graph: GraphView,
    plan: QuantPlan,
    options: QuantizeOptions,
    asked: Mapping[str, Asked],
    fixed: Mapping[str, QuantParams],
) -> None:
    """Make sure that every type chosen for a role is that of its values.

    What the model or a rule fixes is left out.

    Raises:
        QuantizationError: Inputs and outputs stored in another type, types and block sizes that no
            value has, blocks that do not divide the input channels of a weight; all of them.
    """
    problems = [
        *_input_problems(graph, plan, options.input_dtype, fixed),
        *_output_problems(graph, plan, options.output_dtype, asked, fixed),
        *_unused_problems(graph, plan, options),
        *_block_problems(graph, plan, fixed),
    ]
    if problems:
        raise QuantizationError.of(problems)


def _input_problems(
    graph: GraphView, plan: QuantPlan, dtype: DType | None, fixed: Mapping[str, QuantParams]
) -> Iterator[Problem]:
    for value in graph.inputs:
        if dtype is None or value.dtype is not DType.FLOAT32 or value.name in fixed:
            continue
        stored = _dtype(plan.specs.get(value.name))
        if stored is not dtype:
            yield _problem("input", value, dtype, stored, "only operators in float read it")


def _output_problems(
    graph: GraphView,
    plan: QuantPlan,
    dtype: DType | None,
    asked: Mapping[str, Asked],
    fixed: Mapping[str, QuantParams],
) -> Iterator[Problem]:
    for value in graph.outputs:
        roots = (value.name, *sources(graph, value.name))
        makers = [graph.producers[name].name for name in roots if name in graph.producers]
        ruled = any("output_dtype" in asked[name].origins for name in makers if name in asked)
        given = ruled or any(name in fixed for name in roots)
        if dtype is None or value.dtype is not DType.FLOAT32 or given:
            continue
        stored = _dtype(plan.specs.get(value.name))
        if stored is not dtype:
            yield _problem("output", value, dtype, stored, "it holds elements of a model input")


def _problem(role: str, value: ValueView, dtype: DType, stored: DType, why: str) -> Problem:
    return Problem(
        code=Code.PRECISION_NOT_APPLIED,
        message=f"The type asked for did not take effect on a model {role}",
        where=f"quantize.{role}_dtype = {dtype}, {role} `{value.name}`",
        got=f"it is stored as {stored}",
        hint=f"{why}; leave `quantize.{role}_dtype` out, or set a rule for the operators around it",
    )


def _unused_problems(
    graph: GraphView, plan: QuantPlan, options: QuantizeOptions
) -> Iterator[Problem]:
    weights = [spec for node in graph.nodes if (spec := _weight_spec(node, plan)) is not None]
    activations = [spec for name, spec in plan.specs.items() if not graph.values[name].is_constant]
    found: dict[str, tuple[object, bool]] = {
        "activation_dtype": (
            options.activation_dtype,
            any(spec.dtype is options.activation_dtype for spec in activations),
        ),
        "weight_dtype": (
            options.weight_dtype,
            any(spec.dtype is options.weight_dtype for spec in weights),
        ),
        "weight_block_size": (
            options.weight_block_size,
            any(isinstance(spec.granularity, PerBlock) for spec in weights),
        ),
    }
    for name, (wanted, used) in found.items():
        if wanted is not None and not used:
            yield Problem(
                code=Code.NO_EFFECT,
                message="The setting has no effect: nothing is stored that way",
                where=f"quantize.{name}",
                got=str(wanted),
                hint="the model, its rules or its own Q/DQ leave nothing that it could change",
            )


def _block_problems(
    graph: GraphView, plan: QuantPlan, fixed: Mapping[str, QuantParams]
) -> Iterator[Problem]:
    found: dict[str, Problem] = {}
    for node in graph.nodes:
        weight, spec = weight_input(node), _weight_spec(node, plan)
        granularity = None if spec is None else spec.granularity
        if weight is None or weight.name in fixed or not isinstance(granularity, PerBlock):
            continue
        length, size = (weight.static_shape or ())[granularity.axis], granularity.size
        if length % size:
            found[weight.name] = _undivided(weight.name, length, size)
    yield from found.values()


def _undivided(weight: str, length: int, size: int) -> Problem:
    divisors = [n for n in range(2, length) if length % n == 0]
    return Problem(
        code=Code.BAD_VALUE,
        message="The block size does not divide the input channels of a weight",
        where=f"quantize.weight_block_size, weight {weight}",
        got=f"{length} channels in blocks of {size}",
        allowed=", ".join(map(str, divisors)) or "none",
        hint="a rule can store this weight in 8 bits, with one scale per channel",
    )


def _weight_spec(node: NodeView, plan: QuantPlan) -> QuantSpec | None:
    weight = weight_input(node)
    return None if weight is None else _read(node, weight, plan)


def check_stored(graph: GraphView, plan: QuantPlan, qdq: GraphView) -> None:
    """Make sure that every node of a QDQ model reads its inputs in the types of `plan`.

    Raises:
        QuantizationError: Inputs that are read in another type; all of them.
    """
    problems = [
        Problem(
            code=Code.PRECISION_NOT_APPLIED,
            message="The QDQ model does not store a value in the type of the plan",
            where=f"{node.name} ({node.op_type}), input `{value.name}`",
            got=str(found),
            allowed=str(spec.dtype),
            hint="what wrote the QDQ model is at fault, not the settings",
        )
        for node in graph.nodes
        for position, value in enumerate(node.inputs)
        if value is not None
        and (spec := _read(node, value, plan, position)) is not None
        and (found := _stored(qdq, node.name, position)) is not spec.dtype
    ]
    if problems:
        raise QuantizationError.of(problems)


def _read(
    node: NodeView, value: ValueView, plan: QuantPlan, position: int | None = None
) -> QuantSpec | None:
    """The spec in which `node` reads `value`; None for float."""
    at = node.inputs.index(value) if position is None else position
    edge = Edge(value.name, node.name, at)
    return plan.conversions[edge] if edge in plan.conversions else plan.specs.get(value.name)


def _stored(qdq: GraphView, node: str, position: int) -> DType:
    """The integers behind an input of a node of the QDQ model; FLOAT32 where there are none."""
    reader = qdq.node_by_name.get(node)
    value = None if reader is None else reader.input(position)
    producer = None if value is None else qdq.producers.get(value.name)
    if producer is None or producer.op_type != "DequantizeLinear":
        return DType.FLOAT32
    integers = producer.input(0)
    return DType.FLOAT32 if integers is None else integers.dtype or DType.FLOAT32


def _dtype(spec: QuantSpec | None) -> DType:
    return DType.FLOAT32 if spec is None else spec.dtype
