"""The commented config that `tc config init MODEL.onnx` writes."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pydantic_core import to_jsonable_python

from toolchain.config.fields import REQUIRED, Field, fields_of
from toolchain.config.records import FileConfig, TargetConfig
from toolchain.config.schema import own_fields
from toolchain.config.shape import SECTIONS
from toolchain.core.options import (
    CalibrationOptions,
    EvaluationOptions,
    InputOptions,
)

_WIDTH = 98
_IMAGE_NOTE = """\
The input looks like an image. `resize = 256` with `crop = [224, 224]` keeps the aspect and cuts
the centre; `resize = [224, 224]` stretches. The model is fed (pixel - mean) / std, pixels 0..255:
left out: raw pixels; mean = [0.0], std = [255.0]: 0..1; mean = [127.5], std = [127.5]: -1..1;
mean = [123.675, 116.28, 103.53], std = [58.395, 57.12, 57.375]: the usual ImageNet numbers."""


class ModelInput(Protocol):
    """What the template needs to know of a model input; `ValueView` has it."""

    @property
    def name(self) -> str:
        """Name of the input."""
        ...

    @property
    def dtype(self) -> str | None:
        """Element type, None where unknown."""
        ...

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """Dimensions, batch first, None for those that are free; None where the rank is unknown."""
        ...


def template(model_name: str, inputs: Sequence[ModelInput], target_names: Sequence[str]) -> str:
    """A TOML config for a model: what is known filled in, every other option as a comment.

    `model_name` is written as it is, relative to where the config will stand. The text is a valid
    config once calibration samples are in the folder it names.
    """
    top = {"model": model_name, "targets": list(target_names)}
    lines = [
        "# Build config. Options behind a # are at their defaults; <...> stands for a type.",
        "",
    ]
    lines += _options([item for item in fields_of(FileConfig) if item.record is None], top)
    for model_input in inputs:
        lines += ["", "", *_input_table(model_input)]
    data = (
        "samples"
        if len(inputs) < 2
        else {item.name: f"samples/{i}.npy" for i, item in enumerate(inputs)}
    )
    sections = {field.name: field for field in fields_of(FileConfig) if field.record is not None}
    lines += ["", "", "[calibration]", *_options(fields_of(CalibrationOptions), {"data": data})]
    lines += ["", "", "#[evaluation]", *_options(fields_of(EvaluationOptions), {})]
    for name in SECTIONS:
        lines += ["", *_section(sections[name], name)]
    for name in target_names:
        key = _key(name)
        lines += ["", "", f"[target.{key}]", *_options(own_fields(TargetConfig)[:1], {})]
        lines += ["", f"#[target.{key}.options]", f"#[target.{key}.quantize]"]
    return "\n".join(lines) + "\n"


def _input_table(model_input: ModelInput) -> Iterator[str]:
    known: dict[str, Any] = {"name": model_input.name}
    shape = model_input.shape
    yield f"# {_shape_note(model_input)}"
    if shape is not None:
        # A free batch is 1; other free dimensions are the user's to choose.
        batched = [1, *shape[1:]] if shape and shape[0] is None else list(shape)
        if all(batched):
            known["shape"] = batched
    image = _image_options(shape)
    if image:
        yield from (f"# {line}" for line in _IMAGE_NOTE.splitlines())
    yield "[[input]]"
    yield from _options(fields_of(InputOptions), known | image)


def _image_options(shape: tuple[int | None, ...] | None) -> dict[str, Any]:
    """Settings for inputs of shape (N, 3 or 1, H, W) and (N, H, W, 3 or 1), else none."""
    if shape is None or len(shape) != 4:
        return {}
    if shape[1] in (1, 3):
        channels, size = shape[1], shape[2:]
        options: dict[str, Any] = {}
    elif shape[3] in (1, 3):
        channels, size = shape[3], shape[1:3]
        options = {"layout": "nhwc"}
    else:
        return {}
    if None not in size:
        options["resize"] = list(size)
    return options | {"color": "gray" if channels == 1 else "rgb"}


def _shape_note(model_input: ModelInput) -> str:
    shape = model_input.shape
    dims = (
        "of unknown rank"
        if shape is None
        else ", ".join("?" if d is None else str(d) for d in shape)
    )
    return f"{_toml(model_input.name)}: {model_input.dtype or 'unknown type'} [{dims}]"


def _section(field: Field, path: str) -> Iterator[str]:
    record: Any = field.record
    instance = field.default if isinstance(field.default, record) else None
    fields = fields_of(record, instance)
    yield ""
    yield f"# {field.doc}"
    # Tables of a list have no place among the options of their section.
    yield f"#[[{path}]]" if field.repeated else f"[{path}]"
    yield from _options([item for item in fields if item.record is None], {})
    for item in fields:
        if item.record is not None:
            yield from _section(item, f"{path}.{item.name}")


def _options(fields: Sequence[Field], known: Mapping[str, Any]) -> Iterator[str]:
    """Text and value of each option; a comment unless `known`."""
    for field in fields:
        yield from (f"# {line}" for line in textwrap.wrap(field.doc, _WIDTH))
        if field.name in known:
            yield f"{field.name} = {_toml(known[field.name])}"
        elif field.default is REQUIRED or field.default is None:
            yield f"#{field.name} = <{field.type_text}>"
        else:
            yield f"#{field.name} = {_toml(to_jsonable_python(field.default))}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # JSON's texts, numbers and booleans are TOML's, but for the one control character it leaves.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else _toml(name)
