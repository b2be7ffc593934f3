"""Algorithms that adjust weights and biases before the model is written as QDQ."""

from toolchain.core.registry import AlgorithmDef
from toolchain.quantization.algorithms.bias_correction import correct_biases
from toolchain.quantization.algorithms.equalization import equalize

ALGORITHMS: tuple[AlgorithmDef, ...] = (
    AlgorithmDef(
        name="equalization",
        summary="Evens out the channels of values between weights, where that halves their noise",
        function=equalize,
    ),
    AlgorithmDef(
        name="bias_correction",
        summary="Adds the mean error of quantized weights to the bias, from observed channel means",
        function=correct_biases,
    ),
)
