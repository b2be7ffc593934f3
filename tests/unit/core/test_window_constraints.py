"""Rules about windows, on nodes written down by hand."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core import window_constraints as window
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import NodeView, ValueView
from toolchain.core.target import rule_of


def node(op_type: str, **attributes: object) -> NodeView:
    """A node over 1x4x8x8; convolutions with a kernel of 3x5."""
    x = ValueView(name="x", dtype=DType.FLOAT32, shape=(1, 4, 8, 8))
    w = ValueView(
        name="w",
        dtype=DType.FLOAT32,
        shape=(4, 4, 3, 5),
        constant=np.zeros((4, 4, 3, 5), np.float32),
    )
    y = ValueView(name="y", dtype=DType.FLOAT32, shape=None)
    inputs = (x, w) if op_type.startswith("Conv") else (x,)
    return NodeView(
        name="n", op_type=op_type, domain="", inputs=inputs, outputs=(y,), attributes=attributes
    )


def test_extents_come_from_where_the_operator_has_them():
    assert window.kernel_of(node("Conv")) == (3, 5)
    assert window.kernel_of(node("MaxPool", kernel_shape=(2, 2))) == (2, 2)
    assert window.kernel_of(node("GlobalMaxPool")) == (8, 8)
    assert window.strides_of(node("Conv")) == (1, 1)
    assert window.dilations_of(node("Conv", dilations=(2, 1))) == (2, 1)


@pytest.mark.parametrize(("strides", "ok"), [((4, 16), True), ((5, 1), False), ((1, 17), False)])
def test_strides_have_a_limit_per_direction(strides: tuple[int, int], ok: bool):
    assert window.strides_at_most(4, 16)(node("Conv", strides=strides)).ok is ok


def test_rules_with_numbers_say_them():
    assert rule_of(window.kernel_at_most(12)) == "The kernel is at most 12 wide and high."
    assert rule_of(window.spatial_axes(1, 2)) == "The window has 1 or 2 spatial axes."


@pytest.mark.parametrize(
    ("attributes", "ok"),
    [
        ({}, True),
        ({"pads": (1, 1, 1, 1)}, False),
        ({"pads": (1, 1, 1, 1), "count_include_pad": 1}, True),
        ({"auto_pad": "SAME_UPPER"}, False),
        ({"auto_pad": "VALID"}, True),
        ({"ceil_mode": 1}, False),
    ],
)
def test_uniform_averages(attributes: dict[str, object], ok: bool):
    pool = node("AveragePool", kernel_shape=(2, 2), **attributes)
    assert window.uniform_average(pool).ok is ok


@pytest.mark.parametrize(
    ("pads", "dilations", "ok"),
    [((2, 4, 2, 4), (1, 1), True), ((3, 0, 0, 0), (1, 1), False), ((4, 4, 4, 4), (2, 1), True)],
)
def test_padding_fits_the_kernel(pads: tuple[int, ...], dilations: tuple[int, int], ok: bool):
    assert window.padding_within_kernel(node("Conv", pads=pads, dilations=dilations)).ok is ok


def test_output_padding_needs_padding_at_the_end():
    kept = node("ConvTranspose", output_padding=(1, 0), pads=(0, 0, 1, 0))
    broken = node("ConvTranspose", output_padding=(1, 0))
    assert window.output_padding_within_pads(kept).ok
    assert not window.output_padding_within_pads(broken).ok
