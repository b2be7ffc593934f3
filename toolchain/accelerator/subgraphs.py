"""Which operations of a program the entries of `compile.sub_configs` are for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, CompileError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolchain.core.options import SubConfig
    from toolchain.program.records import Operation, Program


def subgraphs(program: Program, configs: Sequence[SubConfig]) -> tuple[frozenset[str], ...]:
    """Names of the operations of every entry, none of them in two.

    An entry has the operations that its `start` tensors reach without passing beyond its `end`
    tensors. Tensors are named as in the QDQ model: the integers of `v`, `v/quantized`, are meant
    by `v`, too.

    Raises:
        CompileError: NO_MATCH for tensors that the program has not (what an operation absorbed is
            none) and for ends that are not reached; CONTRADICTION for operations in two entries.
    """
    problems: list[Problem] = []
    found: list[frozenset[str]] = []
    for index, config in enumerate(configs):
        where = f"compile.sub_configs.{index}"
        start = _tensors(program, config.start, f"{where}.start", problems)
        end = _tensors(program, config.end, f"{where}.end", problems)
        reached = _between(program.operations, start, end)
        if start and end:
            problems += _unreached(program, config, reached, f"{where}.end")
        for earlier, others in enumerate(found):
            problems += _shared(reached & others, earlier, where)
        found.append(reached)
    if problems:
        raise CompileError.of(problems)
    return tuple(found)


def _tensors(
    program: Program, names: Iterable[str], where: str, problems: list[Problem]
) -> frozenset[str]:
    """The tensors of these names, with their integers; notes those that there are not."""
    found: set[str] = set()
    for name in names:
        known = {name, f"{name}/quantized"} & set(program.tensors)
        found |= known
        if not known:
            problems.append(
                Problem(
                    code=Code.NO_MATCH,
                    message="The program has no tensor of this name",
                    where=where,
                    got=name,
                    hint=did_you_mean(name, program.tensors)
                    or "it may have been absorbed by the operation that writes it",
                )
            )
    return frozenset(found)


def _between(
    operations: Sequence[Operation], start: frozenset[str], end: frozenset[str]
) -> frozenset[str]:
    """Operations that read what `start` reaches; nothing is reached through `end`."""
    reached = set(start - end)
    names: set[str] = set()
    for op in operations:
        if reached.intersection(op.inputs):
            names.add(op.name)
            reached.update(name for name in op.outputs if name not in end)
    return frozenset(names)


def _unreached(
    program: Program, config: SubConfig, reached: frozenset[str], where: str
) -> Iterator[Problem]:
    writers: defaultdict[str, set[str]] = defaultdict(set)
    for op in program.operations:
        for name in op.outputs:
            writers[name].add(op.name)
    for name in config.end:
        integers = f"{name}/quantized"
        by = writers[name] | writers[integers]
        known = name in program.tensors or integers in program.tensors
        if known and not by & reached:
            yield Problem(
                code=Code.NO_MATCH,
                message="The subgraph does not reach the tensor that it ends with",
                where=where,
                got=name,
                allowed=f"a tensor behind {', '.join(config.start)}",
            )


def _shared(names: frozenset[str], earlier: int, where: str) -> Iterator[Problem]:
    for name in sorted(names)[:1]:
        yield Problem(
            code=Code.CONTRADICTION,
            message=f"An operation lies in `compile.sub_configs.{earlier}`, too",
            where=where,
            got=name,
        )
