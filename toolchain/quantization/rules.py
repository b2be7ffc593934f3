"""Mixed-precision rules: which nodes they select, in which order they win, what took effect."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import data_inputs, traits, weight_input
from toolchain.core.options import PrecisionRule, QuantizeOptions
from toolchain.core.quant import Edge, QuantPlan
from toolchain.core.reports import RuleEffect
from toolchain.core.suggest import did_you_mean
from toolchain.core.target import Support, TargetSpec
from toolchain.errors import Code, ConfigError, Problem, QuantizationError
from toolchain.quantization.levels import stays_float
from toolchain.quantization.precision import CUT_REASON, NodePrecision
from toolchain.quantization.roles import RULE_DTYPES, of_inputs, of_outputs, rule_problems

WHOLE_GRAPH = "DEFAULT"
_BY_SUBGRAPH, _BY_TYPE, _BY_NODE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of one node: by rules, each setting with the rule it came from, or of all.

    Attributes:
        precision: Types, those that a level of precision or the options of all nodes mean included.
        precision_level: Level that a rule sets, where it differs from that of all nodes for it.
        method: Range method that a rule sets.
        percentile: Percentile that a rule sets.
        origins: Setting to the number of its rule.
    """

    precision: NodePrecision = field(default_factory=NodePrecision)
    precision_level: int | None = None
    method: str | None = None
    percentile: float | None = None
    origins: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Claim:
    priority: int
    rule: int
    value: object


SETTINGS = (*RULE_DTYPES, "precision_level", "method", "percentile")


def settle(
    rules: Sequence[PrecisionRule],
    graph: GraphView,
    target: TargetSpec,
    options: QuantizeOptions | None = None,
) -> dict[str, Asked]:
    """What rules, levels and types of roles ask of single nodes, by node name.

    Rules by node name win over rules by operator type, those over subgraphs; of one kind the later
    wins. Each setting is decided by itself. A type that a rule sets wins over a level of precision,
    and all rules over `options`, which hold for all nodes; `target` has their types as defaults.

    Raises:
        ConfigError: Rules that select nothing, or types the target does not have; all of them.
    """
    problems: list[Problem] = []
    claims: dict[str, dict[str, _Claim]] = {}
    for number, rule in enumerate(rules):
        problems += rule_problems(number, rule, target)
        try:
            priority, nodes = _select(number, rule, graph)
        except ConfigError as error:
            problems += error.problems
            continue
        for node in nodes:
            _claim(claims.setdefault(node.name, {}), priority, number, rule)
    if problems:
        raise ConfigError.of(problems)
    return _settled(claims, graph, target, options or QuantizeOptions())


def _settled(
    claims: Mapping[str, Mapping[str, _Claim]],
    graph: GraphView,
    target: TargetSpec,
    options: QuantizeOptions,
) -> dict[str, Asked]:
    outputs = of_outputs(graph, target, options.output_dtype)
    inputs = of_inputs(graph, target, options.input_dtype)
    settled: dict[str, Asked] = {}
    for node in graph.nodes:
        roles = {**_dtypes(inputs.get(node.name)), **_dtypes(outputs.get(node.name))}
        found = dict(claims.get(node.name, {}))
        level = _level(node, found, options.precision_level)
        if stays_float(node, level):
            roles["input_dtype"] = DType.FLOAT32
        if found or roles:
            settled[node.name] = _asked(found, roles)
    return settled


def _dtypes(precision: NodePrecision | None) -> dict[str, DType]:
    """The types that `precision` sets, by setting."""
    return {
        name: value
        for name in RULE_DTYPES
        if precision is not None and (value := getattr(precision, name)) is not None
    }


def _level(node: NodeView, found: dict[str, _Claim], general: int) -> int:
    """The level of `node`; the claim goes where it means no more than the `general` level."""
    claim = found.get("precision_level")
    level = claim.value if claim is not None and isinstance(claim.value, int) else general
    if stays_float(node, level) == stays_float(node, general):
        found.pop("precision_level", None)
    return level


def behind_cut(asked: Mapping[str, Asked], nodes: Iterable[str]) -> dict[str, Asked]:
    """`asked`, but `nodes` run in float whatever rules ask of them."""
    cut_off = NodePrecision(behind_cut=True)
    found = dict(asked)
    for name in nodes:
        origins = asked[name].origins if name in asked else {}
        found[name] = Asked(precision=cut_off, origins=origins)
    return found


def _claim(found: dict[str, _Claim], priority: int, number: int, rule: PrecisionRule) -> None:
    for setting in SETTINGS:
        value = getattr(rule, setting)
        if value is not None and (setting not in found or priority >= found[setting].priority):
            found[setting] = _Claim(priority, number, value)


