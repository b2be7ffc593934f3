"""Facts of the family; their sources are in `SPEC.notes`."""

from __future__ import annotations

from tc_target_dpu import functions
from tc_target_dpu import rules as own
from tc_target_dpu.machines import BANK_DEPTH, machine
from toolchain.api import (
    KIT_OPTIONS,
    BiasRule,
    DType,
    OpSupport,
    Platform,
    QuantSpec,
    Requantization,
    Rounding,
    ScaleKind,
    ShiftLimits,
    TargetSpec,
)
from toolchain.core import constraints as rule
from toolchain.core import window_constraints as window

_POSITION_7 = (0.0, 127.0 / 128.0)
"""Output range whose position is 7: 127 * 2**-7 is its end."""
_SYMMETRIC_7 = (-127.0 / 128.0, 127.0 / 128.0)
_POSITIONS = (0, 15)
_POOL = 256
_LARGEST = 16


_FUNCTIONS = {
    "Relu": rule.computed(),
    "Clip": rule.computed(own.relu6),
    "LeakyRelu": OpSupport(
        constraints=(rule.static_shape, own.slope_of_a_tenth), function=functions.leaky_relu
    ),
    "HardSigmoid": OpSupport(
        constraints=(rule.static_shape, own.sixth_and_half),
        output_range=_POSITION_7,
        input_positions=_POSITIONS,
        function=functions.hard_sigmoid,
    ),
    "HardSwish": OpSupport(
        constraints=(rule.static_shape,),
        input_positions=_POSITIONS,
        function=functions.hard_swish,
    ),
    "Sigmoid": OpSupport(
        constraints=(rule.static_shape,),
        output_range=_POSITION_7,
        input_positions=_POSITIONS,
        function=functions.sigmoid,
    ),
    "Tanh": OpSupport(
        constraints=(rule.static_shape,), output_range=_SYMMETRIC_7, function=functions.tanh
    ),
}

_POOLING = (
    window.spatial_axes(1, 2),
    window.kernel_at_most(_POOL),
    window.strides_at_most(_POOL, _POOL),
    window.no_dilation,
    window.padding_within_kernel,
)

_FIXED = {
    **_FUNCTIONS,
    "AveragePool": rule.computed(*_POOLING, window.uniform_average),
    "GlobalAveragePool": rule.computed(window.spatial_axes(1, 2), window.kernel_at_most(_POOL)),
    "MaxPool": rule.moved(rule.single_output, *_POOLING),
    "GlobalMaxPool": rule.moved(window.kernel_at_most(_POOL)),
    "Concat": rule.moved(),
    "Pad": rule.moved(rule.constant_parameters, own.zero_fill),
    "Slice": rule.moved(own.steps_along_pixels),
    "Resize": rule.moved(rule.resize_form, own.pixels_repeated),
    **{
        name: rule.moved(rule.constant_parameters)
        for name in "Reshape Flatten Squeeze Unsqueeze Identity".split()
    },
}


def _limited(parallel: int) -> dict[str, OpSupport]:
    """Operators whose limits depend on the channels in parallel."""
    convolution = (
        window.spatial_axes(1, 2),
        rule.constant_weight,
        rule.constant_bias,
        own.grouped_fully_or_not,
        own.input_channels(parallel),
        own.output_channels(parallel),
    )
    matrix = own.matrix_columns(parallel, BANK_DEPTH)
    return {
        "Conv": rule.computed(
            *convolution,
            own.kernel_range,
            own.stride_range,
            window.padding_within_kernel,
            own.weights_per_bank(parallel, BANK_DEPTH),
        ),
        "ConvTranspose": rule.computed(*convolution, window.no_dilation, own.kernel_per_stride),
        "Gemm": rule.computed(rule.gemm_form, rule.constant_weight, rule.gemm_bias, matrix),
        "MatMul": rule.computed(rule.matmul_operands, rule.constant_weight, matrix),
        "Add": rule.computed(own.element_channels(parallel)),
        "Mul": rule.computed(own.element_channels(parallel)),
    }


