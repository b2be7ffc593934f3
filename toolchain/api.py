"""The public contract for authors of targets and plugins; importing it costs little.

Records and errors come from `core` and `errors`, the hook marker and what answers the hooks of a
target with a machine from `plugin`. Library floors
(numerics, graph, calibration, quantization, program, analysis) may be imported as well.
"""

from toolchain.core.artifacts import CompiledArtifact, ModelArtifact
from toolchain.core.cost import Bound, MatrixShape, OperationCost, OperationEstimate
from toolchain.core.diagnostics import Diagnostic, Severity
from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.labels import LabelReader, LabelSource, Truth
from toolchain.core.machine import (
    ConvolutionEngine,
    Ddr,
    DepthwiseArray,
    Interconnect,
    MacArray,
    Machine,
    OnChipMemory,
    RearrangementEngine,
    TensorEngine,
    TransferEngine,
)
from toolchain.core.operators import data_inputs, traits, weight_axis, weight_input
from toolchain.core.options import (
    CheckOptions,
    CompileOptions,
    Doc,
    InputOptions,
    MixedPrecisionOptions,
    OptimizeOptions,
    QuantizeOptions,
)
from toolchain.core.options.compile import KIT_OPTIONS
from toolchain.core.quant import (
    Edge,
    ParamSet,
    PerBlock,
    PerChannel,
    PerTensor,
    QuantParams,
    QuantPlan,
    QuantSpec,
    Rounding,
    ScaleKind,
)
from toolchain.core.registry import (
    AlgorithmDef,
    AlgorithmInput,
    AlgorithmOutput,
    CostModel,
    CostModelDef,
    DataReaderDef,
    MetricDef,
    PassDef,
    PreprocessorDef,
    RangeMethodDef,
    SourceKind,
    SourceRequest,
)
from toolchain.core.stats import TensorRange, TensorStats
from toolchain.core.target import (
    BiasRule,
    Constraint,
    ElementFunction,
    Measured,
    OpSupport,
    Platform,
    Requantization,
    ShiftLimits,
    Support,
    TargetDef,
    TargetSpec,
)
from toolchain.errors import Code, Problem, ToolchainError
from toolchain.plugin.machine_compile import compile_for_machine
from toolchain.plugin.machine_runner import machine_runner
from toolchain.plugin.markers import hookimpl

__all__ = [
    "KIT_OPTIONS",
    "AlgorithmDef",
    "AlgorithmInput",
    "AlgorithmOutput",
    "Array",
    "BiasRule",
    "Bound",
    "CheckOptions",
    "Code",
    "CompileOptions",
    "CompiledArtifact",
    "Constraint",
    "ConvolutionEngine",
    "CostModel",
    "CostModelDef",
    "DType",
    "DataReaderDef",
    "Ddr",
    "DepthwiseArray",
    "Diagnostic",
    "Doc",
    "Edge",
    "ElementFunction",
    "GraphView",
    "InputOptions",
    "Interconnect",
    "LabelReader",
    "LabelSource",
    "MacArray",
    "Machine",
    "MatrixShape",
    "Measured",
    "MetricDef",
    "MixedPrecisionOptions",
    "ModelArtifact",
    "NodeView",
    "OnChipMemory",
    "OpSupport",
    "OperationCost",
    "OperationEstimate",
    "OptimizeOptions",
    "ParamSet",
    "PassDef",
    "PerBlock",
    "PerChannel",
    "PerTensor",
    "Platform",
    "PreprocessorDef",
    "Problem",
    "QuantParams",
    "QuantPlan",
    "QuantSpec",
    "QuantizeOptions",
    "RangeMethodDef",
    "RearrangementEngine",
    "Requantization",
    "Rounding",
    "ScaleKind",
    "Severity",
    "ShiftLimits",
    "SourceKind",
    "SourceRequest",
    "Support",
    "TargetDef",
    "TargetSpec",
    "TensorEngine",
    "TensorRange",
    "TensorStats",
    "ToolchainError",
    "TransferEngine",
    "Truth",
    "ValueView",
    "compile_for_machine",
    "data_inputs",
    "hookimpl",
    "machine_runner",
    "traits",
    "weight_axis",
    "weight_input",
]
