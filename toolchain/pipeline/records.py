"""Records of finished stages as canonical JSON on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from toolchain.pipeline.digests import canonical
from toolchain.pipeline.integrity import damaged

Record = TypeVar("Record")


def write_record(path: Path, record: object) -> None:
    """Write a record, its nested records included, as canonical JSON."""
    path.write_text(canonical(record) + "\n", encoding="utf-8")


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read a record of type `kind` that `write_record` wrote.

    Raises:
        SystemFailure: The file is not what `write_record` writes, so the cache is damaged.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(kind).validate_python(found)
    except (OSError, ValueError, ValidationError) as error:
        raise damaged(path, error) from error
