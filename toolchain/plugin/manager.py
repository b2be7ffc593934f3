"""Finds plugins, checks what they return, and says who provides what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

import pluggy

from toolchain.core.registry import (
    AlgorithmDef,
    CostModelDef,
    DataReaderDef,
    MetricDef,
    PassDef,
    PreprocessorDef,
    RangeMethodDef,
)
from toolchain.core.target import TargetDef
from toolchain.errors import Code, PluginError, Problem
from toolchain.plugin import specs
from toolchain.plugin.declared import said
from toolchain.plugin.facts import fact_findings
from toolchain.plugin.guard import Guard
from toolchain.plugin.markers import ENTRY_POINTS, PROJECT
from toolchain.plugin.runners import RunnerDef
from toolchain.plugin.speaking import plugin_code

Record = TypeVar("Record")

COLLECTING: Mapping[str, type[Any]] = MappingProxyType(
    {
        "tc_targets": TargetDef,
        "tc_range_methods": RangeMethodDef,
        "tc_algorithms": AlgorithmDef,
        "tc_data_readers": DataReaderDef,
        "tc_preprocessors": PreprocessorDef,
        "tc_passes": PassDef,
        "tc_metrics": MetricDef,
        "tc_runners": RunnerDef,
        "tc_cost_models": CostModelDef,
    }
)
"""Collecting hooks and the record each returns."""

_MOST_RECORDS = 1000
"""Records that one plugin may return for one hook: a generator may have no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """One plugin as `tc plugins` shows it.

    Attributes:
        name: Name of its entry point.
        distribution: Distribution that installed it.
        version: Version of the distribution.
        provides: "hook: name" for every record, and the stage hooks it answers.
        error: Why it could not be imported, else None.
    """

    name: str
    distribution: str
    version: str
    provides: tuple[str, ...] = ()
    error: str | None = None

    @property
    def provider(self) -> str:
        """The plugin as messages name it: with distribution and version."""
        return f"{self.name} ({self.distribution} {self.version})"

    def problem(self) -> Problem:
        """Why the plugin could not be imported."""
        return Problem(
            code=Code.PLUGIN_IMPORT,
            message=f"Plugin `{self.name}` cannot be imported",
            where=self.provider,
            got=self.error,
            hint="install what it needs, or uninstall it",
        )


