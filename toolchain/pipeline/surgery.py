"""The model that all stages of a build work on: as given, or as the user's surgery leaves it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.core.options import SurgeryOptions
from toolchain.core.reports import SurgeryRow
from toolchain.graph.surgery import operate
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.integrity import file_digest
from toolchain.pipeline.records import read_record, write_record

NAME = "surgery"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeryRecord:
    """What was done to the model; it lies beside it in the cache."""

    digest: str
    rows: tuple[SurgeryRow, ...]


def with_surgery(context: BuildContext) -> tuple[BuildContext, tuple[SurgeryRow, ...]]:
    """The context with the changed model in place of the one given, and what was changed.

    From here on options name the changed model, so that samples, proof and check all see it.

    Raises:
        ConfigError, ModelError: As `toolchain.graph.surgery.operate`.
    """
    options = context.options
    surgery = options.surgery
    if surgery == SurgeryOptions():
        return context, ()
    stem = Path(options.model).name.split(".onnx")[0] or "model"
    model = f"{stem}.onnx"

    def work(folder: Path) -> None:
        source = Path(options.model)
        artifact, rows = operate(source, folder / model, options.input, surgery)
        write_record(folder / "report.json", SurgeryRecord(digest=artifact.digest, rows=rows))

    stored = context.cached_for_all(
        NAME, (context.model, stem, options.input, _keyed(surgery)), work
    )
    record = read_record(stored.folder / "report.json", SurgeryRecord)
    changed = replace(options, model=str(stored.folder / model), surgery=_keyed(surgery))
    return replace(context, options=changed, model=record.digest), record.rows


def _keyed(surgery: SurgeryOptions) -> SurgeryOptions:
    """The same with the digests of files in place of their names, for cache and manifest.

    A file that is missing has none; reading it says so.
    """
    constants = tuple(
        patch if patch.file is None else replace(patch, file=_digest(Path(patch.file)))
        for patch in surgery.constants
    )
    return replace(surgery, constants=constants)


def _digest(path: Path) -> str:
    return f"{path.suffix}:{file_digest(path)}" if path.is_file() else "missing"