def _asked(found: Mapping[str, _Claim], roles: Mapping[str, DType]) -> Asked:
    values = {name: claim.value for name, claim in found.items()}
    ruled = {name: DType(str(values[name])) for name in RULE_DTYPES if name in values}
    dtypes = {**roles, **ruled}
    level, method, percentile = (values.get(s) for s in ("precision_level", "method", "percentile"))
    return Asked(
        precision=NodePrecision(
            input_dtype=dtypes.get("input_dtype"),
            output_dtype=dtypes.get("output_dtype"),
            weight_dtype=dtypes.get("weight_dtype"),
        ),
        precision_level=level if isinstance(level, int) else None,
        method=None if method is None else str(method),
        percentile=percentile if isinstance(percentile, float) else None,
        origins={name: claim.rule for name, claim in found.items()},
    )


def _select(number: int, rule: PrecisionRule, graph: GraphView) -> tuple[int, tuple[NodeView, ...]]:
    where = f"mixed_precision.rules[{number}]"
    if rule.nodes:
        found = [_named(pattern, graph, f"{where}.nodes") for pattern in rule.nodes]
        return _BY_NODE, tuple(node for nodes in found for node in nodes)
    if rule.op_types:
        types = sorted({node.op_type for node in graph.nodes})
        for op_type in rule.op_types:
            if op_type not in types:
                raise _no_match("operator type", op_type, types, f"{where}.op_types")
        return _BY_TYPE, tuple(node for node in graph.nodes if node.op_type in rule.op_types)
    return _BY_SUBGRAPH, subgraph(graph, rule.start, rule.end, where)


def _named(pattern: str, graph: GraphView, where: str) -> tuple[NodeView, ...]:
    found = tuple(n for n in graph.nodes if n.name == pattern or fnmatchcase(n.name, pattern))
    if not found:
        raise _no_match("node", pattern, [node.name for node in graph.nodes], where)
    return found


def subgraph(
    graph: GraphView, start: Sequence[str], end: Sequence[str], where: str
) -> tuple[NodeView, ...]:
    """Nodes reached from the tensors `start` without passing beyond the tensors `end`.

    `DEFAULT` alone is the whole graph. The walk goes forward from the readers of each start
    tensor, as XQuant's `custom_setting` does; constants among them are ignored.

    Raises:
        ConfigError: A tensor that is not in the graph, or a subgraph without nodes.
    """
    if tuple(start) == (WHOLE_GRAPH,) and not end:
        return graph.nodes
    for name in (*start, *end):
        if name not in graph.values:
            raise _no_match("tensor", name, list(graph.values), where)
    reached = _reached(graph, start, frozenset(end))
    written = {value.name for node in graph.nodes if node.name in reached for value in node.outputs}
    for name in end:
        if reached and name not in written:
            raise _no_match("subgraph that ends in this tensor", name, sorted(written), where)
    if not reached:
        raise _no_match("subgraph", ", ".join(start), [], where)
    return tuple(node for node in graph.nodes if node.name in reached)


def _reached(graph: GraphView, start: Sequence[str], end: frozenset[str]) -> set[str]:
    """Names of the nodes behind `start` and not behind `end`."""
    reached: set[str] = set()
    pending = deque(
        use.node for n in start if not graph.values[n].is_constant for use in graph.uses(n)
    )
    while pending:
        node = pending.popleft()
        if node.name in reached:
            continue
        reached.add(node.name)
        for output in node.outputs:
            if output.name and output.name not in end:
                pending.extend(use.node for use in graph.uses(output.name))
    return reached


def _no_match(kind: str, name: str, known: Sequence[str], where: str) -> ConfigError:
    return ConfigError(
        Code.NO_MATCH,
        f"The rule selects no {kind}",
        where=where,
        got=name,
        hint=did_you_mean(name, known, most=3)
        or "`tc inspect MODEL` lists nodes and tensors; names are those of the optimized model",
    )


def effects(
    rules: Sequence[PrecisionRule],
    asked: Mapping[str, Asked],
    graph: GraphView,
    plan: QuantPlan,
    target: TargetSpec,
) -> tuple[RuleEffect, ...]:
    """A row for every setting that took effect.

    Raises:
        QuantizationError: Settings asked of a node by its full name that did not take effect, or
            rules that changed nothing at all; all of them.
    """
    rows: list[RuleEffect] = []
    problems: list[Problem] = []
    silent = set(range(len(rules)))
    selected = ((node, asked[node.name]) for node in graph.nodes if node.name in asked)
    for node, request in selected:
        for setting, number in request.origins.items():
            where = f"mixed_precision.rules[{number}]"
            wanted = f"{setting} = {getattr(rules[number], setting)}"
            reason = _not_applied(node, setting, request, plan, target)
            if reason is None:
                silent.discard(number)
                selector = describe(rules[number])
                rows.append(
                    RuleEffect(rule=where, selector=selector, target=node.name, setting=wanted)
                )
            elif node.name in rules[number].nodes:
                silent.discard(number)
                problems.append(_ineffective(wanted, where, node, reason))
    problems += [_idle(number, rules[number]) for number in sorted(silent)]
    if problems:
        raise QuantizationError.of(problems)
    return tuple(rows)


