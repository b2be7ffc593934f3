"""Everything a user can set, as frozen records.

This is the one definition of every option: the config floor validates files into these records
and generates schema and reference from them. `Doc` gives the text, `annotated_types` the limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, MinLen

from toolchain.core.dtypes import DType

STRICT: dict[str, Any] = {"extra": "forbid"}
"""Read by the config floor: a key that no record has is an error."""


@dataclass(frozen=True, slots=True)
class Doc:
    """The text of an option in the reference, the schema and `tc config init`."""

    text: str


class Order(StrEnum):
    """Which samples of a larger set are taken."""

    FIRST = "first"
    RANDOM = "random"


class Filter(StrEnum):
    """How an image is resized."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    LANCZOS = "lanczos"


class Color(StrEnum):
    """Order of the colour channels that the model expects."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"


class Layout(StrEnum):
    """Order of the image axes that the model expects."""

    NCHW = "nchw"
    NHWC = "nhwc"


class Unsupported(StrEnum):
    """What becomes of an operator that the target cannot run on integers."""

    CPU = "cpu"
    ERROR = "error"


class Scope(StrEnum):
    """Which tensors a check compares."""

    OUTPUTS = "outputs"
    LAYERS = "layers"


class Metric(StrEnum):
    """How two tensors are compared."""

    COSINE = "cosine"
    ALLCLOSE = "allclose"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """How one model input is fed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Name of the model input; may be left out for the only one.")
    ] = None
    shape: Annotated[
        tuple[Annotated[int, Ge(1)], ...] | None,
        Doc("Shape to build the model for, batch first; needed where the model's is dynamic."),
    ] = None
    preprocess: Annotated[
        str,
        Doc(
            "Preprocessor: `auto` (images: `image`, arrays: `array`), `image`, `array`, or a "
            "plugin's."
        ),
    ] = "auto"
    resize: Annotated[
        int | tuple[int, int] | None,
        Doc("One number: the short side in pixels, aspect kept. Two: height and width, stretched."),
    ] = None
    crop: Annotated[
        tuple[int, int] | None, Doc("Height and width of the centre crop, after resizing.")
    ] = None
    filter: Annotated[Filter, Doc("Interpolation of `resize`.")] = Filter.BILINEAR
    color: Annotated[Color, Doc("Colour order that the model expects.")] = Color.RGB
    mean: Annotated[
        tuple[float, ...], MinLen(1), Doc("Subtracted per channel, in units of the pixels 0..255.")
    ] = (0.0,)
    std: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(1),
        Doc("Divides per channel, after `mean` is subtracted."),
    ] = (1.0,)
    layout: Annotated[Layout, Doc("Axis order that the model expects.")] = Layout.NCHW


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeOptions:
    """How the float graph is simplified, and how that is proved harmless."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    skip: Annotated[
        tuple[str, ...], Doc("Names of passes to leave out; `tc plugins` lists them.")
    ] = ()
    prove: Annotated[
        bool, Doc("Run original and optimized model on samples and compare the outputs.")
    ] = True
    proof_samples: Annotated[int, Ge(1), Doc("Calibration samples used for the proof.")] = 2
    rtol: Annotated[
        float, Ge(0), Doc("Allowed difference relative to the largest magnitude of an output.")
    ] = 1e-4
    atol: Annotated[float, Ge(0), Doc("Allowed absolute difference of an output.")] = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOptions:
    """Which samples the statistics come from."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    data: Annotated[
        str | Mapping[str, str],
        Doc(
            "Samples: an image folder, a list file (.txt), .npy, or .npz (`file.npz:key` for one "
            "array). A table of input name to path where the model has several inputs."
        ),
    ]
    samples: Annotated[
        int, Ge(1), Doc("How many samples are used; fewer where there are fewer.")
    ] = 100
    order: Annotated[Order, Doc("`first` takes them in order, `random` draws them.")] = Order.FIRST
    seed: Annotated[int, Ge(0), Doc("Seed of the random order.")] = 0
    batch_size: Annotated[
        int, Ge(1), Doc("Samples per forward run; needs a model whose batch is free.")
    ] = 1
    threads: Annotated[int, Ge(0), Doc("Threads of the sweep; 0 takes one per core.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """Labelled samples, to say what quantization cost."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    data: Annotated[str | Mapping[str, str], Doc("Samples, as in `calibration.data`.")]
    labels: Annotated[str, Doc("CSV of `file,class` lines, `.npy`, or `file.npz:key`.")]
    skip: Annotated[
        int, Ge(0), Doc("Leaves out the first samples of the source, such as those calibrated on.")
    ] = 0
    samples: Annotated[int, Ge(0), Doc("How many samples are used; 0 takes all.")] = 0
    order: Annotated[Order, Doc("`first` takes them in order, `random` draws them.")] = Order.FIRST
    seed: Annotated[int, Ge(0), Doc("Seed of the random order.")] = 0
    metric: Annotated[str, Doc("Metric: `top1`, `top5`, or a plugin's.")] = "top1"
    max_drop: Annotated[
        float | None,
        Ge(0),
        Doc(
            "The build fails if the reference loses more than this against float (0.01: one point)."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeOptions:
    """How ranges become parameters."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    method: Annotated[
        str,
        Doc(
            "Range method of activations: `default`, `minmax`, `percentile`, `mse`, `kl`, or a "
            "plugin's."
        ),
    ] = "default"
    percentile: Annotated[
        float,
        Gt(0.5),
        Le(1.0),
        Doc("Share of the elements that `percentile` keeps inside the range."),
    ] = 0.9999
    weight_method: Annotated[str, Doc("Range method of weights: `minmax` or `mse`.")] = "minmax"
    algorithms: Annotated[
        tuple[str, ...],
        Doc("Algorithms that adjust weights and biases, in this order; empty for none."),
    ] = ("equalization", "bias_correction")
    bias_dtype: Annotated[
        DType | None,
        Doc("How biases are stored, of the types the target offers; its default where left out."),
    ] = None
    unsupported: Annotated[
        Unsupported,
        Doc(
            "An operator the target cannot run on integers runs in float (`cpu`) or is an error "
            "(`error`)."
        ),
    ] = Unsupported.CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRule:
    """Another precision for some nodes; exactly one way of selecting them.

    Rules that name nodes win over rules that name operator types, and those over subgraphs.
    Of two rules of one kind, the later wins.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    nodes: Annotated[
        tuple[str, ...], Doc("Selects nodes by name; `*` stands for any characters.")
    ] = ()
    op_types: Annotated[tuple[str, ...], Doc("Selects nodes by operator type.")] = ()
    start: Annotated[
        tuple[str, ...],
        Doc("Selects the subgraph behind these tensors; `DEFAULT` alone is the whole graph."),
    ] = ()
    end: Annotated[
        tuple[str, ...], Doc("Where the subgraph of `start` ends; empty runs to the outputs.")
    ] = ()
    input_dtype: Annotated[DType | None, Doc("Type in which the nodes read their activations.")] = (
        None
    )
    output_dtype: Annotated[DType | None, Doc("Type in which the nodes store their outputs.")] = (
        None
    )
    weight_dtype: Annotated[DType | None, Doc("Type in which their weights are stored.")] = None
    method: Annotated[str | None, Doc("Range method of their outputs.")] = None
    percentile: Annotated[
        float | None,
        Gt(0.5),
        Le(1.0),
        Doc("Percentile of their outputs, with the method `percentile`."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangePin:
    """Parameters of one tensor given by hand, either `scale` (and `zero_point`) or `min` and `max`.

    A list gives one number per channel, for weights that are stored per channel.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    tensor: Annotated[str, Doc("Name of the tensor.")]
    scale: Annotated[float | tuple[float, ...] | None, Doc("Scale, > 0.")] = None
    zero_point: Annotated[
        int | tuple[int, ...] | None, Doc("Zero point, with `scale`; 0 where left out.")
    ] = None
    min: Annotated[float | tuple[float, ...] | None, Doc("Lower end of the range.")] = None
    max: Annotated[float | tuple[float, ...] | None, Doc("Upper end of the range.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedPrecisionOptions:
    """Where precision differs from the target's default."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    rules: Annotated[
        tuple[PrecisionRule, ...], Doc("Rules by node, operator type or subgraph.")
    ] = ()
    pins: Annotated[tuple[RangePin, ...], Doc("Parameters given by hand.")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What the artifact is called."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Stem of the files written; the model's own where left out.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """One comparison and what it tolerates."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    metric: Annotated[
        Metric, Doc("`cosine` similarity, `allclose` within `rtol` and `atol`, or `exact`.")
    ] = Metric.COSINE
    min_cosine: Annotated[float, Gt(0), Le(1), Doc("Smallest cosine similarity that passes.")] = 0.9
    rtol: Annotated[float, Ge(0), Doc("For `allclose`: relative tolerance.")] = 1e-2
    atol: Annotated[float, Ge(0), Doc("For `allclose`: absolute tolerance, in real units.")] = 1e-3


def _default_qdq() -> CompareOptions:
    return CompareOptions(min_cosine=0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What the last stage compares, on calibration samples, and what fails the build."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    enabled: Annotated[bool, Doc("False writes the artifact unchecked, and says so.")] = True
    samples: Annotated[int, Ge(1), Doc("Samples compared.")] = 4
    scope: Annotated[
        Scope,
        Doc("Compare float with the model `outputs`, or with every stored tensor (`layers`)."),
    ] = Scope.OUTPUTS
    exclude: Annotated[
        tuple[str, ...], Doc("Regular expressions of tensor names that are not compared.")
    ] = ()
    float_reference: Annotated[
        CompareOptions, Doc("Float model against the integer reference, end to end.")
    ] = CompareOptions()
    qdq_reference: Annotated[
        CompareOptions,
        Doc("QDQ model in onnxruntime against the integer reference, layer by layer."),
    ] = field(default_factory=_default_qdq)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """One build for one target, all overlays applied, all paths absolute.

    Attributes:
        target_options: The target's own record, of the type its `TargetDef` names.
    """

    model: str
    output: str
    target: str
    platform: str
    input: tuple[InputOptions, ...]
    optimize: OptimizeOptions
    calibration: CalibrationOptions
    evaluation: EvaluationOptions | None
    quantize: QuantizeOptions
    mixed_precision: MixedPrecisionOptions
    compile: CompileOptions
    check: CheckOptions
    target_options: Any
