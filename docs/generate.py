"""Writes every generated page of docs/reference again: `python docs/generate.py`."""

from __future__ import annotations

import json
from pathlib import Path

from toolchain.config.reference import reference
from toolchain.config.schema import json_schema
from toolchain.plugin.manager import PluginManager
from toolchain.render.reference import write_pages

REFERENCE = Path(__file__).parent / "reference"


def main() -> None:
    """Write the pages beside this file."""
    write_pages(REFERENCE, PluginManager.load().targets().values())
    (REFERENCE / "config.md").write_text(reference(), encoding="utf-8")
    schema = json.dumps(json_schema(), indent=2) + "\n"
    (REFERENCE / "config.schema.json").write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    main()
