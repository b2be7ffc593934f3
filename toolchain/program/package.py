"""What every target hands over, whatever its runtime: the QDQ model and the integer program."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from toolchain.program.serialize import save_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolchain.program.records import Program


def write_basics(
    model: Path, program: Program, folder: Path, *, name: str, model_name: str
) -> dict[str, str]:
    """Write the QDQ model as `model_name`, its external weights, and the integer program.

    External weights keep their name, which is written in the model.

    Args:
        model: The QDQ model; its external weights lie beside it as `MODEL.*`.
        program: The integer program.
        folder: Where the files go.
        name: Stem of the program's files.
        model_name: File name of the model.

    Returns:
        The files written, each with what it is.
    """
    shutil.copyfile(model, folder / model_name)
    files = {model_name: "QDQ model"}
    for path in sorted(model.parent.glob(f"{model.name}.*")):
        shutil.copyfile(path, folder / path.name)
        files[path.name] = f"external weights of {model_name}"
    body, weights = save_program(program, folder, name)
    return files | {body: "integer program", weights: "weights of the integer program"}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write what goes beside the model as JSON, the same bytes for the same content."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
