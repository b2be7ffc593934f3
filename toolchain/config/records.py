"""The shape of a config file: which sections stand where.

The sections themselves are the option records of `toolchain.core.options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import Annotated, Any, ClassVar, Literal

from toolchain.core.options import (
    STRICT,
    CalibrationOptions,
    CheckOptions,
    CompileOptions,
    Doc,
    EvaluationOptions,
    InputOptions,
    MixedPrecisionOptions,
    OptimizeOptions,
    QuantizeOptions,
    SurgeryOptions,
)
from toolchain.core.target import TargetDef

_PLATFORM = Doc("Chip of the family; the target's first where left out.")
_OPTIONS = Doc("Options of the target's own.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionsConfig:
    """Sections that a target may overlay."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    surgery: Annotated[
        SurgeryOptions, Doc("What is changed in the model before anything else.")
    ] = field(default_factory=SurgeryOptions)
    optimize: Annotated[OptimizeOptions, Doc("How the float graph is simplified.")] = field(
        default_factory=OptimizeOptions
    )
    quantize: Annotated[QuantizeOptions, Doc("How ranges become parameters.")] = field(
        default_factory=QuantizeOptions
    )
    mixed_precision: Annotated[
        MixedPrecisionOptions, Doc("Where precision differs from the target's default.")
    ] = field(default_factory=MixedPrecisionOptions)
    compile: Annotated[CompileOptions, Doc("How the artifact is written.")] = field(
        default_factory=CompileOptions
    )
    check: Annotated[CheckOptions, Doc("What the last stage compares.")] = field(
        default_factory=CheckOptions
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConfig(SectionsConfig):
    """A config file without its `target` tables."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    model: Annotated[str, Doc("The float ONNX model; `.xz` is unpacked.")]
    output: Annotated[
        str | None,
        Doc("Folder of all that is written; `build/` and the config's own name where left out."),
    ] = None
    targets: Annotated[tuple[str, ...], Doc("Targets built for where `--target` names none.")] = ()
    input: Annotated[
        tuple[InputOptions, ...], Doc("How the model inputs are fed, one table each.")
    ] = ()
    calibration: Annotated[CalibrationOptions, Doc("Which samples the statistics come from.")]
    evaluation: Annotated[
        EvaluationOptions | None, Doc("Labelled samples, to say what quantization cost.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig(SectionsConfig):
    """The table `[target.NAME]` of a target that is not known."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    platform: Annotated[str | None, _PLATFORM] = None
    options: Annotated[Mapping[str, Any], _OPTIONS] = field(default_factory=dict)


def target_record(definition: TargetDef) -> type[Any]:
    """The record of `[target.NAME]` for an installed target: its platforms and its options."""
    names = tuple(platform.name for platform in definition.spec.platforms)
    platform: Any = Annotated[Literal[names], _PLATFORM]
    options: Any = Annotated[definition.options, _OPTIONS]
    return make_dataclass(
        "TargetConfig",
        [
            ("platform", platform, names[0]),
            ("options", options, field(default_factory=definition.options)),
        ],
        bases=(SectionsConfig,),
        frozen=True,
        kw_only=True,
        namespace={
            "__doc__": f"The table `[target.{definition.spec.name}]`.",
            "__pydantic_config__": STRICT,
        },
    )
