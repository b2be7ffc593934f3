"""Facts of the family; their sources are in `SPEC.notes`."""

from __future__ import annotations

from tc_target_npu import rules as own
from tc_target_npu.machines import MACHINES
from tc_target_npu.options import MODES
from toolchain.api import (
    KIT_OPTIONS,
    BiasRule,
    DType,
    OpSupport,
    PerChannel,
    Platform,
    QuantSpec,
    Requantization,
    Rounding,
    TargetSpec,
)
from toolchain.core import constraints as rule
from toolchain.core import window_constraints as window

_PROBABILITY = (0.0, 255.0 / 256.0)
"""Range of Softmax and Sigmoid on 8 bits: scale 1/256 and every probability below 1 is distinct."""


_UNARY = (
    "Relu Clip HardSigmoid HardSwish Swish Gelu Tanh Elu LeakyRelu Mish Softplus Abs Exp Sqrt Erf "
    "Ceil Sin"
).split()
_UNARY_OF_SOME = "Floor Round Cos".split()

_OPS: dict[str, OpSupport] = {
    "Conv": rule.computed(rule.conv_rank, rule.constant_weight, rule.constant_bias),
    "ConvTranspose": rule.computed(
        rule.conv_transpose_rank,
        rule.constant_weight,
        rule.constant_bias,
        window.no_dilation,
        window.output_padding_within_pads,
    ),
    "Gemm": rule.computed(rule.gemm_form, rule.constant_weight, rule.gemm_bias),
    "MatMul": rule.computed(rule.matmul_operands),
    "Add": rule.computed(),
    "Sub": rule.computed(),
    "Mul": rule.computed(own.no_factor_one),
    "Div": rule.computed(rule.constant_parameters, own.no_factor_one),
    "Max": rule.computed(rule.constant_parameters),
    "Min": rule.computed(rule.constant_parameters),
    "Pow": rule.computed(rule.scalar_exponent),
    "PRelu": rule.computed(rule.slope_per_channel),
    "AveragePool": rule.computed(rule.average_pool_padding),
    "GlobalAveragePool": rule.computed(),
    **{name: rule.computed(rule.constant_parameters) for name in (*_UNARY, *_UNARY_OF_SOME)},
    "Sigmoid": OpSupport(constraints=(rule.static_shape,), output_range=_PROBABILITY),
    "Softmax": OpSupport(constraints=(rule.static_shape,), output_range=_PROBABILITY),
    "LogSoftmax": rule.computed(),
    "LayerNormalization": rule.computed(
        rule.constant_parameters, rule.single_output, rule.last_axis
    ),
    "RMSNormalization": rule.computed(rule.constant_parameters, rule.last_axis),
    "InstanceNormalization": rule.computed(rule.constant_parameters),
    "GroupNormalization": rule.computed(rule.constant_parameters),
    "LpNormalization": rule.computed(rule.last_axis, own.norm_of_one_or_two),
    **{
        name: rule.computed(rule.constant_parameters)
        for name in "ReduceMean ReduceSum ReduceL2".split()
    },
    "ReduceMax": rule.moved(rule.constant_parameters),
    "ReduceMin": rule.moved(rule.constant_parameters),
    "ArgMax": rule.computed(own.first_index),
    "ArgMin": rule.computed(own.first_index),
    "Resize": rule.moved(rule.resize_form, rule.linear_or_nearest, own.nearest_by_ceil),
    "MaxPool": rule.moved(rule.single_output, window.no_dilation),
    "GlobalMaxPool": rule.moved(),
    "Concat": rule.moved(),
    "Gather": rule.moved(rule.indices_of_one_axis),
    "Pad": rule.moved(rule.constant_parameters, rule.constant_fill),
    "DepthToSpace": rule.moved(own.depth_first),
    **{
        name: rule.moved(rule.constant_parameters)
        for name in (
            "Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Expand Tile SpaceToDepth "
            "Identity"
        ).split()
    },
}

