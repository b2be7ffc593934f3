"""What a config asks for by name is held against the plugins before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolchain.core.lookup import unknown_name
from toolchain.core.options import BuildOptions
from toolchain.errors import ConfigError
from toolchain.pipeline.machines import require_machine
from toolchain.plugin.manager import PluginManager


def require_names(options: BuildOptions, manager: PluginManager) -> None:
    """Make sure that passes, range methods, algorithms and machines asked for exist.

    Raises:
        ConfigError: Names that no plugin provides; all of them.
    """
    if options.analysis.enabled:
        require_machine(options.analysis, manager, options.target)
    problems = [
        unknown_name(records, name, kind, where)
        for records, name, kind, where in _asked(options, manager)
        if name not in records
    ]
    if problems:
        raise ConfigError.of(problems)


def _asked(
    options: BuildOptions, manager: PluginManager
) -> Iterator[tuple[Mapping[str, object], str, str, str]]:
    """What there is, the name asked for, the kind in words and the option."""
    passes = {definition.name: definition for definition in manager.passes()}
    for name in options.optimize.skip:
        yield passes, name, "pass", "optimize.skip"
    methods = manager.range_methods()
    yield methods, options.quantize.method, "range method", "quantize.method"
    for number, rule in enumerate(options.mixed_precision.rules):
        if rule.method is not None:
            where = f"mixed_precision.rules[{number}].method"
            yield methods, rule.method, "range method", where
    for name in options.quantize.algorithms:
        yield manager.algorithms(), name, "algorithm", "quantize.algorithms"
