"""Which chip runs which operator, from the vendor's table; limits are in `rules`.

The family's operators are those of KL730, the largest; every other chip has its own differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tc_target_kdp import rules as own
from toolchain.api import Constraint, OpSupport
from toolchain.core import constraints as rule
from toolchain.core import window_constraints as window

_PROBABILITY = (0.0, 127.0 / 128.0)
"""Range of Sigmoid and Softmax on 8 bits, whose scale is then 1/128."""

_FOUR = rule.at_most_axes(4)


def _probability() -> OpSupport:
    return OpSupport(constraints=(rule.static_shape,), output_range=_PROBABILITY)


def _conv(*constraints: Constraint) -> OpSupport:
    return rule.computed(
        rule.conv_rank, _FOUR, rule.constant_weight, rule.constant_bias, *constraints
    )


def _conv_transpose(*constraints: Constraint) -> OpSupport:
    return rule.computed(
        rule.conv_transpose_rank, rule.constant_weight, rule.constant_bias, *constraints
    )


_SUM, _SUM_OF_FOUR = rule.computed(), rule.computed(_FOUR)
_UNARY = rule.computed(rule.constant_parameters)
_REDUCE = rule.computed(rule.constant_parameters, rule.keeps_axes, rule.not_over_batch)
_RESIZE = (rule.resize_form, rule.linear_or_nearest)
_MAX_POOL = (rule.single_output, window.no_dilation)

OPS: Mapping[str, OpSupport] = MappingProxyType(
    {
        "Conv": _conv(),
        "ConvTranspose": _conv_transpose(),
        "Gemm": rule.computed(rule.gemm_form, rule.constant_weight, rule.gemm_bias),
        "MatMul": rule.computed(rule.matmul_operands, own.matmul_from(3, 5)),
        "Add": _SUM,
        "Sub": _SUM,
        "Mul": _SUM,
        "Div": _UNARY,
        "Max": _UNARY,
        "Clip": rule.computed(rule.constant_parameters, own.clip_from_zero),
        "Pow": rule.computed(own.exponent_two),
        "PRelu": rule.computed(rule.slope_per_channel),
        "AveragePool": rule.computed(window.uniform_average, own.average_pool_730),
        "GlobalAveragePool": rule.computed(_FOUR, own.global_pool_at_most(16384)),
        **dict.fromkeys(
            (
                "Relu LeakyRelu Neg Tanh Elu Erf Exp HardSigmoid Reciprocal Sqrt Abs Log Sign "
                "HardSwish Swish Gelu"
            ).split(),
            _UNARY,
        ),
        "Sigmoid": _probability(),
        "Softmax": _probability(),
        "LayerNormalization": rule.computed(rule.constant_parameters, rule.single_output),
        "InstanceNormalization": rule.computed(rule.constant_parameters),
        "ReduceMean": _REDUCE,
        "ReduceSum": rule.computed(rule.constant_parameters),
        "ReduceMax": rule.moved(rule.constant_parameters, rule.keeps_axes),
        "ReduceMin": rule.moved(rule.constant_parameters),
        "Resize": rule.moved(*_RESIZE),
        "MaxPool": rule.moved(*_MAX_POOL, own.max_pool_530),
        "GlobalMaxPool": rule.moved(),
        "Concat": rule.moved(),
        "Gather": rule.moved(own.single_index),
        "Pad": rule.moved(own.zero_padding_below_32),
        "Reshape": rule.moved(rule.constant_parameters),
        "Flatten": rule.moved(own.flatten_from_channels),
        "Transpose": rule.moved(),
        "Slice": rule.moved(rule.constant_parameters, own.steps_of_one),
        "Split": rule.moved(rule.constant_parameters),
        "Expand": rule.moved(rule.constant_parameters, own.spread("channel", "row", "column")),
        "DepthToSpace": rule.moved(own.blocks_of(2, 4)),
        "SpaceToDepth": rule.moved(own.blocks_of(2, 4)),
    }
)
"""Operators of KL730."""

_ONLY_730 = dict.fromkeys(
    "Abs InstanceNormalization LayerNormalization Log Max ReduceMin Sign Split".split()
)

ON_530: Mapping[str, OpSupport | None] = MappingProxyType(
    {
        **_ONLY_730,
        "Add": _SUM_OF_FOUR,
        "Mul": _SUM_OF_FOUR,
        "Concat": rule.moved(_FOUR),
        "ConvTranspose": _conv_transpose(own.square_stride()),
        "MatMul": rule.computed(rule.matmul_operands, own.matmul_from(4, 4)),
        "AveragePool": rule.computed(window.uniform_average, own.average_pool_720),
        "ReduceSum": _REDUCE,
        "Slice": rule.moved(rule.constant_parameters, _FOUR, own.steps_of_one),
        "Transpose": rule.moved(own.batch_stays),
    }
)
"""Where KL530 and KL630 differ from KL730."""

ON_720: Mapping[str, OpSupport | None] = MappingProxyType(
    {
        **ON_530,
        **dict.fromkeys(
            "Div Elu Erf HardSigmoid Reciprocal Sqrt Softmax SpaceToDepth HardSwish Gelu".split()
        ),
        "Conv": _conv(window.strides_at_most(4, 16)),
        "ConvTranspose": _conv_transpose(own.square_stride(2)),
        "DepthToSpace": rule.moved(own.one_channel_of_four),
        "MaxPool": rule.moved(*_MAX_POOL, own.max_pool_520),
        "Expand": rule.moved(rule.constant_parameters, own.spread("row", "column")),
        "Resize": rule.moved(*_RESIZE, own.resize_of_one_axis),
        "Transpose": rule.moved(own.neighbours_swapped),
    }
)
"""Where KL720 differs from KL730."""

ON_520: Mapping[str, OpSupport | None] = MappingProxyType(
    {
        **ON_720,
        **dict.fromkeys(
            (
                "ConvTranspose Exp Expand Flatten MatMul Mul Pow ReduceMean Reshape Sigmoid Slice "
                "Tanh Transpose Swish"
            ).split()
        ),
        "Conv": _conv(window.kernel_at_most(12), window.strides_at_most(4, 16)),
        "AveragePool": rule.computed(window.uniform_average, own.average_pool_520),
        "GlobalAveragePool": rule.computed(_FOUR, own.global_pool_at_most(256)),
        "GlobalMaxPool": rule.moved(own.more_than_three_rows),
        "ReduceSum": rule.computed(rule.constant_parameters, rule.keeps_axes, own.over_channels),
        "Resize": rule.moved(*_RESIZE, own.resize_from_corner),
    }
)
"""Where KL520 differs from KL730."""
