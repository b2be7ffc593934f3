"""Rules that targets have in common; each docstring is the rule as the user reads it."""

from __future__ import annotations

from toolchain.core.graph_view import NodeView
from toolchain.core.operators import traits
from toolchain.core.target import Measured


def constant_weight(node: NodeView) -> Measured:
    """The weight is a constant."""
    weight = node.input(traits(node).weight or 1)
    return Measured(
        ok=weight is not None and weight.is_constant,
        value="no weight" if weight is None else f"`{weight.name}` is computed",
    )


def constant_bias(node: NodeView) -> Measured:
    """The bias, if there is one, is a constant with one value per output channel."""
    bias = node.input(2)
    if bias is None:
        return Measured(ok=True, value="no bias")
    if bias.constant is None:
        return Measured(ok=False, value=f"`{bias.name}` is computed")
    return Measured(ok=bias.constant.ndim == 1, value=f"shape {bias.constant.shape}")


def conv_rank(node: NodeView) -> Measured:
    """The convolution has at most 3 spatial axes."""
    return _spatial_rank(node, 3)


def conv_transpose_rank(node: NodeView) -> Measured:
    """The transposed convolution has at most 2 spatial axes."""
    return _spatial_rank(node, 2)


def gemm_form(node: NodeView) -> Measured:
    """Gemm has transA = 0 and alpha = beta = 1."""
    trans = node.int_attribute("transA", 0)
    alpha, beta = node.float_attribute("alpha", 1.0), node.float_attribute("beta", 1.0)
    return Measured(
        ok=trans == 0 and alpha == 1.0 and beta == 1.0,
        value=f"transA = {trans}, alpha = {alpha:g}, beta = {beta:g}",
    )


def gemm_bias(node: NodeView) -> Measured:
    """The bias of Gemm, if there is one, is a constant with one value per column."""
    bias, weight = node.input(2), node.input(1)
    if bias is None:
        return Measured(ok=True, value="no bias")
    if bias.constant is None or weight is None or weight.shape is None:
        return Measured(ok=False, value=f"`{bias.name}` is computed")
    columns = weight.shape[0 if node.int_attribute("transB", 0) else 1]
    return Measured(ok=bias.constant.shape == (columns,), value=f"shape {bias.constant.shape}")


def matmul_operands(node: NodeView) -> Measured:
    """The first operand of MatMul is computed, and both operands have at least 2 axes."""
    a, b = node.input(0), node.input(1)
    ranks = [len(v.shape) if v is not None and v.shape is not None else 0 for v in (a, b)]
    constant = a is None or a.is_constant
    first = "constant" if constant else "computed"
    return Measured(
        ok=not constant and min(ranks) >= 2, value=f"{first}, {ranks[0]} and {ranks[1]} axes"
    )


def average_pool_padding(node: NodeView) -> Measured:
    """Average pooling that does not count its padding has none, and has at most 2 spatial axes."""
    rank = len(node.ints_attribute("kernel_shape"))
    padded = any(node.ints_attribute("pads")) or node.str_attribute("auto_pad", "NOTSET") not in (
        "NOTSET",
        "VALID",
    )
    counted = node.int_attribute("count_include_pad", 0) == 1
    return Measured(
        ok=rank <= 2 and (counted or not padded),
        value=f"{rank} spatial axes, pads {node.ints_attribute('pads')}",
    )


def resize_form(node: NodeView) -> Measured:
    """Resize has constant sizes or scales and no antialiasing."""
    antialias = node.int_attribute("antialias", 0)
    sized = any(array is not None and array.size for array in map(node.constant_input, (2, 3)))
    region = node.input(1)
    return Measured(
        ok=sized and not antialias and (region is None or region.is_constant),
        value=f"antialias {antialias}, {'constant' if sized else 'computed'} sizes",
    )


def constant_parameters(node: NodeView) -> Measured:
    """All inputs but the first are constants."""
    computed = [v.name for v in node.inputs[1:] if v is not None and not v.is_constant]
    return Measured(ok=not computed, value=", ".join(computed) or "all constant")


def single_output(node: NodeView) -> Measured:
    """Only the first output is used."""
    return Measured(
        ok=sum(bool(v.name) for v in node.outputs) == 1, value=f"{len(node.outputs)} outputs"
    )


def static_shape(node: NodeView) -> Measured:
    """All shapes are known when the model is built."""
    known = [v for v in (*node.inputs, *node.outputs) if v is not None and v.name]
    open_ = [v.name for v in known if v.static_shape is None]
    return Measured(ok=not open_, value=", ".join(open_) or "all known")


def _spatial_rank(node: NodeView, limit: int) -> Measured:
    weight = node.input(1)
    rank = 0 if weight is None or weight.shape is None else len(weight.shape) - 2
    return Measured(ok=1 <= rank <= limit, value=f"{rank} spatial axes")
