"""The list of all options and the JSON schema, made from the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python
from pydantic_core.core_schema import CoreSchema

from toolchain.config.fields import REQUIRED, Field, fields_of
from toolchain.config.records import FileConfig, TargetConfig, target_record
from toolchain.config.shape import SECTIONS
from toolchain.core.target import TargetDef

TARGETS_DOC = "Settings of single targets, by name; they win over the shared ones."


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One option.

    Attributes:
        path: Dotted path; `*` stands for an index in a list, or for the name of any target.
        type: Its type and limits in words.
        required: True if it has no default.
        default: Plain default value; None where required or not set.
        doc: Its text.
    """

    path: str
    type: str
    required: bool
    default: Any
    doc: str


def leaves(targets: Mapping[str, TargetDef] | None = None) -> tuple[Leaf, ...]:
    """Every option of a config, in the order of the reference.

    The sections that `target.NAME` may overlay are not repeated there; `platform` and `options` are
    those of every target in `targets`, or where that is None of any target.
    """
    return (
        *_leaves(fields_of(FileConfig), ""),
        *(
            leaf
            for name, record in _tables(targets).items()
            for leaf in _leaves(own_fields(record), f"target.{name}.")
        ),
    )


def own_fields(record: type[Any]) -> tuple[Field, ...]:
    """The fields of a target's table that are not overlays of shared sections."""
    return tuple(field for field in fields_of(record) if field.name not in SECTIONS)


def json_schema(targets: Mapping[str, TargetDef] | None = None) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of config files, for editors.

    With `targets` it knows their platforms and options and forbids others; with None it allows any.
    """
    tables = _tables(targets)
    records: dict[str, type[Any]] = {"": FileConfig, **tables}
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, "validation", TypeAdapter(record)) for name, record in records.items()],
        schema_generator=_Untitled,
        ref_template="#/$defs/{model}",
    )
    described = _Describer(definitions["$defs"])
    for name, record in records.items():
        described.add(schemas[name, "validation"], record)
    root = described.resolved(schemas["", "validation"])
    table: dict[str, Any] = {"type": "object", "description": TARGETS_DOC}
    references = {name: schemas[name, "validation"] for name in tables}
    if targets is None:
        table["additionalProperties"] = references["*"]
    else:
        table |= {"properties": references, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "Build config",
        "description": "What `tc build` reads; docs/reference/config.md says more.",
        "properties": {**root["properties"], "target": table},
        "$defs": definitions["$defs"],
    }


class _Untitled(GenerateJsonSchema):
    """Leaves out titles, which only repeat the keys."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:  # noqa: ARG002 - pydantic's
        """Never."""
        return False


class _Describer:
    """Writes texts and defaults of records into their schemas."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema itself where `schema` is a reference."""
        name = schema.get("$ref", "").removeprefix("#/$defs/")
        resolved: dict[str, Any] = self._definitions[name] if name else schema
        return resolved

    def add(self, schema: dict[str, Any], record: type[Any]) -> None:
        """Describe the schema of `record` and all inside it."""
        properties = self.resolved(schema)["properties"]
        for field in fields_of(record):
            entry = properties[field.name]
            if field.record is not None:
                self.add(_object_in(entry), field.record)
            entry["description"] = field.doc
            if field.default is not REQUIRED:
                entry["default"] = to_jsonable_python(field.default)


def _object_in(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the record in an option, which may be a list of it, or null as well."""
    if "items" in schema:
        return _object_in(schema["items"])
    if "anyOf" in schema:
        return next(_object_in(branch) for branch in schema["anyOf"] if "$ref" in branch)
    return schema


def _tables(targets: Mapping[str, TargetDef] | None) -> dict[str, type[Any]]:
    if targets is None:
        return {"*": TargetConfig}
    return {name: target_record(definition) for name, definition in targets.items()}


def _leaves(fields: tuple[Field, ...], prefix: str) -> Iterator[Leaf]:
    for field in fields:
        path = f"{prefix}{field.name}"
        if field.record is None:
            required = field.default is REQUIRED
            yield Leaf(
                path=path,
                type=field.type_text,
                required=required,
                default=None if required else to_jsonable_python(field.default),
                doc=field.doc,
            )
        elif field.repeated:
            yield from _leaves(fields_of(field.record), f"{path}.*.")
        else:
            # The defaults of a section are those of the record it is in.
            instance = field.default if isinstance(field.default, field.record) else None
            yield from _leaves(fields_of(field.record, instance), f"{path}.")
