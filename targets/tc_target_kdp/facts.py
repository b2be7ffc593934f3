"""Facts of the family; their sources are in `SPEC.notes`."""

from __future__ import annotations

from tc_target_kdp.machines import MACHINES
from tc_target_kdp.operators import ON_520, ON_530, ON_720, OPS
from toolchain.api import (
    KIT_OPTIONS,
    BiasRule,
    DType,
    PerChannel,
    Platform,
    QuantSpec,
    Requantization,
    Rounding,
    TargetSpec,
)

SPEC = TargetSpec(
    machine_options=KIT_OPTIONS,
    name="kdp",
    summary="Kneron KL520, KL530, KL630, KL720, KL730: fixed point by radix and scale",
    platforms=(
        Platform(name="730", summary="KL730: most operators of all", machines=(MACHINES["730"],)),
        Platform(
            name="630",
            summary="KL630: operators of KL530",
            machines=(MACHINES["630"],),
            ops=ON_530,
        ),
        Platform(name="530", summary="KL530", machines=(MACHINES["530"],), ops=ON_530),
        Platform(
            name="720",
            summary="KL720: no 4-bit weights",
            machines=(MACHINES["720"],),
            ops=ON_720,
            weight_dtypes=(DType.INT8, DType.INT16),
        ),
        Platform(
            name="520",
            summary="KL520: convolutional networks, no 16-bit weights",
            machines=(MACHINES["520"],),
            ops=ON_520,
            weight_dtypes=(DType.INT8, DType.INT4),
        ),
    ),
    ops=OPS,
    activation=QuantSpec(dtype=DType.INT8, symmetric=True, rounding=Rounding.HALF_AWAY),
    weight=QuantSpec(
        dtype=DType.INT8, symmetric=True, granularity=PerChannel(0), rounding=Rounding.HALF_AWAY
    ),
    activation_dtypes=(DType.INT8, DType.INT16, DType.FLOAT32),
    weight_dtypes=(DType.INT8, DType.INT4, DType.INT16),
    bias=BiasRule(dtypes=(DType.INT32,), accumulator_headroom_bits=1),
    accumulator=DType.INT32,
    wide_accumulator=DType.INT64,
    requantization=Requantization.MULTIPLIER_AND_SHIFT,
    multiplier_bits=15,
    rounding=Rounding.HALF_AWAY,
    fused_activations=frozenset({"Relu", "Clip"}),
    min_scale=2.0**-23,
    opset=24,
    notes=(
        "int8 and int16 symmetric, real = fixed / (scale * 2**radix): knerex and its documents",
        "4-bit weights not on KL720, 16-bit weights not on KL520: knerex, weight_bitwidth_mode",
        "operators and limits by chip: Kneron's document centre, Hardware Supported Operators",
        "BatchNormalization is folded or runs in float: it has no integer form here",
        "HardSwish, Swish, Gelu: what the optimizer merged of operators that the chip has",
        "those run as one table, where the chip would run several operators: ours",
        "Softmax runs where the vendor decomposes it (KL530 and later), as one operation: ours",
        "radix = floor(log2(127 / largest magnitude)), scale the rest, from 1 to 2: ours",
        "activations have one scale per tensor, though the hardware could have one per channel",
        "half away from zero and the 15-bit multiplier: not published, ours",
        "smallest scale 2**-23, so that factors of almost empty tensors are in reach: ours",
        "int32 bias in the accumulator's scale, int64 sums of 16-bit products: not published, ours",
        "Resize of KL520 starts at position 0: our reading of `phase_init is {0,0}`",
    ),
)
