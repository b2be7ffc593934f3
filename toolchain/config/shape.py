"""One config file against the records of its sections and of the installed targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from toolchain.config.checks import contradictions, idle_options
from toolchain.config.compile_checks import unheard_options
from toolchain.config.records import FileConfig, SectionsConfig, target_record
from toolchain.config.settings import (
    DEFAULT_ORIGIN,
    Layer,
    Setting,
    Tree,
    merge,
    place,
    plain,
    tree_of,
    without,
)
from toolchain.config.validate import Validator
from toolchain.core.options import BuildOptions
from toolchain.core.suggest import did_you_mean, listing
from toolchain.core.target import TargetDef
from toolchain.errors import Code, PluginError, Problem

SECTIONS = tuple(field.name for field in dataclasses.fields(SectionsConfig))
"""What a target may overlay."""

SHARED = tuple(
    field.name
    for field in dataclasses.fields(FileConfig)
    if field.name not in (*SECTIONS, "targets")
)
"""What all targets of a file have in common."""

_OWN = ("platform", "options")


class ConfigShape:
    """Validates the trees of one config file, whole and merged for one target."""

    def __init__(self, file: str, targets: Mapping[str, TargetDef]) -> None:
        """`file` is named in problems; `targets` are the installed ones by name."""
        self._file = file
        self._targets = targets
        self._config = Validator(FileConfig)
        self._tables: dict[str, Validator] = {}

    def problems(self, tree: Tree) -> Iterator[Problem]:
        """What does not fit the records, of the shared sections and every overlay."""
        shared = {key: item for key, item in tree.items() if key != "target"}
        yield from self._config.problems(plain(shared), lambda path: place(tree, path, self._file))
        tables = tree.get("target", {})
        if not isinstance(tables, dict):
            yield self._no_table(tree, ("target",))
            return
        for name, table in tables.items():
            path = ("target", name)
            if name not in self._targets:
                yield self._unknown_target(name, place(tree, path, self._file))
            elif not isinstance(table, dict):
                yield self._no_table(tree, path)
            else:
                yield from self._table(name).problems(
                    plain(table), lambda inner: place(tree, inner, self._file), path
                )

    def choice_problems(self, chosen: Tree | None) -> list[Problem]:
        """What is wrong with the choice of targets; one of the wrong type was reported before."""
        if chosen is not None and not (
            isinstance(chosen, Setting) and isinstance(chosen.value, list)
        ):
            return []
        names = [] if chosen is None else chosen.value
        where = f"targets in {self._file if chosen is None else chosen.origin}"
        if not names:
            return [
                Problem(
                    code=Code.MISSING_KEY,
                    message="No target is chosen",
                    where=where,
                    allowed=listing(self._targets),
                    hint="name one with --target, or set `targets` in the config",
                )
            ]
        unknown = (name for name in names if isinstance(name, str) and name not in self._targets)
        return [self._unknown_target(name, where) for name in dict.fromkeys(unknown)]

    def merged(self, tree: Tree, name: str) -> Tree:
        """Defaults, shared settings and the overlay of target `name`, each over the one before.

        `platform` and `options` of the target stand beside the sections.
        """
        return merge(self._defaults(name), _set_for(tree, name))

    def settled(self, tree: Tree, name: str) -> Tree:
        """As `merged`, but options that have no effect are back at their defaults."""
        idle = idle_options(self._record(self.merged(tree, name)))
        kept = without(_set_for(tree, name), {option.path for option in idle})
        return merge(self._defaults(name), kept)

    def contradictions(self, merged: Tree) -> list[Problem]:
        """Settings of a merged tree that contradict each other."""
        return contradictions(self._record(merged), merged, self._file)

    def unheard(self, merged: Tree, name: str) -> list[Problem]:
        """Options that target `name` does not honour, and that are set for it."""
        config, spec = self._record(merged), self._targets[name].spec
        return [
            Problem(
                code=Code.NO_EFFECT,
                message=f"Target `{name}` does not compile for a machine with `compile.{option}`",
                where=place(merged, ("compile", option), self._file),
                allowed=listing(sorted(spec.machine_options)) if spec.machine_options else None,
                hint="set it in `[target.NAME.compile]` of a target that does, or leave it out",
            )
            for option in unheard_options(config.compile, spec.machine_options)
        ]

    def build(self, merged: Tree, name: str) -> BuildOptions:
        """The record of one build."""
        config = self._record(merged)
        own = self._table(name).record_of({key: plain(merged[key]) for key in _OWN})
        return BuildOptions(
            model=config.model,
            output=str(config.output),
            target=name,
            platform=own.platform,
            input=config.input,
            surgery=config.surgery,
            optimize=config.optimize,
            calibration=config.calibration,
            evaluation=config.evaluation,
            quantize=config.quantize,
            mixed_precision=config.mixed_precision,
            compile=config.compile,
            check=config.check,
            analysis=config.analysis,
            target_options=own.options,
        )

    def values(self, merged: Tree, name: str) -> dict[str, Any]:
        """All values that have an effect, defaults included, as lists and dicts."""
        config, own = self._record(merged), self._table(name)
        table = own.plain(own.record_of({key: plain(merged[key]) for key in _OWN}))
        values = {**self._config.plain(config), **{key: table[key] for key in _OWN}}
        kept: dict[str, Any] = without(values, {option.path for option in idle_options(config)})
        return kept

    def _record(self, merged: Tree) -> FileConfig:
        sections = {key: plain(item) for key, item in merged.items() if key not in _OWN}
        record: FileConfig = self._config.record_of(sections)
        return record

    def _table(self, name: str) -> Validator:
        if name not in self._tables:
            self._tables[name] = Validator(target_record(self._targets[name]))
        return self._tables[name]

    def _defaults(self, name: str) -> Tree:
        validator = self._table(name)
        try:
            defaults = validator.plain(validator.record())
        except TypeError as error:
            raise PluginError(
                Code.PLUGIN_OPTIONS,
                "An option of a target has no default",
                where=f"target {name}",
                got=error,
            ) from error
        return tree_of(
            defaults, lambda path, value: Setting(value, path, DEFAULT_ORIGIN, Layer.DEFAULT)
        )

    def _unknown_target(self, name: str, where: str) -> Problem:
        return Problem(
            code=Code.UNKNOWN_NAME,
            message=f"Target `{name}` is not installed",
            where=where,
            allowed=listing(self._targets),
            hint=did_you_mean(name, self._targets),
        )

    def _no_table(self, tree: Tree, path: tuple[str, ...]) -> Problem:
        return Problem(
            code=Code.WRONG_TYPE,
            message=f"`{'.'.join(path)}` is not a table",
            where=place(tree, path, self._file),
            allowed="a table",
        )


def _set_for(tree: Tree, name: str) -> Tree:
    shared = {key: item for key, item in tree.items() if key not in ("target", "targets")}
    return merge(shared, tree.get("target", {}).get(name, {}))
