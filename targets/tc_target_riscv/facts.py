"""Facts of the family; their sources are in `SPEC.notes`."""

from __future__ import annotations

from toolchain.api import (
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

_PROBABILITY = (0.0, 255.0 / 256.0)
"""Range of Softmax and Sigmoid on 8 bits: scale 1/256 and every probability below 1 is distinct."""


_UNARY = (
    "Relu Clip Sigmoid HardSigmoid HardSwish Swish Gelu Tanh Elu Selu Celu LeakyRelu Mish Softplus "
    "Softsign ThresholdedRelu PRelu Abs Neg Exp Log Sqrt Erf Sign Floor Ceil Round Reciprocal"
).split()

_OPS: dict[str, OpSupport] = {
    "Conv": rule.computed(rule.conv_rank, rule.constant_weight, rule.constant_bias),
    "ConvTranspose": rule.computed(
        rule.conv_transpose_rank, rule.constant_weight, rule.constant_bias
    ),
    "Gemm": rule.computed(rule.gemm_form, rule.constant_weight, rule.gemm_bias),
    "MatMul": rule.computed(rule.matmul_operands),
    "Add": rule.computed(),
    "Sub": rule.computed(),
    "Mul": rule.computed(),
    "AveragePool": rule.computed(rule.average_pool_padding),
    "GlobalAveragePool": rule.computed(),
    **{name: rule.computed(rule.constant_parameters) for name in _UNARY},
    "Sigmoid": OpSupport(constraints=(rule.static_shape,), output_range=_PROBABILITY),
    "Softmax": OpSupport(constraints=(rule.static_shape,), output_range=_PROBABILITY),
    **{
        name: rule.computed(rule.constant_parameters, rule.single_output)
        for name in ("LayerNormalization", "InstanceNormalization", "GroupNormalization")
    },
    **{name: rule.computed(rule.constant_parameters) for name in ("ReduceMean", "ReduceSum")},
    **{name: rule.moved(rule.constant_parameters) for name in ("ReduceMax", "ReduceMin")},
    "Resize": rule.moved(rule.resize_form),
    "MaxPool": rule.moved(rule.single_output),
    "GlobalMaxPool": rule.moved(),
    "Concat": rule.moved(),
    **{
        name: rule.moved(rule.constant_parameters)
        for name in (
            "Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Pad Gather Expand Tile "
            "DepthToSpace SpaceToDepth Identity"
        ).split()
    },
}

SPEC = TargetSpec(
    name="riscv",
    summary="RISC-V INT8: SpacemiT K1 and K3, QDQ models for their onnxruntime provider",
    platforms=(
        Platform(
            name="k1", summary="8 X60 cores, 4 of them with the matrix extension, VLEN 256", cores=4
        ),
        Platform(name="k3", summary="A100 cores, VLEN 1024, larger matrix tiles", cores=8),
    ),
    ops=_OPS,
    activation=QuantSpec(dtype=DType.INT8, symmetric=False),
    weight=QuantSpec(
        dtype=DType.INT8, symmetric=True, granularity=PerChannel(0), narrow_range=True
    ),
    activation_dtypes=(DType.INT8, DType.UINT8, DType.FLOAT32),
    weight_dtypes=(DType.INT8, DType.FLOAT32),
    bias=BiasRule(dtypes=(DType.INT32, DType.FLOAT32), accumulator_headroom_bits=1),
    accumulator=DType.INT32,
    requantization=Requantization.FLOAT32_MULTIPLIER,
    rounding=Rounding.HALF_EVEN,
    fused_activations=frozenset({"Relu", "Clip"}),
    min_scale=2.0**-23,
    opset=24,
    notes=(
        "int8 asymmetric activations, symmetric per-channel weights, half-even: XSlim's quantizer",
        "smallest scale 2**-23: XSlim, OBSERVER_MIN_SCALE_THRESHOLD",
        "ranks, Gemm form, constant weights: documented capabilities of the provider",
        "only Relu and Clip are absorbed before requantization: XSlim fuses them into the producer",
        "opset 24: the default of XSlim 2.1",
    ),
)