def _size(name: str, pixels: int, parallel: int) -> Platform:
    """One size: pixels, input channels and output channels that are computed at a time."""
    return Platform(
        name=name,
        summary=f"{pixels} pixels x {parallel} input x {parallel} output channels at a time",
        machines=tuple(machine(name, pixels, parallel, cores) for cores in range(1, 5)),
        ops={} if parallel == _LARGEST else _limited(parallel),
    )


SPEC = TargetSpec(
    machine_options=KIT_OPTIONS,
    name="dpu",
    summary="AMD DPUCZDX8G of Zynq UltraScale+, sizes B512 to B4096: int8 by powers of two",
    platforms=(
        _size("b4096", 8, _LARGEST),
        _size("b3136", 8, 14),
        _size("b2304", 8, 12),
        _size("b1600", 8, 10),
        _size("b1152", 4, 12),
        _size("b1024", 8, 8),
        _size("b800", 4, 10),
        _size("b512", 4, 8),
    ),
    ops={**_FIXED, **_limited(_LARGEST)},
    activation=QuantSpec(
        dtype=DType.INT8,
        symmetric=True,
        scale_kind=ScaleKind.POWER_OF_TWO,
        rounding=Rounding.HALF_UP,
    ),
    weight=QuantSpec(
        dtype=DType.INT8,
        symmetric=True,
        scale_kind=ScaleKind.POWER_OF_TWO,
        rounding=Rounding.HALF_AWAY,
    ),
    activation_dtypes=(DType.INT8, DType.FLOAT32),
    weight_dtypes=(DType.INT8,),
    bias=BiasRule(dtypes=(DType.INT8,), accumulator_headroom_bits=1, own_scale=True),
    accumulator=DType.INT32,
    requantization=Requantization.SHIFT,
    shift_limits=ShiftLimits(cut=(0, 16), bias=16, bias_below_cut=16, read=15, write=(-15, 15)),
    pool_reciprocals={
        (3, 3): (7, 6),
        (5, 5): (10, 8),
        (6, 6): (7, 8),
        (3, 6): (14, 8),
        (6, 3): (14, 8),
        (7, 7): (21, 10),
        (14, 14): (21, 12),
    },
    rounding=Rounding.HALF_UP,
    conversion_rounding=Rounding.HALF_AWAY,
    fused_activations=frozenset({"Relu", "Clip"}),
    opset=24,
    notes=(
        "int8 symmetric, one power of two per tensor: Vitis AI's quantizers, UG1414",
        "weights round half away from zero, activations half up: Vitis AI's quantizers, UG1414",
        "bias int8 with a position of its own, limits of shifts: vai_q_onnx, for the compiler",
        "average pooling, LeakyRelu 26/256, HardSigmoid 2731/2**14: VART, cpu-runner",
        "pooling of 3x6 and 6x3 has twice the factor of 6x6: VART, cpu-runner",
        "tables of Sigmoid and Tanh, 1024 entries per sign: VART, cpu-runner",
        "entries are the nearest multiples of 2**-15, finer inputs are cut off: ours",
        "HardSwish multiplies by the hard sigmoid as int8 of position 7: Vitis AI's quantizers",
        "functions behind a convolution read the stored int8, not the accumulator: ours",
        "sizes, cores, Add and Mul as the only element-wise operators: PG338",
        "limits of convolution by channels in parallel: UG1414",
        "bank depth 2048 is stated for B4096, for the other sizes it is ours",
        "windows per channel up to 256, and their strides: UG1414 3.x",
        "Slice with steps along rows and columns, Resize by whole factors, Pad with 0: UG1414 3.5",
        "pooling up to 256, where older tables have 8, because factors for 14x14 exist: ours",
        "what moves no data (Reshape, Flatten, Squeeze, Unsqueeze) needs no CPU: ours",
        "model inputs round half away from zero: Vitis AI's quantizers, UG1414",
    ),
)
