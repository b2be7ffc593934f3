"""Names that users type, held against those that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from toolchain.core.suggest import did_you_mean, listing
from toolchain.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolchain.core.target import TargetDef
    from toolchain.plugin.manager import PluginManager

T = TypeVar("T")


def choose_targets(names: Iterable[str], manager: PluginManager) -> tuple[TargetDef, ...]:
    """The targets called `names`.

    Raises:
        ConfigError: As `choose`.
        PluginError: A target is missing because its plugin is broken.
    """
    asked = tuple(names)
    manager.require_targets(asked)
    return choose(asked, manager.targets(), "target")


def choose(names: Iterable[str], known: Mapping[str, T], what: str) -> tuple[T, ...]:
    """What `known` holds under `names`, in their order and each once.

    Args:
        names: What the user typed.
        known: Everything there is.
        what: The word for one of them, such as "target".

    Raises:
        ConfigError: UNKNOWN_NAME, one problem for every name that is not known.
    """
    asked = tuple(dict.fromkeys(names))
    problems = [_unknown(name, known, what) for name in asked if name not in known]
    if problems:
        raise ConfigError.of(problems)
    return tuple(known[name] for name in asked)


def _unknown(name: str, known: Iterable[str], what: str) -> Problem:
    names = sorted(known)
    return Problem(
        code=Code.UNKNOWN_NAME,
        message=f"There is no {what} `{name}`",
        allowed=listing(names),
        hint=did_you_mean(name, names),
    )
