"""The target's own options, and which of them a chip knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from toolchain.api import Code, TargetSpec
from toolchain.core.options.doc import Doc
from toolchain.errors import ConfigError


class NpuMode(StrEnum):
    """Cores of the NPU that a model is compiled for; no number of a virtual NPU."""

    NPU1 = "NPU1"
    NPU2 = "NPU2"
    NPU3 = "NPU3"
    NPU4 = "NPU4"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuOptions:
    """Options of `[target.npu.options]`."""

    npu_mode: Annotated[
        NpuMode,
        Doc("Cores that the model is compiled for, of those that the chip offers."),
    ] = NpuMode.NPU1


_ONE = (NpuMode.NPU1,)
_TWO = (NpuMode.NPU1, NpuMode.NPU2)
_THREE = (*_TWO, NpuMode.NPU3)

MODES: Mapping[str, tuple[NpuMode, ...]] = MappingProxyType(
    {
        "ax650": _THREE,
        "m76h": _THREE,
        "ax620e": _TWO,
        "ax630c": _TWO,
        "ax620q": _TWO,
        "ax615": _TWO,
        "ax637": _ONE,
        "m57": _ONE,
        "ax8860": (*_TWO, NpuMode.NPU4),
    }
)
"""Modes of every chip."""

HARDWARE: Mapping[str, str] = MappingProxyType(
    {name: name.upper() for name in MODES} | {"ax630c": "AX620E", "ax620q": "AX620E"}
)
"""What pulsar2 calls the chip (`target_hardware`)."""


def configure(spec: TargetSpec, options: NpuOptions) -> TargetSpec:
    """The facts of a chip with the machine of the mode.

    Raises:
        ConfigError: The chip has no such mode.
    """
    (chip,) = spec.platforms
    modes = MODES[chip.name]
    if options.npu_mode not in modes:
        raise ConfigError(
            Code.BAD_VALUE,
            f"`{chip.name}` has no mode {options.npu_mode}",
            where="target.npu.options.npu_mode",
            got=options.npu_mode,
            allowed=" or ".join(modes),
        )
    machine = chip.machines[modes.index(options.npu_mode)]
    return replace(spec, platforms=(replace(chip, machines=(machine,)),))
