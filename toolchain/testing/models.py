"""Small models that between them hold what a target meets in real ones; made, not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

    from toolchain.core.dtypes import Array

OPSET = 24
CANDIDATES = ("Cos", "Sin", "Tan", "Trilu", "Sign", "Mish", "Selu", "Abs", "Exp")
"""Operators of one input, rare on integers first: what the target does not list is unsupported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallModel:
    """A model with one input `x` and one output `y`, both float32.

    Attributes:
        body: Its nodes in ONNX's text form; each is named after its first output.
        input: Shape of `x`.
        output: Shape of `y`.
        weights: Shape of every float32 initializer; a name ending in `b` is a bias.
        constants: int64 initializers.
    """

    body: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    weights: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


MODELS: Mapping[str, SmallModel] = MappingProxyType(
    {
        "conv": SmallModel(
            body="c = Conv <kernel_shape=[3,3], pads=[1,1,1,1]> (x, w, wb)"
            "r = Relu (c)"
            "y = Conv <kernel_shape=[3,3], strides=[2,2]> (r, v)",
            input=(1, 3, 8, 8),
            output=(1, 6, 3, 3),
            weights={"w": (4, 3, 3, 3), "wb": (4,), "v": (6, 4, 3, 3)},
        ),
        "depthwise": SmallModel(
            body="c = Conv <kernel_shape=[3,3], pads=[1,1,1,1], group=4> (x, w, wb)"
            "low = Constant <value_float=0.0> ()"
            "high = Constant <value_float=6.0> ()"
            "r = Clip (c, low, high)"
            "y = Conv <kernel_shape=[1,1]> (r, v, vb)",
            input=(1, 4, 6, 6),
            output=(1, 8, 6, 6),
            weights={"w": (4, 1, 3, 3), "wb": (4,), "v": (8, 4, 1, 1), "vb": (8,)},
        ),
        "gemm": SmallModel(
            body="f = Flatten (x)"
            "h = Gemm <transB=1> (f, w, wb)"
            "r = Relu (h)"
            "y = Gemm <transB=1> (r, v, vb)",
            input=(1, 2, 4, 4),
            output=(1, 5),
            weights={"w": (16, 32), "wb": (16,), "v": (5, 16), "vb": (5,)},
        ),
        "residual": SmallModel(
            body="c = Conv <kernel_shape=[3,3], pads=[1,1,1,1]> (x, w, wb)"
            "r = Relu (c)"
            "d = Conv <kernel_shape=[3,3], pads=[1,1,1,1]> (r, v, vb)"
            "a = Add (r, d)"
            "y = Relu (a)",
            input=(1, 4, 6, 6),
            output=(1, 4, 6, 6),
            weights={"w": (4, 4, 3, 3), "wb": (4,), "v": (4, 4, 3, 3), "vb": (4,)},
        ),
        "pool": SmallModel(
            body="c = Conv <kernel_shape=[3,3], pads=[1,1,1,1]> (x, w, wb)"
            "m = MaxPool <kernel_shape=[2,2], strides=[2,2]> (c)"
            "p = AveragePool <kernel_shape=[2,2], strides=[2,2]> (m)"
            "y = GlobalAveragePool (p)",
            input=(1, 3, 8, 8),
            output=(1, 4, 1, 1),
            weights={"w": (4, 3, 3, 3), "wb": (4,)},
        ),
        "concat": SmallModel(
            body="a = Conv <kernel_shape=[1,1]> (x, w, wb)"
            "b = Conv <kernel_shape=[3,3], pads=[1,1,1,1]> (x, v, vb)"
            "j = Concat <axis=1> (a, b)"
            "y = Conv <kernel_shape=[1,1]> (j, u)",
            input=(1, 3, 6, 6),
            output=(1, 5, 6, 6),
            weights={
                "w": (4, 3, 1, 1), "wb": (4,), "v": (4, 3, 3, 3), "vb": (4,), "u": (5, 8, 1, 1),
            },
        ),
        "softmax": SmallModel(
            body="f = Reshape (x, shape)"
            "h = Gemm <transB=1> (f, w, wb)"
            "y = Softmax <axis=1> (h)",
            input=(1, 3, 2, 4),
            output=(1, 6),
            weights={"w": (6, 24), "wb": (6,)},
            constants={"shape": (1, 24)},
        ),
    }
)  # fmt: skip
"""What every target is built for, by name."""


def unsupported(op_type: str) -> SmallModel:
    """A convolution, one node of an operator that the target does not list, a convolution."""
    return SmallModel(
        body="c = Conv <kernel_shape=[3,3], pads=[1,1,1,1]> (x, w, wb)"
        f"strange = {op_type} (c)"
        "y = Conv <kernel_shape=[1,1]> (strange, v)",
        input=(1, 3, 6, 6),
        output=(1, 4, 6, 6),
        weights={"w": (4, 3, 3, 3), "wb": (4,), "v": (4, 4, 1, 1)},
    )


def make_model(small: SmallModel, seed: int = 0) -> onnx.ModelProto:
    """The model with normally distributed weights that keep the spread of its activations."""
    from onnx import numpy_helper, parser

    text = (
        f'<ir_version: 10, opset_import: ["" : {OPSET}]>\n'
        f"small (float{list(small.input)} x) => (float{list(small.output)} y) {{ {small.body} }}"
    )
    model = parser.parse_model(text)
    rng = np.random.default_rng(seed)
    arrays: dict[str, Array] = {
        name: _weight(rng, shape, bias=name.endswith("b")) for name, shape in small.weights.items()
    }
    arrays |= {name: np.array(values, np.int64) for name, values in small.constants.items()}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in arrays.items()
    )
    for node in model.graph.node:
        node.name = node.output[0]
    return model


def make_samples(small: SmallModel, count: int, seed: int = 1) -> Array:
    """`count` samples of `x`, normally distributed float32, of shape (count, *shape without 1)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, *small.input[1:])).astype(np.float32)


def _weight(rng: np.random.Generator, shape: tuple[int, ...], *, bias: bool) -> Array:
    spread = 0.1 if bias else float(np.prod(shape[1:])) ** -0.5
    return (rng.standard_normal(shape) * spread).astype(np.float32)
