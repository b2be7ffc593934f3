"""Rules that targets have in common; each docstring is the rule as the user reads it."""

from __future__ import annotations

from toolchain.core.graph_view import NodeView
from toolchain.core.operators import traits
from toolchain.core.target import Constraint, Measured, OpSupport, Support, stated


def computed(*constraints: Constraint) -> OpSupport:
    """An operator computed on integers, of static shape and where `constraints` hold."""
    return OpSupport(constraints=(static_shape, *constraints))


def moved(*constraints: Constraint) -> OpSupport:
    """An operator that only moves integers, of static shape and where `constraints` hold."""
    return OpSupport(support=Support.MOVE, constraints=(static_shape, *constraints))


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


def linear_or_nearest(node: NodeView) -> Measured:
    """Resize is nearest or linear, of the whole input, and stretches it."""
    mode = node.str_attribute("mode", "nearest")
    coordinates = node.str_attribute("coordinate_transformation_mode", "half_pixel")
    policy = node.str_attribute("keep_aspect_ratio_policy", "stretch")
    plain = coordinates != "tf_crop_and_resize" and policy == "stretch"
    return Measured(
        ok=mode in ("nearest", "linear") and plain, value=f"mode {mode}, {coordinates}, {policy}"
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


def at_most_axes(limit: int) -> Constraint:
    """No tensor has more axes than `limit`."""

    def check(node: NodeView) -> Measured:
        values = (v for v in (*node.inputs, *node.outputs) if v is not None and v.name)
        most = max((len(v.shape or ()) for v in values), default=0)
        return Measured(ok=most <= limit, value=f"{most} axes")

    return stated(f"No tensor has more than {limit} axes.", check)


def last_axis(node: NodeView) -> Measured:
    """It works along the last axis."""
    x = node.input(0)
    rank = 0 if x is None or x.shape is None else len(x.shape)
    axis = node.int_attribute("axis", -1)
    return Measured(ok=axis in (-1, rank - 1), value=f"axis {axis} of {rank}")


def reduced_axes(node: NodeView) -> tuple[int, ...] | None:
    """Axes of a reduction, counted from the front; None where they are computed or unknown."""
    x, listed = node.input(0), node.input(1)
    rank = 0 if x is None or x.shape is None else len(x.shape)
    axes = node.ints_attribute("axes")
    if listed is not None:
        if listed.constant is None:
            return None
        axes = tuple(int(axis) for axis in listed.constant.reshape(-1))
    return tuple(axis % rank for axis in axes) if axes and rank else tuple(range(rank))


def keeps_axes(node: NodeView) -> Measured:
    """The reduction keeps its axes (keepdims = 1)."""
    kept = node.int_attribute("keepdims", 1)
    return Measured(ok=kept == 1, value=f"keepdims = {kept}")


def not_over_batch(node: NodeView) -> Measured:
    """The reduction is over constant axes, and not over the batch."""
    axes = reduced_axes(node)
    return Measured(ok=axes is not None and 0 not in axes, value=f"axes {axes or 'computed'}")


def scalar_exponent(node: NodeView) -> Measured:
    """The exponent of Pow is a constant scalar."""
    exponent = node.constant_input(1)
    ok = exponent is not None and exponent.size == 1
    return Measured(ok=ok, value="computed" if exponent is None else f"shape {exponent.shape}")


def indices_of_one_axis(node: NodeView) -> Measured:
    """The indices of Gather are constants with at most 1 axis."""
    indices = node.constant_input(1)
    ok = indices is not None and indices.ndim <= 1
    return Measured(ok=ok, value="computed" if indices is None else f"{indices.ndim} axes")


def slope_per_channel(node: NodeView) -> Measured:
    """The slope of PRelu is a constant with one value, or one per channel (axis 1)."""
    slope, x = node.constant_input(1), node.input(0)
    shape = () if x is None or x.static_shape is None else x.static_shape
    if slope is None or len(shape) < 2:
        return Measured(ok=False, value="computed" if slope is None else f"{len(shape)} axes")
    spread = (1,) * (len(shape) - slope.ndim) + slope.shape
    per_channel = spread == (1, shape[1], *(1,) * (len(shape) - 2))
    ok = slope.size == 1 or per_channel or slope.shape == (shape[1],)
    return Measured(ok=ok, value=f"slope {slope.shape}, {shape[1]} channels")


def constant_fill(node: NodeView) -> Measured:
    """Pad fills with a constant."""
    mode = node.str_attribute("mode", "constant")
    return Measured(ok=mode == "constant", value=f"mode {mode}")


def _spatial_rank(node: NodeView, limit: int) -> Measured:
    weight = node.input(1)
    rank = 0 if weight is None or weight.shape is None else len(weight.shape) - 2
    return Measured(ok=1 <= rank <= limit, value=f"{rank} spatial axes")
