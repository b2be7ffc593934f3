"""`tc plugins`: what is installed and what it provides."""

from __future__ import annotations

from toolchain.cli.output import Format, FormatOption, Output


def plugins(form: FormatOption = Format.TEXT) -> None:
    """List installed plugins and what they provide."""
    from toolchain.plugin.manager import PluginManager
    from toolchain.render.figures import plural
    from toolchain.render.listings import plugins as plugin_table

    rows = PluginManager.load().describe()
    output = Output(form)
    output.tables((plugin_table(rows),))
    failed = sum(row.error is not None for row in rows)
    broken = f", {failed} not loaded" if failed else ""
    output.answer({"plugins": rows}, plural(len(rows), "plugin") + broken)
