"""Biases in the accumulator's own scale, and weight scales large enough for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.core.quant import PerTensor, QuantParams, QuantSpec
from toolchain.core.target import BiasRule


def bias_params(
    input_params: QuantParams, weight_params: QuantParams, spec: QuantSpec, channels: int
) -> QuantParams:
    """Scale float32(input_scale * weight_scale) per output channel, zero point 0.

    A grouped ConvTranspose has fewer weight scales than `channels`: they repeat with every group.
    """
    scale = np.asarray(input_params.scale * weight_params.scale, np.float32)
    asked = spec
    if scale.ndim == 0:
        asked = replace(asked, granularity=PerTensor())
    else:
        scale = np.tile(scale, channels // scale.size)
    return QuantParams(scale=scale, zero_point=np.zeros(scale.shape, np.int32), spec=asked)


def raise_to_bias(
    weight_params: QuantParams,
    input_params: QuantParams,
    bias: NDArray[np.float32],
    rule: BiasRule,
) -> QuantParams:
    """`weight_params` with the scale of near-dead channels raised until their bias fits.

    A channel whose weights are almost 0 has a tiny scale, and its bias, divided by input_scale *
    weight_scale, overflows int32. The smallest scale that keeps |bias| / (input_scale *
    weight_scale) within 2**(31 - headroom) costs such a channel nothing: its weights hardly matter
    beside its bias. For ConvTranspose with groups, channel m of the bias belongs to scale m modulo
    the number of scales.
    """
    limit = 2.0 ** (31 - rule.accumulator_headroom_bits)
    need = np.abs(bias.astype(np.float64)) / (limit * float(input_params.scale))
    scale = weight_params.scale.astype(np.float64)
    floor = need.max(initial=0.0) if scale.ndim == 0 else need.reshape(-1, scale.size).max(axis=0)
    raised = np.maximum(scale, floor).astype(np.float32)
    # Rounding to float32 must not bring the bias back over the limit.
    raised = np.where(raised < floor, np.nextafter(raised, np.float32(np.inf)), raised)
    return QuantParams(scale=raised, zero_point=weight_params.zero_point, spec=weight_params.spec)
