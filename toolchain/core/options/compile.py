"""How the artifact is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from toolchain.core.options.doc import STRICT, Doc
from toolchain.core.options.processors import InputProcessor, OutputProcessor


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """How the artifact is written."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Stem of the files written; the model's own where left out.")
    ] = None
    sources: Annotated[
        bool,
        Doc(
            "Write the integer program as C sources, too, with what builds them; runners of native "
            "code need them."
        ),
    ] = True
    workers: Annotated[
        int,
        Ge(1),
        Le(64),
        Doc(
            "Parts into which kernels of the C program divide their work for the `parallel_for` of "
            "their caller; each needs scratch memory of its own."
        ),
    ] = 1
    opset: Annotated[
        int | None,
        Ge(13),
        Le(24),
        Doc(
            "ONNX opset of the QDQ model that is handed out, for runtimes that take no newer one; "
            "24 where left out."
        ),
    ] = None
    input_processors: Annotated[
        tuple[InputProcessor, ...],
        Doc("Preprocessing that the compiled model does itself, one entry for each such input."),
    ] = ()
    output_processors: Annotated[
        tuple[OutputProcessor, ...],
        Doc("How the compiled model hands out outputs, one entry for each that is changed."),
    ] = ()
