"""Analytic bias correction.

Quantized weights shift the mean of every output channel by sum over (c, k) of (W - Wq)[m, c, k] *
E[x_c]. Adding that to the bias removes the shift (Nagel et al., Data-Free Quantization Through
Weight Equalization and Bias Correction, 2019, section 4.2). E[x_c] comes from the calibration
sweep; windows that overlap the padding see a little less, which is ignored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toolchain.core.graph_view import NodeView
from toolchain.core.operators import data_inputs, traits, weight_input
from toolchain.core.quant import Edge, ParamSet, QuantParams
from toolchain.core.registry import AlgorithmInput, AlgorithmOutput
from toolchain.numerics.affine import fake_quantize
from toolchain.quantization.groups import sources


def correct_biases(given: AlgorithmInput) -> AlgorithmOutput:
    """New biases of Conv and Gemm nodes whose weight is quantized and whose input was observed.

    Biases that several nodes share are left alone.
    """
    corrected: dict[str, NDArray[np.float32]] = {}
    params = given.params()
    for node in given.graph.nodes:
        bias = node.input(2)
        if node.op_type not in ("Conv", "Gemm") or bias is None or bias.constant is None:
            continue
        shift = _shift(node, given, params)
        if shift is not None and len(given.graph.uses(bias.name)) == 1:
            corrected[bias.name] = np.asarray(bias.constant + shift, np.float32)
    return AlgorithmOutput(
        constants=corrected,
        changed_values=frozenset(),
        summary=f"bias_correction: {len(corrected)} biases",
    )


def _shift(node: NodeView, given: AlgorithmInput, params: ParamSet) -> NDArray[np.float64] | None:
    """E[W x] - E[Wq x] per output channel, or None where it cannot be known."""
    weight = weight_input(node)
    own = None if weight is None else _weight_params(node, params)
    means = _input_means(node, given)
    if weight is None or weight.constant is None or own is None or means is None:
        return None
    array = np.asarray(weight.constant, np.float32)
    error = array.astype(np.float64) - fake_quantize(array, own)
    if node.op_type == "Gemm":
        matrix = error if node.int_attribute("transB", 0) else error.T
        return matrix @ means if matrix.shape[1] == means.size else None
    per_input = error.reshape(*error.shape[:2], -1).sum(axis=2)
    groups = node.int_attribute("group", 1)
    if per_input.shape[1] * groups != means.size:
        return None
    grouped = means.reshape(groups, 1, per_input.shape[1])
    shift: NDArray[np.float64] = (
        (per_input.reshape(groups, -1, per_input.shape[1]) * grouped).sum(axis=2).reshape(-1)
    )
    return shift


def _weight_params(node: NodeView, params: ParamSet) -> QuantParams | None:
    position = traits(node).weight or 0
    weight = node.input(position)
    if weight is None:
        return None
    edge = Edge(weight.name, node.name, position)
    return params.edges.get(edge) or params.values.get(weight.name)


def _input_means(node: NodeView, given: AlgorithmInput) -> NDArray[np.float64] | None:
    roots = sources(given.graph, data_inputs(node)[0][1].name)
    stats = given.stats.get(roots[0]) if len(roots) == 1 else None
    if stats is None or stats.channel_sum.size == 0 or stats.channel_count == 0:
        return None
    return stats.channel_sum / stats.channel_count
