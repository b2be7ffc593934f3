"""A build result with something in every field, and a target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from toolchain.core.check_report import CheckReport, CheckRow
from toolchain.core.cost import CostReport
from toolchain.core.diagnostics import Diagnostic, Severity
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import NodeView
from toolchain.core.quant import PerChannel, QuantSpec
from toolchain.core.reports import (
    AccuracyReport,
    AnalysisReport,
    CalibrationReport,
    FileRow,
    FloatRow,
    OptimizeReport,
    PassRow,
    ProofRow,
    QuantReport,
    QuantRow,
    RuleEffect,
)
from toolchain.core.target import (
    Measured,
    OpSupport,
    Platform,
    Support,
    TargetDef,
    TargetSpec,
)
from toolchain.errors import Code, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeResult:
    target: str = "riscv"
    platform: str = "k1"
    optimize: OptimizeReport | None = None
    calibration: CalibrationReport | None = None
    quantize: QuantReport | None = None
    effects: tuple[RuleEffect, ...] = ()
    cost: CostReport | None = None
    check: CheckReport | None = None
    accuracy: AccuracyReport | None = None
    analysis: AnalysisReport | None = None
    files: tuple[FileRow, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    cached: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()


def stored(value: str, role: str, granularity: str = "per_tensor") -> QuantRow:
    return QuantRow(
        value=value,
        role=role,
        dtype="int8" if role != "bias" else "int32",
        granularity=granularity,
        scale=0.0123456,
        zero_point=-5,
        minimum=-1.518,
        maximum=1.63,
        method="minmax",
    )


def full_result() -> FakeResult:
    activations = [
        stored(f"/model/backbone/layers.{n}/conv/Conv_output_0", "activation") for n in range(30)
    ]
    weights = [stored(f"layers.{n}.conv.weight", "weight", "per_channel(0)") for n in range(3)]
    return FakeResult(
        optimize=OptimizeReport(
            passes=(
                PassRow(name="fold_constants", nodes_before=31, nodes_after=31, changed=False),
                PassRow(name="fold_batch_norm", nodes_before=31, nodes_after=18, changed=True),
            ),
            proof=(ProofRow(output="logits", max_difference=2.4e-6, max_magnitude=12.1),),
            samples=2,
            opset_before=13,
            opset_after=24,
        ),
        calibration=CalibrationReport(samples=100, values=33, graph="a1", forwards=100),
        quantize=QuantReport(
            rows=(*activations, *weights, stored("layers.0.conv.bias", "bias")),
            islands=(
                FloatRow(
                    node="/model/head/Softmax",
                    op_type="Softmax",
                    reason="The operator is one that the target runs on integers: Softmax",
                    macs=1200,
                ),
            ),
            integer_nodes=17,
            integer_macs=1_234_567,
            total_macs=1_235_767,
            algorithms=("bias_correction: 17 biases adjusted",),
        ),
        effects=(
            RuleEffect(
                rule="mixed_precision.rules[0]",
                selector='op_types = ["Softmax"]',
                target="/model/head/Softmax",
                setting="output_dtype = float32",
            ),
        ),
        check=CheckReport(
            rows=(
                CheckRow(
                    comparison="float / reference",
                    tensor="logits",
                    metric="cosine",
                    value=0.99921,
                    limit=0.9,
                    passed=True,
                ),
                CheckRow(
                    comparison="reference / program",
                    tensor="logits",
                    metric="exact",
                    value=3,
                    limit=0,
                    passed=False,
                ),
            ),
            samples=4,
            passed=False,
        ),
        accuracy=AccuracyReport(
            metric="top1",
            samples=400,
            float_score=0.975,
            qdq_score=0.9725,
            reference_score=0.9725,
            agreement=0.995,
            sqnr_db=27.1,
        ),
        files=(
            FileRow(path=Path("/out/riscv/net.c"), what="program", size_bytes=123_456),
            FileRow(path=Path("/out/riscv/data/net.npz"), what="constants", size_bytes=812),
        ),
        diagnostics=(
            Diagnostic(
                severity=Severity.WARNING,
                stage="quantize",
                problem=Problem(
                    code=Code.UNSUPPORTED_OP,
                    message="1 node runs in float",
                    where="/model/head/Softmax",
                    hint="see the table of float islands",
                ),
            ),
            Diagnostic(
                severity=Severity.INFO,
                stage="optimize",
                problem=Problem(code=Code.NO_EFFECT, message="a remark"),
            ),
        ),
        cached=("optimize",),
    )


@pytest.fixture
def result() -> FakeResult:
    return full_result()


def rank_is_four(node: NodeView) -> Measured:
    """The kernel has two
    dimensions.

    A second paragraph.
    """
    return Measured(ok=True, value=node.name)


@pytest.fixture
def target() -> TargetDef:
    weight = QuantSpec(symmetric=True, granularity=PerChannel(0), narrow_range=True)
    return TargetDef(
        spec=TargetSpec(
            name="demo",
            summary="A demonstration",
            platforms=(Platform(name="d1", summary="first", cores=2),),
            ops={
                "Softmax": OpSupport(output_range=(0.0, 1.0)),
                "Conv": OpSupport(constraints=(rank_is_four,)),
                "Reshape": OpSupport(support=Support.MOVE),
            },
            activation=QuantSpec(),
            weight=weight,
            activation_dtypes=(DType.INT8, DType.FLOAT32),
            weight_dtypes=(DType.INT8,),
            notes=("datasheet, section 3",),
        )
    )
