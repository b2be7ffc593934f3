"""What a finished target leaves in the output folder: its files, reports and manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolchain.config.dump import dump
from toolchain.config.resolve import ResolvedConfig
from toolchain.core.options import EvaluationOptions
from toolchain.core.reports import FileRow
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.digests import library_versions
from toolchain.pipeline.integrity import file_digest
from toolchain.pipeline.workspace import FAILED, MANIFEST
from toolchain.render.jsonout import dumps


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTexts:
    """The report of a build.

    Attributes:
        text: To read, in Markdown.
        page: The same as HTML, with pictures.
        machine: What a model of the machine says of the compiled model; None where there is none.
    """

    text: str
    page: str
    machine: Mapping[str, object] | None


def publish(
    context: BuildContext, state: BuildState, resolved: ResolvedConfig, report: ReportTexts
) -> tuple[FileRow, ...]:
    """Put the state's files, the reports and the manifest into the target's folder, all or nothing.

    All bytes but those of `config.json` follow from the bytes that went in: no path, no time and no
    number of threads is among them. A failed check goes to `TARGET.failed` and leaves an earlier
    result alone.
    """
    passed = state.check_report is None or state.check_report.passed
    target = context.options.target
    name = target if passed else f"{target}{FAILED}"
    with context.workspace.scratch() as folder:
        files = dict(state.files)
        for file, (content, what) in {
            "report.md": (report.text, "report to read"),
            "report.html": (report.page, "the same with pictures, for a browser"),
            "report.json": (_report(state, report.machine), "report to process"),
            "config.json": (dump(resolved), "resolved config with the origin of every value"),
        }.items():
            # Names in files of others may hold what UTF-8 cannot say.
            (folder / file).write_text(content, encoding="utf-8", errors="backslashreplace")
            files[file] = (folder / file, what)
        manifest = folder / MANIFEST
        manifest.write_text(_manifest(context, state, files), encoding="utf-8")
        files[MANIFEST] = (manifest, "digests, versions and provenance")
        sources = {file: path for file, (path, _) in files.items()}
        published = context.workspace.publish(name, sources)
    if passed:
        context.workspace.discard(f"{target}{FAILED}")
    return tuple(
        FileRow(path=published[file], what=what, size_bytes=published[file].stat().st_size)
        for file, (_, what) in files.items()
    )


def _report(state: BuildState, machine: Mapping[str, object] | None) -> str:
    reports = {
        "optimize": state.optimize_report,
        "calibration": state.calibration_report,
        "quantize": state.quant_report,
        "effects": state.effects,
        "cost": state.cost_report,
        "check": state.check_report,
        "accuracy": state.accuracy_report,
    }
    return dumps(reports if machine is None else {**reports, "machine": machine}) + "\n"


def _manifest(context: BuildContext, state: BuildState, files: dict[str, tuple[Path, str]]) -> str:
    options = context.options
    evaluation = options.evaluation
    manifest = {
        "format": 1,
        "toolchain": version("toolchain"),
        "target": options.target,
        "platform": options.platform,
        "model": {"name": context.original.path.name, "sha256": context.original.digest},
        "options": {
            **_settings(options, "model", "output", "calibration", "evaluation"),
            "analysis": _settings(options.analysis, "data"),
        },
        "calibration": {
            **_settings(options.calibration, "data", "threads"),
            "sha256": "" if state.samples is None else state.samples.digest,
        },
        "evaluation": None if evaluation is None else _evaluation(evaluation),
        "plugins": {name: context.manager.version(name) for name in context.hooks.plugins},
        "source": context.source,
        "versions": library_versions(),
        "files": {
            name: {"sha256": file_digest(path), "what": what}
            for name, (path, what) in files.items()
            if name != "config.json"
        },
        "diagnostics": state.diagnostics,
    }
    return dumps(manifest) + "\n"


def _evaluation(options: EvaluationOptions) -> dict[str, object]:
    """The settings of the evaluation; of a metric in a Python file, without its folder."""
    kept = _settings(options, "data", "labels")
    return {**kept, "metric": Path(options.metric).name}


def _settings(record: Any, *without: str) -> dict[str, object]:
    """The options of a record, without those that hold paths or cannot change a result."""
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}