def _value(request: Asked, setting: str) -> object:
    holder = request.precision if setting in RULE_DTYPES else request
    return getattr(holder, setting)


def _ineffective(wanted: str, where: str, node: NodeView, reason: str) -> Problem:
    return Problem(
        code=Code.PRECISION_NOT_APPLIED,
        message=f"`{wanted}` cannot take effect on this node",
        where=f"{where}, node {node.name} ({node.op_type})",
        got=reason,
    )


def _idle(number: int, rule: PrecisionRule) -> Problem:
    return Problem(
        code=Code.NO_EFFECT,
        message="The rule changes nothing",
        where=f"mixed_precision.rules[{number}]",
        got=describe(rule),
        hint="another rule overrides it everywhere, or no selected node has what it sets",
    )


def describe(rule: PrecisionRule) -> str:
    """How the rule selects, as one line."""
    if rule.nodes:
        return "nodes " + ", ".join(rule.nodes)
    if rule.op_types:
        return "op_types " + ", ".join(rule.op_types)
    return "subgraph " + ", ".join(rule.start) + (" to " + ", ".join(rule.end) if rule.end else "")


def _not_applied(
    node: NodeView, setting: str, request: Asked, plan: QuantPlan, target: TargetSpec
) -> str | None:
    """Why `setting` did not take effect on `node`, or None if it did."""
    if request.precision.behind_cut:
        return CUT_REASON
    match setting:
        case "input_dtype":
            return _input_not_applied(node, request.precision.input_dtype, plan)
        case "output_dtype":
            return _output_not_applied(node, request.precision.output_dtype, plan, target)
        case "weight_dtype":
            return _weight_not_applied(node, request.precision.weight_dtype, plan)
        case "precision_level":
            return None  # only levels that make a difference are kept
        case _:
            return _method_not_applied(node, plan)


def _input_not_applied(node: NodeView, dtype: DType | None, plan: QuantPlan) -> str | None:
    data = [(position, value) for position, value in data_inputs(node) if not value.is_constant]
    if not data:
        return "it reads no activation"
    for position, value in data:
        edge = Edge(value.name, node.name, position)
        if value.name in plan.fused:
            return f"`{value.name}` is absorbed by the operator before it"
        read = _read_dtype(edge, plan)
        if dtype is DType.FLOAT32 and traits(node).moves and read is not dtype:
            return f"it only moves elements, and its input is stored as {read}"
        if dtype is not DType.FLOAT32 and read is not dtype:
            return f"it reads `{value.name}` as {read}"
    return None


def _output_not_applied(
    node: NodeView, dtype: DType | None, plan: QuantPlan, target: TargetSpec
) -> str | None:
    output = node.outputs[0].name
    if output in plan.fused:
        behind = plan.fused[output]
        return f"the operator behind it absorbs it; set it on the producer of `{behind}`"
    spec = plan.specs.get(output)
    stored = DType.FLOAT32 if spec is None else spec.dtype
    if stored is dtype:
        return None
    support = target.ops.get(node.op_type)
    if support is not None and support.support is Support.MOVE:
        return f"it only moves elements, which are stored as {stored}; set it on their producer"
    return f"its output is stored as {stored}"


def _weight_not_applied(node: NodeView, dtype: DType | None, plan: QuantPlan) -> str | None:
    weight = weight_input(node)
    if weight is None:
        return "it has no constant weight"
    stored = _read_dtype(Edge(weight.name, node.name, traits(node).weight or 0), plan)
    return None if stored is dtype else f"its weight is stored as {stored}"


def _method_not_applied(node: NodeView, plan: QuantPlan) -> str | None:
    output = node.outputs[0].name
    stored = plan.fused.get(output, output)
    return None if stored in plan.specs else "its output is not stored as integers"


def _read_dtype(edge: Edge, plan: QuantPlan) -> DType:
    """The type in which a node reads a value."""
    converted = edge in plan.conversions
    spec = plan.conversions[edge] if converted else plan.specs.get(edge.value)
    return DType.FLOAT32 if spec is None else spec.dtype
