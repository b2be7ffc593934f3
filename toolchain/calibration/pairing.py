"""Which samples of several inputs belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolchain.core.options import Pair
from toolchain.core.registry import SourceKind
from toolchain.errors import Code, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """The samples of one input.

    Attributes:
        where: The source, for errors.
        kind: How its samples are told apart.
        names: What they are called, in order.
    """

    where: str
    kind: SourceKind
    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Samples of all inputs.

    Attributes:
        names: What each is called: as in the first source that is no list of one line.
        indices: For every input, which of its samples belongs to each.
    """

    names: tuple[str, ...]
    indices: tuple[Sequence[int], ...]


def paired(sources: Sequence[NamedSource], pair: Pair) -> Pairing:
    """Bring the samples of all inputs together.

    A list of one line stands for all samples of the others. Under AUTO, folders and archives whose
    file names (without what they end with) agree are paired by name, everything else by order.

    Raises:
        DataError: DATA_MISMATCH for different counts, and for names that agree only in part: then
            order would pair what does not belong together.
    """
    single = [source.kind is SourceKind.LIST and len(source.names) == 1 for source in sources]
    if all(single):
        single = [False] * len(sources)
    free = [source for source, alone in zip(sources, single, strict=True) if not alone]
    chosen = _by_name(free, pair) if len(free) > 1 and pair is not Pair.ORDER else None
    if chosen is None:
        _require_equal(free)
        chosen = [range(len(free[0].names))] * len(free)
    rest = iter(chosen)
    count = len(free[0].names)
    return Pairing(
        names=tuple(free[0].names),
        indices=tuple([0] * count if alone else next(rest) for alone in single),
    )


def _by_name(sources: Sequence[NamedSource], pair: Pair) -> list[Sequence[int]] | None:
    """Indices by name; None where the names say nothing and need not."""
    if pair is Pair.AUTO and any(source.kind is not SourceKind.FILES for source in sources):
        return None
    for part in (_stem, _base):
        keys = [[part(name) for name in source.names] for source in sources]
        sets = [set(names) for names in keys]
        unique = all(len(a) == len(b) for a, b in zip(keys, sets, strict=True))
        if unique and all(names == sets[0] for names in sets):
            places = [{name: index for index, name in enumerate(names)} for names in keys]
            return [[place[name] for name in keys[0]] for place in places]
    if pair is Pair.NAME or set.intersection(*sets):
        raise _disagreement(sources, _base)
    return None


def _disagreement(sources: Sequence[NamedSource], part: Callable[[str], str]) -> DataError:
    first = {part(name) for name in sources[0].names}
    lonely: list[str] = []
    for source in sources[1:]:
        other = {part(name) for name in source.names}
        lonely += [f"{name} only in {sources[0].where}" for name in sorted(first - other)]
        lonely += [f"{name} only in {source.where}" for name in sorted(other - first)]
    more = f" and {len(lonely) - _SHOWN} more" if len(lonely) > _SHOWN else ""
    return DataError(
        Code.DATA_MISMATCH,
        "The file names of the inputs do not agree",
        where="calibration.data",
        got=", ".join(lonely[:_SHOWN]) + more or "names that occur twice",
        allowed="the same file names for every input",
        hint='set pair = "order" if they belong together in the order of their names',
    )


def _require_equal(sources: Sequence[NamedSource]) -> None:
    if len({len(source.names) for source in sources}) > 1:
        found = (f"{len(source.names)} in {source.where}" for source in sources)
        raise DataError(
            Code.DATA_MISMATCH,
            "The inputs have different numbers of samples",
            where="calibration.data",
            got=", ".join(found),
            allowed="as many samples for every input, or a list of one line that stands for all",
        )


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _base(name: str) -> str:
    return PurePosixPath(name).stem
