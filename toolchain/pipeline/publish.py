"""What a finished target leaves in the output folder: its files, reports and manifest."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

from toolchain.config.dump import dump
from toolchain.config.resolve import ResolvedConfig
from toolchain.core.options import BuildOptions
from toolchain.core.reports import FileRow
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.digests import canonical, file_digest, library_versions

MANIFEST = "manifest.json"
_PATHS = frozenset({"model", "output", "calibration", "evaluation"})
"""Options that hold absolute paths; the manifest names what was read by digest instead."""


def publish(
    context: BuildContext, state: BuildState, resolved: ResolvedConfig, *, page: str
) -> tuple[FileRow, ...]:
    """Put the state's files, the reports and the manifest into the target's folder, all or nothing.

    `page` is the report to read, in Markdown.
    A failed check goes to `TARGET.failed` and leaves an earlier result alone.
    """
    passed = state.check_report is None or state.check_report.passed
    target = context.options.target
    name = target if passed else f"{target}.failed"
    with context.workspace.scratch() as folder:
        files = dict(state.files)
        for file, (text, what) in {
            "report.md": (page, "report to read"),
            "report.json": (_report(state), "report to process"),
            "config.json": (dump(resolved), "resolved config with the origin of every value"),
        }.items():
            (folder / file).write_text(text, encoding="utf-8")
            files[file] = (folder / file, what)
        manifest = folder / MANIFEST
        manifest.write_text(_manifest(context, state, files), encoding="utf-8")
        files[MANIFEST] = (manifest, "digests, versions and provenance")
        sources = {file: path for file, (path, _) in files.items()}
        published = context.workspace.publish(name, sources, last=MANIFEST)
    if passed:
        context.workspace.discard(f"{target}.failed")
    return tuple(
        FileRow(path=published[file], what=what, size_bytes=published[file].stat().st_size)
        for file, (_, what) in files.items()
    )


def _report(state: BuildState) -> str:
    reports = {
        "optimize": state.optimize_report,
        "calibration": state.calibration_report,
        "quantize": state.quant_report,
        "effects": state.effects,
        "check": state.check_report,
        "accuracy": state.accuracy_report,
    }
    return _pretty(reports)


def _manifest(
    context: BuildContext, state: BuildState, files: dict[str, tuple[Path, str]]
) -> str:
    options: BuildOptions = context.options
    settings = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in _PATHS}
    return _pretty(
        {
            "format": 1,
            "toolchain": version("toolchain"),
            "target": options.target,
            "platform": options.platform,
            "model": {"name": Path(options.model).name, "sha256": context.model},
            "options": settings,
            "calibration": {
                f.name: getattr(options.calibration, f.name)
                for f in fields(options.calibration)
                if f.name not in ("data", "threads")
            },
            "plugins": {name: context.manager.version(name) for name in context.hooks.plugins},
            "source": context.source,
            "versions": library_versions(),
            "stages": state.keys,
            "files": {
                name: {"sha256": file_digest(path), "what": what}
                for name, (path, what) in files.items()
                if name != "config.json"
            },
            "diagnostics": state.diagnostics,
        }
    )


def _pretty(value: object) -> str:
    return json.dumps(json.loads(canonical(value)), indent=1, sort_keys=True) + "\n"
