"""What the last stage compares, and what fails the build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from toolchain.core.options.doc import STRICT, Doc


class Scope(StrEnum):
    """Which tensors a check compares."""

    OUTPUTS = "outputs"
    LAYERS = "layers"


class Metric(StrEnum):
    """How two tensors are compared."""

    COSINE = "cosine"
    ALLCLOSE = "allclose"
    EXACT = "exact"


class CompiledLevel(StrEnum):
    """How much a compiled form has to agree with the reference."""

    NONE = "none"
    CLOSE = "close"
    EQUAL = "equal"
    COSINE = "cosine"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCheckOptions:
    """Compiled forms against the integer reference."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    level: Annotated[
        CompiledLevel,
        Doc(
            "`equal` to the bit, `close` within `rtol` and `atol`, of a `cosine` similarity of at "
            "least `min_cosine`, or `none`: nothing is executed."
        ),
    ] = CompiledLevel.EQUAL
    scope: Annotated[
        Scope, Doc("Compare the model `outputs`, or every tensor that an operation writes.")
    ] = Scope.LAYERS
    rtol: Annotated[float, Ge(0), Doc("For `close`: relative tolerance.")] = 1e-5
    atol: Annotated[float, Ge(0), Doc("For `close`: absolute tolerance, in real units.")] = 0.0
    min_cosine: Annotated[
        float, Gt(0), Le(1), Doc("For `cosine`: smallest similarity that passes.")
    ] = 0.999
    exclude: Annotated[
        tuple[str, ...],
        Doc("Regular expressions of names of the program's tensors that are not compared."),
    ] = ()

    @property
    def demand(self) -> str:
        """What is asked of compiled forms, in words."""
        match self.level:
            case CompiledLevel.CLOSE:
                return f"close, rtol {self.rtol:g} and atol {self.atol:g}"
            case CompiledLevel.COSINE:
                return f"cosine, at least {self.min_cosine:g}"
            case _:
                return str(self.level)


def _default_qdq() -> CompareOptions:
    return CompareOptions(min_cosine=0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What the last stage compares, on which samples, and what fails the build."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    enabled: Annotated[bool, Doc("False writes the artifact unchecked, and says so.")] = True
    data: Annotated[
        str | Mapping[str, str] | None,
        Doc("Samples to compare on, as in `calibration.data`; those themselves where left out."),
    ] = None
    samples: Annotated[int, Ge(1), Doc("Samples compared.")] = 4
    scope: Annotated[
        Scope,
        Doc("Compare float with the model `outputs`, or with every stored tensor (`layers`)."),
    ] = Scope.OUTPUTS
    runners: Annotated[
        tuple[str, ...] | None,
        Doc(
            "Compiled forms that are executed and compared with the reference; all that the "
            "target has where left out, none where empty."
        ),
    ] = None
    emulated_samples: Annotated[
        int, Ge(1), Doc("Samples of these for forms that run in an emulator or a simulator.")
    ] = 1
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
    compiled: Annotated[
        CompiledCheckOptions, Doc("Compiled forms against the integer reference.")
    ] = CompiledCheckOptions()
