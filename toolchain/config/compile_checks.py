"""What contradicts itself in the section `compile`, and what a target would not honour of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from toolchain.config.dotted import Path
from toolchain.core.options import MACHINE_OPTIONS, CompileOptions
from toolchain.errors import Problem


def compile_problems(
    options: CompileOptions, problem: Callable[[Path, str], Problem]
) -> Iterator[Problem]:
    """Batches both given and derived, what stands twice, and entries without effect.

    `problem` makes one of a path and a message.
    """
    sizes = options.static_batch_sizes
    if sizes and options.max_dynamic_batch_size:
        path: Path = ("compile", "max_dynamic_batch_size")
        yield problem(
            path,
            "`static_batch_sizes` lists the batches, `max_dynamic_batch_size` lets them be "
            "found: only one of both can be given",
        )
    for size in dict.fromkeys(size for size in sizes if sizes.count(size) > 1):
        yield problem(("compile", "static_batch_sizes"), f"Batch {size} stands here twice")
    if options.disable_ir_fix and not options.several_samples:
        message = "`disable_ir_fix` has no effect: no batch of more than one sample is asked for"
        yield problem(("compile", "disable_ir_fix"), message)
    for index, sub in enumerate(options.sub_configs):
        own = (field.name for field in fields(sub) if field.name not in ("start", "end"))
        if all(getattr(sub, name) is None for name in own):
            yield problem(("compile", "sub_configs", index), "The subgraph gets no option")
        both = sorted(set(sub.start) & set(sub.end))
        if both:
            path = ("compile", "sub_configs", index, "end")
            yield problem(path, f"The subgraph starts and ends at `{both[0]}`")
    for index, group in enumerate(options.groups):
        first = options.groups.index(group)
        if first < index:
            path = ("compile", "groups", index)
            yield problem(path, f"The shapes of this group stand in `compile.groups.{first}`, too")


def unheard_options(options: CompileOptions, honoured: frozenset[str]) -> tuple[str, ...]:
    """Options for machines that are set, and that a target with `honoured` ones ignores."""
    default = CompileOptions()
    return tuple(
        name
        for name in MACHINE_OPTIONS
        if name not in honoured and getattr(options, name) != getattr(default, name)
    )
