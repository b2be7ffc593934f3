"""What the artifact is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from toolchain.core.options.doc import STRICT, Doc


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What the artifact is called."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Stem of the files written; the model's own where left out.")
    ] = None
