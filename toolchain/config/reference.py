"""The reference page of all options, docs/reference/config.md."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_jsonable_python

from toolchain.config.fields import REQUIRED, Field, fields_of
from toolchain.config.records import FileConfig, TargetConfig
from toolchain.config.schema import own_fields

_INTRODUCTION = """\
# Build config

<!-- Generated from toolchain/core/options/; a test compares. -->

A config is a TOML, JSON (`//` and `/* */` comments and trailing commas allowed) or YAML file. All
formats say the same and are equally strict: an unknown key, a value of the wrong type, a date, an
infinite number or a key that stands twice is an error, and all errors are reported together.

Who wins: defaults < file < `[target.NAME]` < command line. Tables merge key by key, lists are
replaced whole.

- `--set quantize.method=mse` sets one option for all targets, with `target.NAME.` in front for one;
  `target.NAME.OPTION` is short for `target.NAME.options.OPTION`.
  The value is TOML, or plain text where it is not. Lists are counted from 0:
  `--set input.0.resize=256`. Of two settings of the same option the later wins.
- File names (`model`, `output`, `calibration.data`, `evaluation.data`, `evaluation.labels`,
  `check.data`, the file of a function in `input.*.preprocess`) are relative to the config file.
  `${VAR}` is taken from the environment, `~` is the home folder, and `file.npz:key` names one array
  of a file.
- An option that could have no effect beside the others is an error (`percentile` with
  `method = "mse"`), unless a target or the command line has switched away from what it belongs to.
- The resolved config, with the origin of every value, is written beside the output.
"""


def reference() -> str:
    """Markdown of every option: type, default and text, section by section."""
    top = [field for field in fields_of(FileConfig) if field.record is None]
    parts = [_INTRODUCTION, "## Top level\n", _table(top)]
    order = ("input", "optimize", "calibration", "evaluation")
    sections = {field.name: field for field in fields_of(FileConfig) if field.record is not None}
    for name in (*order, *(key for key in sections if key not in order)):
        parts += _section(sections[name], name)
    parts.append("## `[target.NAME]`\n")
    parts.append(
        "Settings of one target. Beside these, every section but `input`, `calibration` and\n"
        "`evaluation` may stand here, as in `[target.NAME.quantize]`.\n"
    )
    parts.append(_table(own_fields(TargetConfig)))
    return "\n".join(parts)


def _section(field: Field, path: str) -> Iterator[str]:
    record: Any = field.record
    instance = field.default if isinstance(field.default, record) else None
    fields = fields_of(record, instance)
    header = f"[[{path}]]" if field.repeated else f"[{path}]"
    depth = "#" * (2 + path.count("."))
    optional = " May be left out." if field.default is None else ""
    yield f"{depth} `{header}`\n"
    yield f"{inspect.getdoc(record)}{optional}\n"
    plain = [item for item in fields if item.record is None]
    if plain:
        yield _table(plain)
    for item in fields:
        if item.record is not None:
            yield from _section(item, f"{path}.{item.name}")


def _table(fields: list[Field] | tuple[Field, ...]) -> str:
    rows = ["| option | type | default | |", "|---|---|---|---|"]
    rows += [
        f"| `{field.name}` | {field.type_text} | {_default_text(field)} | {field.doc} |"
        for field in fields
    ]
    return "\n".join(rows) + "\n"


def _default_text(field: Field) -> str:
    if field.default is REQUIRED:
        return "required"
    if field.default is None:
        return ""
    return f"`{json.dumps(to_jsonable_python(field.default))}`"
