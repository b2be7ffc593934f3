"""Everything a user can set, as frozen records.

This is the one definition of every option: the config floor validates files into these records
and generates schema and reference from them. `Doc` gives the text, `annotated_types` the limits.
"""

from toolchain.core.options.analysis import AnalysisForm, AnalysisMode, AnalysisOptions
from toolchain.core.options.build import BuildOptions
from toolchain.core.options.check import (
    CheckOptions,
    CompareOptions,
    CompiledCheckOptions,
    CompiledLevel,
    Metric,
    Scope,
)
from toolchain.core.options.compile import MACHINE_OPTIONS, CompileOptions, ShapeGroup, SubConfig
from toolchain.core.options.doc import STRICT, Doc
from toolchain.core.options.inputs import (
    PRESETS,
    Color,
    Filter,
    Format,
    InputOptions,
    Layout,
    RawDtype,
)
from toolchain.core.options.mixed_precision import MixedPrecisionOptions, PrecisionRule, RangePin
from toolchain.core.options.optimize import OptimizeOptions
from toolchain.core.options.processors import (
    InputProcessor,
    OutputDtype,
    OutputProcessor,
    Source,
    SourceDtype,
    YuvRange,
)
from toolchain.core.options.quantize import QuantizeOptions, Unsupported
from toolchain.core.options.samples import CalibrationOptions, EvaluationOptions, Order, Pair
from toolchain.core.options.surgery import (
    AttributeValue,
    ConstantPatch,
    NodePatch,
    SurgeryOptions,
)

__all__ = [
    "MACHINE_OPTIONS",
    "PRESETS",
    "STRICT",
    "AnalysisForm",
    "AnalysisMode",
    "AnalysisOptions",
    "AttributeValue",
    "BuildOptions",
    "CalibrationOptions",
    "CheckOptions",
    "Color",
    "CompareOptions",
    "CompileOptions",
    "CompiledCheckOptions",
    "CompiledLevel",
    "ConstantPatch",
    "Doc",
    "EvaluationOptions",
    "Filter",
    "Format",
    "InputOptions",
    "InputProcessor",
    "Layout",
    "Metric",
    "MixedPrecisionOptions",
    "NodePatch",
    "OptimizeOptions",
    "Order",
    "OutputDtype",
    "OutputProcessor",
    "Pair",
    "PrecisionRule",
    "QuantizeOptions",
    "RangePin",
    "RawDtype",
    "Scope",
    "ShapeGroup",
    "Source",
    "SourceDtype",
    "SubConfig",
    "SurgeryOptions",
    "Unsupported",
    "YuvRange",
]
