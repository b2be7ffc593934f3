"""What the rules ask of single nodes, after their priorities are settled."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.core.dtypes import DType

CUT_REASON = "it stands behind the tensors of `surgery.truncate`"
"""Why a node runs in float that the user has cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePrecision:
    """Precision asked of one node; None leaves the target's default.

    Attributes:
        input_dtype: Type in which it reads its activations; FLOAT32 makes it run in float.
        output_dtype: Type in which its outputs are stored.
        weight_dtype: Type in which its weight is stored.
        behind_cut: True for nodes that run in float whatever else is asked, because the model is
            cut in front of them.
    """

    input_dtype: DType | None = None
    output_dtype: DType | None = None
    weight_dtype: DType | None = None
    behind_cut: bool = False
