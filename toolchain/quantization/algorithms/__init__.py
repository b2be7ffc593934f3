"""Algorithms that adjust weights and biases before the model is written as QDQ."""

from toolchain.core.registry import AlgorithmDef
from toolchain.quantization.algorithms.bias_correction import correct_biases

ALGORITHMS: tuple[AlgorithmDef, ...] = (
    AlgorithmDef(
        name="bias_correction",
        summary="Adds the mean error of quantized weights to the bias, from observed channel means",
        function=correct_biases,
    ),
)