class PluginManager:
    """All plugins of one run; no global state."""

    def __init__(self, plugins: Iterable[tuple[PluginRow, object]]) -> None:
        """Register `plugins` in the order given.

        Raises:
            PluginError: A hook that does not exist or an argument that it does not have, or two
                plugins of one name.
        """
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(specs)
        self._rows: dict[str, PluginRow] = {}
        for row, module in plugins:
            if row.name in self._rows:
                raise self._same_name(row)
            self._rows[row.name] = row
            if row.error is None:
                self._register(row, module)
        self._records: dict[str, dict[str, tuple[str, Any]]] = {}

    @classmethod
    def load(cls) -> PluginManager:
        """All plugins installed under the entry-point group, in the order of their names.

        One that cannot be imported is kept as a row with its error, so that the others still work.
        """
        found = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
        return cls(_load(point) for point in found)

    def describe(self) -> tuple[PluginRow, ...]:
        """All plugins, with what they provide or why they are broken."""
        rows = []
        for name, row in self._rows.items():
            provides = [
                f"{hook.removeprefix('tc_')}: {record}"
                for hook in COLLECTING
                for record, (owner, _) in self._collected(hook).items()
                if owner == name
            ]
            plugin = self._pluggy.get_plugin(name)
            if plugin is not None:
                callers = self._pluggy.get_hookcallers(plugin) or []
                provides += sorted(c.name for c in callers if c.name not in COLLECTING)
            rows.append(replace(row, provides=tuple(provides)))
        return tuple(rows)

    def names(self) -> tuple[str, ...]:
        """Names of the plugins that could be imported, in order of registration."""
        return tuple(name for name, row in self._rows.items() if row.error is None)

    def module(self, name: str) -> object:
        """The module or object that was registered under `name`."""
        return self._pluggy.get_plugin(name)

    def version(self, name: str) -> str:
        """Version of the distribution that installed a plugin."""
        return self._rows[name].version

    def broken(self) -> tuple[PluginRow, ...]:
        """Plugins that could not be imported."""
        return tuple(row for row in self._rows.values() if row.error is not None)

    def targets(self) -> Mapping[str, TargetDef]:
        """Targets by name."""
        return self._by_name("tc_targets", TargetDef)

    def range_methods(self) -> Mapping[str, RangeMethodDef]:
        """Range methods by name."""
        return self._by_name("tc_range_methods", RangeMethodDef)

    def algorithms(self) -> Mapping[str, AlgorithmDef]:
        """Algorithms by name."""
        return self._by_name("tc_algorithms", AlgorithmDef)

    def data_readers(self) -> Mapping[str, DataReaderDef]:
        """Data readers by name, in the order in which they are asked."""
        return self._by_name("tc_data_readers", DataReaderDef)

    def preprocessors(self) -> Mapping[str, PreprocessorDef]:
        """Preprocessors by name."""
        return self._by_name("tc_preprocessors", PreprocessorDef)

    def passes(self) -> tuple[PassDef, ...]:
        """Passes in the order in which they run."""
        found = self._by_name("tc_passes", PassDef).values()
        return tuple(sorted(found, key=lambda each: each.phase))

    def metrics(self) -> Mapping[str, MetricDef]:
        """Metrics by name."""
        return self._by_name("tc_metrics", MetricDef)

    def runners(self) -> Mapping[str, RunnerDef]:
        """Runners by name."""
        return self._by_name("tc_runners", RunnerDef)

    def runners_of(self, target: str) -> Mapping[str, RunnerDef]:
        """Runners of a target's artifacts by name."""
        return {name: one for name, one in self.runners().items() if one.executes(target)}

    def cost_models(self) -> Mapping[str, CostModelDef]:
        """Cost models by name."""
        return self._by_name("tc_cost_models", CostModelDef)

    def cost_model(self, target: str, platform: str) -> CostModelDef | None:
        """The first cost model of a chip, None where there is none."""
        models = self.cost_models().values()
        of_chip = (m for m in models if m.target == target and platform in m.platforms)
        return next(of_chip, None)

    def owner(self, hook: str, name: str) -> str:
        """Name of the plugin that provides the record `name` of a collecting hook."""
        return self._collected(hook)[name][0]

    def providers(self) -> tuple[str, ...]:
        """Names of the plugins that provide records other than targets."""
        owners = {
            owner
            for hook in COLLECTING
            if hook != "tc_targets"
            for owner, _ in self._collected(hook).values()
        }
        return tuple(name for name in self._rows if name in owners)

    def provider(self, plugin: str) -> str:
        """A plugin as error messages name it: with distribution and version."""
        return self._rows[plugin].provider

    def guard(self, plugin: str) -> Guard:
        """What runs the code of a plugin."""
        own = self._rows[plugin].distribution == PROJECT
        return Guard(provider=self.provider(plugin), own=own)

    def caller(self, hook: str, plugin: str) -> pluggy.HookCaller:
        """`hook` as this plugin alone answers it."""
        module = self._pluggy.get_plugin(plugin)
        others = [other for other in self._pluggy.get_plugins() if other is not module]
        return self._pluggy.subset_hook_caller(hook, others)

    def implements(self, plugin: str, hook: str) -> bool:
        """True if `plugin` answers `hook`."""
        module = self._pluggy.get_plugin(plugin)
        callers = self._pluggy.get_hookcallers(module) or ()
        return any(caller.name == hook for caller in callers)

    def require_targets(self, names: Iterable[str]) -> None:
        """Make sure that no target asked for is missing because its plugin is broken.

        Raises:
            PluginError: PLUGIN_IMPORT for every target whose plugin, which has its name, could not
                be imported.
        """
        asked = set(names) - set(self.targets())
        problems = [row.problem() for row in self.broken() if row.name in asked]
        if problems:
            raise PluginError.of(problems)

    def _same_name(self, row: PluginRow) -> PluginError:
        return PluginError(
            Code.PLUGIN_CONFLICT,
            f"Two plugins are called `{row.name}`",
            where=ENTRY_POINTS,
            got=f"{self.provider(row.name)} and {row.provider}",
            hint="uninstall one of them",
        )

    def _by_name(self, hook: str, kind: type[Record]) -> Mapping[str, Record]:
        records = self._collected(hook)
        return {name: record for name, (_, record) in records.items() if isinstance(record, kind)}

    def _collected(self, hook: str) -> dict[str, tuple[str, Any]]:
        """Records of a collecting hook; asked once, and only when somebody needs them.

        Raises:
            PluginError: A plugin that raised or returned something else, or two of one name.
        """
        if hook not in self._records:
            self._records[hook] = self._collect(hook, COLLECTING[hook])
        return self._records[hook]

    def _register(self, row: PluginRow, module: object) -> None:
        try:
            self._pluggy.register(module, name=row.name)
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(
                Code.PLUGIN_UNKNOWN_HOOK,
                "The plugin implements a hook or takes an argument that does not exist",
                where=self.provider(row.name),
                got=str(error).splitlines()[-1],
                hint="compare the spelling with docs/reference/hooks.md",
            ) from error

    def _collect(self, hook: str, kind: type[Any]) -> dict[str, tuple[str, Any]]:
        """Records of all plugins by name, each with its owner."""
        found: dict[str, tuple[str, Any]] = {}
        problems: list[Problem] = []
        for name in self._rows:
            for record in self._ask(hook, name, kind):
                label = record.spec.name if isinstance(record, TargetDef) else record.name
                if label in found:
                    problems.append(
                        Problem(
                            code=Code.PLUGIN_CONFLICT,
                            message=f"Two plugins provide `{label}`",
                            where=hook,
                            got=f"{self.provider(found[label][0])} and {self.provider(name)}",
                            hint="uninstall one of them",
                        )
                    )
                found.setdefault(label, (name, record))
        if problems:
            raise PluginError.of(problems)
        return found

    def _ask(self, hook: str, name: str, kind: type[Any]) -> list[Any]:
        """What one plugin returns for a collecting hook, checked."""
        guard, caller = self.guard(name), self.caller(hook, name)
        place = f"hook {hook}"
        records: list[Any] = []
        for answer in guard.call(place, caller):
            if not isinstance(answer, Iterable):
                raise guard.bad_return(place, answer, f"a list of {kind.__name__}")
            # A generator runs here, and may raise only now, or never end.
            records += guard.call(place, partial(list, islice(answer, _MOST_RECORDS + 1)))
        if len(records) > _MOST_RECORDS:
            raise guard.bad_return(place, len(records), f"at most {_MOST_RECORDS} records")
        for record in records:
            if not isinstance(record, kind):
                raise guard.bad_return(place, record, kind.__name__)
            guard.check(place, record, kind)
            if isinstance(record, TargetDef) and not guard.own:
                guard.refuse(place, fact_findings(record))
        return [guard.guarded(record) for record in records]


def _load(point: EntryPoint) -> tuple[PluginRow, object]:
    distribution = point.dist
    row = PluginRow(
        name=point.name,
        distribution="unknown" if distribution is None else distribution.name,
        version="unknown" if distribution is None else distribution.version,
    )
    try:
        with plugin_code():
            return row, point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - must not stop the other plugins
        return replace(row, error=said(error)), None
