"""From a config file and flags to one record per build, with the origin of every value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from toolchain.config.dotted import Path, format_path, leaves_of
from toolchain.config.loading import RawConfig
from toolchain.config.overrides import Override, apply_overrides, origin_of
from toolchain.config.paths import PathRules, expand_paths
from toolchain.config.settings import DEFAULT_ORIGIN, Layer, Setting, Tree, find, tree_of
from toolchain.config.shape import SECTIONS, SHARED, ConfigShape
from toolchain.core.options import BuildOptions
from toolchain.core.target import TargetDef
from toolchain.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedConfig:
    """What is built.

    Attributes:
        builds: One per selected target, in the order selected; all share one `output` folder.
        origins: Dotted path of every leaf of `values` to `default`, a file (and line) or a flag.
        values: All values that have an effect, defaults included, as a config that says the same:
            what targets share stands at the top, what they may overlay under `target.NAME`.
    """

    builds: tuple[BuildOptions, ...]
    origins: Mapping[str, str]
    values: Mapping[str, Any]


def resolve(
    raw: RawConfig,
    overrides: Sequence[Override],
    targets: Mapping[str, TargetDef],
    selected: Sequence[str] | None = None,
) -> ResolvedConfig:
    """Merge defaults, file, overlays of targets and overrides, each over the one before.

    Tables merge key by key, lists are replaced whole. Every overlay of the file is validated, those
    of targets that are not selected too. Without `selected` the config's own `targets` are built.

    Raises ConfigError with all problems together: first those of single settings, and where there
    are none, all contradictions, then all that a target does not honour. Raises PluginError for a
    target whose options are no record.
    """
    shape = ConfigShape(str(raw.path), targets)
    overrides = [_written_out(override, targets) for override in overrides]
    edited, problems = apply_overrides(raw.values, overrides)
    tree, unresolved = _located(edited, raw, overrides)
    chosen: Tree | None = tree.get("targets")
    if selected is not None:
        chosen = Setting(list(selected), ("targets",), "--target", Layer.OVERRIDE)
    _raise([*problems, *unresolved, *shape.problems(tree), *shape.choice_problems(chosen)])
    names = tuple(dict.fromkeys(chosen.value)) if chosen is not None else ()
    everyone = dict.fromkeys((*names, *tree.get("target", {})))
    found = [shape.contradictions(shape.merged(tree, name)) for name in everyone]
    _raise([problem for problems_of_one in found for problem in problems_of_one])
    _raise([p for name in names for p in shape.unheard(shape.merged(tree, name), name)])
    merged = {name: shape.settled(tree, name) for name in names}
    values: dict[str, Any] = {"targets": list(names), "target": {}}
    origins = {"targets": chosen.origin if chosen is not None else DEFAULT_ORIGIN}
    for name in names:
        own = shape.values(merged[name], name)
        values |= {key: own[key] for key in SHARED}
        values["target"][name] = {key: own[key] for key in ("platform", "options", *SECTIONS)}
        origins |= _origins({key: own[key] for key in SHARED}, merged[name], ())
        origins |= _origins(values["target"][name], merged[name], ("target", name))
    builds = tuple(shape.build(merged[name], name) for name in names)
    return ResolvedConfig(builds=builds, origins=origins, values=values)


def _written_out(override: Override, targets: Mapping[str, TargetDef]) -> Override:
    """`target.NAME.OPTION`, short for `target.NAME.options.OPTION`, in full."""
    match override.path:
        case ("target", str(name), str(key), *rest) if name in targets:
            record = targets[name].options
            own = {field.name for field in fields(record)} if is_dataclass(record) else set()
            if key in own - {*SECTIONS, "platform", "options"}:
                return replace(override, path=("target", name, "options", key, *rest))
    return override


def _located(
    values: Mapping[str, Any], raw: RawConfig, overrides: Sequence[Override]
) -> tuple[Tree, list[Problem]]:
    """The tree of all that was set, file names absolute."""

    def setting(path: Path, value: Any) -> Setting:
        flag = origin_of(path, overrides)
        if flag is not None:
            return Setting(value, path, flag, Layer.OVERRIDE)
        layer = Layer.OVERLAY if path[0] == "target" else Layer.FILE
        origin = raw.origins.get(format_path(path), str(raw.path))
        return Setting(value, path, origin, layer)

    tree = tree_of(values, setting)
    if values.get("output") is None:
        output = f"build/{raw.path.stem}"
        tree["output"] = Setting(output, ("output",), DEFAULT_ORIGIN, Layer.DEFAULT)
    rules = PathRules(folder=raw.path.absolute().parent, environment=os.environ)
    return expand_paths(tree, rules)


def _origins(values: Mapping[str, Any], merged: Tree, prefix: Path) -> dict[str, str]:
    origins: dict[str, str] = {}
    for path, _ in leaves_of(values):
        setting = find(merged, path)
        origin = setting.origin if isinstance(setting, Setting) else DEFAULT_ORIGIN
        origins[format_path((*prefix, *path))] = origin
    return origins


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise ConfigError.of(dict.fromkeys(problems))
