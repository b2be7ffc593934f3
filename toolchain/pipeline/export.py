"""Published programs in the form that somebody else's build wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from toolchain.codegen.arduino import write_arduino
from toolchain.codegen.generate import Generated, generate
from toolchain.codegen.project import model_name, write_generated
from toolchain.core.reports import FileRow
from toolchain.errors import Code, ConfigError, SystemFailure
from toolchain.pipeline.published import open_published
from toolchain.program.serialize import load_program


class ExportForm(StrEnum):
    """What a program is exported as."""

    C = "c"
    ARDUINO = "arduino"


_WRITERS: Mapping[ExportForm, Callable[[Generated, Path, str], dict[str, str]]] = MappingProxyType(
    {ExportForm.C: write_generated, ExportForm.ARDUINO: write_arduino}
)


def export(
    folder: str | Path, destination: str | Path, *, form: str, workers: int = 1
) -> tuple[FileRow, ...]:
    """Write a published program as C sources, as `tc export` does.

    Args:
        folder: Folder of a target, as in build/NAME/riscv.
        destination: Folder to write, which must be empty or not exist.
        form: "c" (a project with Makefile and CMake file) or "arduino" (a library of the Arduino
            IDE, which is a component of ESP-IDF, too).
        workers: Parts into which kernels divide their work.

    Returns:
        The files, with what each is.

    Raises:
        ToolchainError: The error that `tc export` would show.
    """
    if form not in list(ExportForm):
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no form of this name",
            where="form",
            got=form,
            allowed=", ".join(ExportForm),
        )
    published = open_published(Path(folder))
    target = Path(destination)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SystemFailure(
            Code.NOT_WRITABLE,
            "Files are in the way",
            where=str(target),
            hint="choose an empty folder",
        )
    program = load_program(published.folder, published.program)
    stem = model_name(published.program)
    code = generate(program, name=stem, workers=workers)
    written = _WRITERS[ExportForm(form)](code, target, stem)
    return tuple(
        FileRow(path=target / name, what=what, size_bytes=(target / name).stat().st_size)
        for name, what in written.items()
    )
