"""Facts of a target, and its constraints."""

from __future__ import annotations

import pytest

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import NodeView
from toolchain.core.quant import QuantSpec
from toolchain.core.target import Measured, OpSupport, Platform, TargetSpec, rule_of


def small(node: NodeView) -> Measured:
    """The kernel is small,
    at most 3.

    More for the developer.
    """
    kernel = node.int_attribute("kernel", 1)
    return Measured(ok=kernel <= 3, value=f"kernel {kernel}")


def odd(node: NodeView) -> Measured:
    """The kernel is odd."""
    kernel = node.int_attribute("kernel", 1)
    return Measured(ok=kernel % 2 == 1, value=f"{kernel}")


def without_text(node: NodeView) -> Measured:
    return Measured(ok=bool(node.name), value="")


SPEC = TargetSpec(
    name="toy",
    summary="A toy",
    platforms=(Platform(name="one", summary="The only one"),),
    ops={"Conv": OpSupport(constraints=(small, odd))},
    activation=QuantSpec(),
    weight=QuantSpec(),
    activation_dtypes=(DType.INT8,),
    weight_dtypes=(DType.INT8,),
)


def node(op_type: str, domain: str = "", **attributes: int) -> NodeView:
    return NodeView(
        name="n", op_type=op_type, domain=domain, inputs=(), outputs=(), attributes=attributes
    )


def test_rule_is_the_first_paragraph():
    assert rule_of(small) == "The kernel is small, at most 3."
    assert rule_of(without_text) == "without_text"


def test_all_broken_rules_with_what_was_measured():
    assert SPEC.violations(node("Conv", kernel=3)) == ()
    assert SPEC.violations(node("Conv", kernel=6)) == (
        ("The kernel is small, at most 3.", "kernel 6"),
        ("The kernel is odd.", "6"),
    )


def test_unknown_operators():
    rule = "The operator is one that the target runs on integers"
    assert SPEC.violations(node("Sin")) == ((rule, "Sin"),)
    assert SPEC.violations(node("Conv", domain="com.example")) == ((rule, "com.example.Conv"),)
    assert SPEC.violations(node("Conv", domain="ai.onnx")) == ()


def test_facts_cannot_be_changed():
    with pytest.raises(TypeError):
        SPEC.ops["Conv"] = OpSupport()  # type: ignore[index]
