"""Simplifications of the float graph, one per file, and the order they run in.

Names are what users write in `optimize.skip`. Patterns run before constants are folded into
weights, which would hide a part of them; Clip comes before the patterns that contain it.
"""

from __future__ import annotations

from toolchain.core.registry import PassDef
from toolchain.graph.passes.batch_norm import fold_batch_norm
from toolchain.graph.passes.batch_norm_conv import rewrite_batch_norm
from toolchain.graph.passes.batch_norm_next import fold_batch_norm_next
from toolchain.graph.passes.channel_affine import fold_channel_affine
from toolchain.graph.passes.clip import canonicalize_clip
from toolchain.graph.passes.common_subexpressions import merge_common_subexpressions
from toolchain.graph.passes.constant_folding import fold_constants
from toolchain.graph.passes.dead_code import remove_dead_code
from toolchain.graph.passes.division import multiply_by_reciprocals
from toolchain.graph.passes.factor import fold_factor
from toolchain.graph.passes.gelu import fuse_gelu
from toolchain.graph.passes.global_average_pool import fuse_global_average_pool
from toolchain.graph.passes.hard_sigmoid import fuse_hard_sigmoid
from toolchain.graph.passes.hard_swish import fuse_hard_swish
from toolchain.graph.passes.identity import remove_identities
from toolchain.graph.passes.layer_norm import fuse_layer_norm
from toolchain.graph.passes.matmul_bias import fuse_matmul_bias
from toolchain.graph.passes.pad import fold_pad
from toolchain.graph.passes.rms_norm import fuse_rms_norm
from toolchain.graph.passes.swish import fuse_swish

PASSES: tuple[PassDef, ...] = tuple(
    PassDef(name=name, summary=summary, function=function, phase=phase)
    for phase, name, function, summary in (
        (10, "identity", remove_identities, "Remove operators that return an input unchanged"),
        (20, "constant_folding", fold_constants, "Compute what does not depend on the inputs"),
        (25, "common_subexpressions", merge_common_subexpressions, "Do equal computations once"),
        (30, "clip", canonicalize_clip, "Merge bounds; Min and Max with constants become Clip"),
        (40, "hard_sigmoid", fuse_hard_sigmoid, "clip(x + 3, 0, 6) / 6 becomes HardSigmoid"),
        (41, "hard_swish", fuse_hard_swish, "x * clip(x + 3, 0, 6) / 6 becomes HardSwish"),
        (42, "swish", fuse_swish, "x * Sigmoid(x) becomes Swish"),
        (43, "gelu", fuse_gelu, "Written-out GELU, by erf or tanh, becomes Gelu"),
        (44, "layer_norm", fuse_layer_norm, "Written-out norm becomes LayerNormalization"),
        (45, "rms_norm", fuse_rms_norm, "Written-out norm becomes RMSNormalization"),
        (46, "global_average_pool", fuse_global_average_pool, "Spatial ReduceMean becomes a pool"),
        (50, "pad", fold_pad, "Fold Pad into the Conv or pool behind it"),
        (60, "batch_norm", fold_batch_norm, "Fold BatchNormalization into the layer before"),
        (62, "batch_norm_next", fold_batch_norm_next, "Fold it into the Conv behind it"),
        (64, "channel_affine", fold_channel_affine, "Fold Mul and Add per channel into weights"),
        (66, "matmul_bias", fuse_matmul_bias, "MatMul and its bias become Gemm"),
        (68, "factor", fold_factor, "Fold a factor of attention into the weights before"),
        (70, "division", multiply_by_reciprocals, "Division by a constant becomes a product"),
        (80, "batch_norm_conv", rewrite_batch_norm, "What is left becomes a depthwise Conv"),
        (90, "dead_code", remove_dead_code, "Remove what no output depends on"),
    )
)
"""All passes of the toolchain itself, ordered by phase."""
