"""Options of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from toolchain.core.options.doc import Doc


@dataclass(frozen=True, slots=True, kw_only=True)
class RiscvOptions:
    """Options of `[target.riscv.options]`."""

    binary: Annotated[
        bool,
        Doc("Compile the C sources for RISC-V with vectors; needs `pip install toolchain[riscv]`."),
    ] = True
