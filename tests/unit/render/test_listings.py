from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.core.reports import InspectReport, TargetSupport, TensorRow, Violation
from toolchain.plugin.manager import PluginRow
from toolchain.render.listings import model_tables, plugins


def test_a_model_and_its_targets() -> None:
    support = TargetSupport(
        target="riscv",
        platforms=("k1", "k3"),
        integer_nodes=4,
        float_nodes=1,
        unsupported_nodes=0,
        integer_mac_share=0.75,
        violations=(Violation(node="n", op_type="Softmax", rule="a rule", measured="measured"),),
    )
    full = replace(support, target="npu", violations=())
    report = InspectReport(
        path=Path("net.onnx"),
        opset=17,
        inputs=(TensorRow(name="x", dtype="float32", shape="1 x 3 x 8 x 8"),),
        outputs=(TensorRow(name="y", dtype="float32", shape="1 x 10"),),
        nodes=5,
        macs=1_500_000,
        parameters=12_000,
        weight_bytes=48_000,
        op_counts=(("Conv", 3), ("Softmax", 2)),
        support=(support, full),
    )
    glance, ports, operators, by_target, violations = model_tables(report)
    assert ("parameters", "12.0 k (48.0 kB)") in glance.rows
    assert ("MACs", "1.5 M") in glance.rows
    assert ports.rows == (
        ("input", "x", "float32", "1 x 3 x 8 x 8"),
        ("output", "y", "float32", "1 x 10"),
    )
    assert operators.rows == (("Conv", "3"), ("Softmax", "2"))
    assert by_target.rows[0] == ("riscv", "k1, k3", "4", "1", "0", "75.00 %")
    assert violations.title == "Not on integers on riscv, k1, k3 (1)"
    assert violations.rows == (("n", "Softmax", "a rule", "measured"),)


def test_plugins_and_those_that_are_broken() -> None:
    good = PluginRow(name="a", distribution="d", version="1", provides=("targets: x", "tc_check"))
    bad = PluginRow(name="b", distribution="e", version="2", error="ImportError: no z")
    assert plugins((good, bad)).rows == (
        ("a", "d", "1", "targets: x, tc_check"),
        ("b", "e", "2", "not loaded: ImportError: no z"),
    )