_NOT_ON_AX620E = dict.fromkeys(
    (*_UNARY_OF_SOME, *"LogSoftmax RMSNormalization GroupNormalization ReduceMin Tile".split())
)
_NOT_ON_AX615 = {**_NOT_ON_AX620E, "ReduceSum": None, "Neg": rule.computed()}
_ON_V6 = {"DepthToSpace": rule.moved(), "Neg": rule.computed()}

_WITHOUT_INT4 = (DType.INT8, DType.FLOAT32)


def _chip(name: str, summary: str, ops: dict[str, OpSupport | None] | None = None) -> Platform:
    """A chip; 4-bit weights are documented for two of them only."""
    return Platform(
        name=name,
        summary=summary,
        cores=int(MODES[name][-1].removeprefix("NPU")),
        machines=MACHINES[name],
        ops=ops or {},
        weight_dtypes=None if name in ("ax650", "m76h") else _WITHOUT_INT4,
    )


SPEC = TargetSpec(
    machine_options=KIT_OPTIONS,
    name="npu",
    summary="AXERA NPUs: AX650 and AX620E families, QDQ models for pulsar2",
    platforms=(
        _chip("ax650", "NPU v3: 6 convolution, 3 tensor and 3 transfer units in 3 groups"),
        _chip("m76h", "as AX650"),
        _chip("ax620e", "NPU v4: one unit of each kind, shared by 2 virtual NPUs", _NOT_ON_AX620E),
        _chip("ax630c", "of the AX620E family", _NOT_ON_AX620E),
        _chip("ax620q", "of the AX620E family", _NOT_ON_AX620E),
        _chip("ax615", "NPU v6 of the size of AX620E's", _NOT_ON_AX615),
        _chip("ax637", "NPU v6: one unit of each kind", dict(_ON_V6)),
        _chip("m57", "NPU v6: one unit of each kind", dict(_ON_V6)),
        _chip("ax8860", "NPU v7: 4 convolution and 4 tensor units per core, up to 4 cores"),
    ),
    ops=_OPS,
    activation=QuantSpec(dtype=DType.UINT8, symmetric=False),
    weight=QuantSpec(
        dtype=DType.INT8, symmetric=True, granularity=PerChannel(0), narrow_range=True
    ),
    activation_dtypes=(DType.UINT8, DType.UINT16, DType.INT8, DType.INT16, DType.FLOAT32),
    weight_dtypes=(DType.INT8, DType.INT4, DType.FLOAT32),
    bias=BiasRule(dtypes=(DType.INT32, DType.FLOAT32), accumulator_headroom_bits=1),
    accumulator=DType.INT32,
    wide_accumulator=DType.INT64,
    requantization=Requantization.FLOAT32_MULTIPLIER,
    rounding=Rounding.HALF_EVEN,
    fused_activations=frozenset({"Relu", "Clip"}),
    min_scale=1e-6,
    opset=24,
    notes=(
        "uint8 asymmetric activations, int8 weights -127..127 per channel: QAT.axera",
        "float32 multiplier per output channel: compiled models of pulsar2",
        "uint16, int8, int16 and float32 activations on request: pulsar2, layer_configs",
        "4-bit weights on AX650 and M76H only: pulsar2, Quantized ONNX import",
        "bias int32 or float32: pulsar2, conv_bias_data_type",
        "operators and limits by chip: pulsar2 7.0, operator support lists",
        "left out: what has no integer form here (comparisons, sorting, recurrence)",
        "`auto_pad` is resolved before the vendor's tools see the model, so that it is no limit",
        "AX8860 has no published list and is given AX650's: ours",
        "a factor of 1 makes the vendor's build fail: found by users of pulsar2",
        "modes by chip: pulsar2, npu_mode; cores are the largest mode",
        "smallest scale 1e-6: pulsar2, refine_weight_threshold; for activations, too: ours",
        "half to even, int32 and int64 sums, ranges of Softmax and Sigmoid: not published, ours",
    ),
)
