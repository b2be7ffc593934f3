"""How the artifact is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, MinLen

from toolchain.core.options.doc import STRICT, Doc
from toolchain.core.options.processors import InputProcessor, OutputProcessor

MACHINE_OPTIONS = (
    "static_batch_sizes",
    "max_dynamic_batch_size",
    "disable_ir_fix",
    "ddr_bw_limit",
    "slice_mode",
    "tile_mode",
    "search",
    "sub_configs",
    "groups",
)
"""Options of `CompileOptions` that only targets with a compiler for a machine can honour."""

KIT_OPTIONS = frozenset(MACHINE_OPTIONS)
"""Options that `compile_for_machine` honours: the `machine_options` of a target that uses it."""


class Search(StrEnum):
    """How long a compiler for a machine looks for a quicker program."""

    DEFAULT = "default"
    DEEP = "deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubConfig:
    """Other options for a subgraph, which is compiled on its own; what is left out stays."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    start: Annotated[
        tuple[str, ...], MinLen(1), Doc("Tensors of the QDQ model behind which the subgraph lies.")
    ]
    end: Annotated[tuple[str, ...], MinLen(1), Doc("Tensors that the subgraph ends with.")]
    ddr_bw_limit: Annotated[float | None, Gt(0), Doc("`compile.ddr_bw_limit` of the subgraph.")] = (
        None
    )
    slice_mode: Annotated[bool | None, Doc("`compile.slice_mode` of the subgraph.")] = None
    tile_mode: Annotated[bool | None, Doc("`compile.tile_mode` of the subgraph.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeGroup:
    """Other shapes of inputs that the artifact is compiled for as well, with the same weights."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    input_shapes: Annotated[
        Mapping[Annotated[str, MinLen(1)], tuple[Annotated[int, Ge(1)], ...]],
        MinLen(1),
        Doc("Shapes by input, batch first; inputs that are left out keep theirs."),
    ]


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
    static_batch_sizes: Annotated[
        tuple[Annotated[int, Ge(1), Le(1024)], ...],
        Doc(
            "Batch sizes that a machine's program is compiled for; the weights are stored once. "
            "Other batches run as several of these. Only batch 1 where left out."
        ),
    ] = ()
    max_dynamic_batch_size: Annotated[
        int,
        Ge(0),
        Le(1024),
        Doc(
            "Compile for the batch sizes 1, 2, 4 and so on up to this one, as long as the "
            "estimated time per sample falls; 0 is off."
        ),
    ] = 0
    disable_ir_fix: Annotated[
        bool,
        Doc(
            "Do not change the constants of Reshape operators for other batch sizes: one that "
            "names the batch is an error then."
        ),
    ] = False
    ddr_bw_limit: Annotated[
        float,
        Ge(0),
        Doc("DDR bandwidth in GB/s that compiling reckons with, below the machine's; 0: all."),
    ] = 0.0
    slice_mode: Annotated[
        bool,
        Doc(
            "Let slices of channels run through several layers where results do not fit on the "
            "chip; false: one layer at a time, with what lies between in the DDR."
        ),
    ] = True
    tile_mode: Annotated[
        bool,
        Doc(
            "Let tiles of rows run through several layers where results do not fit on the chip; "
            "false: one layer at a time, with what lies between in the DDR."
        ),
    ] = True
    search: Annotated[
        Search,
        Doc(
            "How long to look for a quicker program: `default` is a few tries, `deep` all tries "
            "with all plans for the on-chip memory."
        ),
    ] = Search.DEFAULT
    sub_configs: Annotated[
        tuple[SubConfig, ...], Doc("Other options for subgraphs between tensors.")
    ] = ()
    groups: Annotated[
        tuple[ShapeGroup, ...],
        Doc("Further shapes of inputs in the same artifact; `tc run --group` selects one."),
    ] = ()

    @property
    def several_samples(self) -> bool:
        """Whether programs for more than one sample at once are asked for."""
        return self.max_dynamic_batch_size > 1 or any(size > 1 for size in self.static_batch_sizes)
