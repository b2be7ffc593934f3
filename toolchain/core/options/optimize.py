"""How the float graph is simplified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from toolchain.core.options.doc import STRICT, Doc


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeOptions:
    """How the float graph is simplified, and how that is proved harmless."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    enabled: Annotated[
        bool, Doc("False leaves out all passes; shapes are still fixed and the opset converted.")
    ] = True
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
