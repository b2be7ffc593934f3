"""What a model wants to be fed, and the shapes it is built for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType
from toolchain.core.samples import InputSpec
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, ConfigError, ModelError, Problem
from toolchain.graph.read import read_proto
from toolchain.graph.tensors import dtype_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from toolchain.core.options import InputOptions

_SHAPE_HINT = "set `shape` of this input in the config, batch first"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """One input as the model declares it.

    Attributes:
        name: Its name.
        dtype: numpy name of the element type it is fed in; float32 for 16-bit floats.
        shape: Dimensions, None for a dynamic one; None where not even the rank is declared.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


def model_inputs(path: Path) -> tuple[ModelInput, ...]:
    """Inputs of a model in its order, initializers left out; nothing else is looked at.

    Raises ModelError where the file is no model, or an input is no tensor of a known type.
    """
    import onnx_ir as ir

    proto = read_proto(path)
    constants = {tensor.name for tensor in proto.graph.initializer}
    infos = [info for info in proto.graph.input if info.name not in constants]
    return describe([ir.serde.deserialize_value_info_proto(info, None) for info in infos])


def input_specs(path: Path, inputs: Sequence[InputOptions]) -> tuple[InputSpec, ...]:
    """Static inputs of a model as samples are fed to it, overrides of `inputs` applied.

    Raises as `model_inputs`, `shape_overrides` and `static_shapes`.
    """
    found = model_inputs(path)
    shapes = static_shapes(found, shape_overrides(found, inputs))
    return tuple(InputSpec(name=i.name, dtype=i.dtype, shape=shapes[i.name]) for i in found)


def describe(values: Sequence[ir.Value]) -> tuple[ModelInput, ...]:
    """The records of graph inputs; ModelError lists those that are no tensors of a known type."""
    problems: list[Problem] = []
    found: list[ModelInput] = []
    for value in values:
        dtype = _fed_type(value)
        if dtype is None:
            problems.append(
                Problem(
                    code=Code.MODEL_INVALID,
                    message="A model input has a type that cannot be fed",
                    where=f"input {value.name!r}",
                    got=str(value.type),
                    allowed="tensors of integers, floats or bool",
                )
            )
            continue
        dims = None if value.shape is None else tuple(value.shape)
        shape = (
            None
            if dims is None
            else tuple(d if isinstance(d, int) and d > 0 else None for d in dims)
        )
        found.append(ModelInput(name=value.name or "", dtype=dtype.value, shape=shape))
    if problems:
        raise ModelError.of(problems)
    return tuple(found)


def _fed_type(value: ir.Value) -> DType | None:
    """The type in which an input is fed: 16-bit floats become float32 when the model is read."""
    if value.dtype is not None and value.dtype.name in ("FLOAT16", "BFLOAT16"):
        return DType.FLOAT32
    return dtype_of(value.dtype)


def shape_overrides(
    found: Sequence[ModelInput], inputs: Sequence[InputOptions]
) -> dict[str, tuple[int, ...]]:
    """Shapes that `inputs` set, by input name; options without a name belong to the only input.

    Raises ConfigError where a name is missing and there are several inputs.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    problems = []
    for index, options in enumerate(inputs):
        if options.name is None and len(found) != 1:
            problems.append(
                Problem(
                    code=Code.BAD_VALUE,
                    message="The model has several inputs; say which one is meant",
                    where=f"input[{index}].name",
                    got="no name",
                    allowed=", ".join(item.name for item in found),
                )
            )
        elif options.shape is not None:
            shapes[options.name or found[0].name] = options.shape
    if problems:
        raise ConfigError.of(problems)
    return shapes


def static_shapes(
    found: Sequence[ModelInput], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The shape each input is built for: what `shapes` says, a dynamic batch (axis 0) becoming 1.

    Raises ConfigError (UNKNOWN_NAME, BAD_VALUE) where `shapes` names no input or contradicts a
    fixed dimension, and ModelError (DYNAMIC_DIMENSION) that lists what stays open.
    """
    problems = [*_unknown_names(found, shapes), *_contradictions(found, shapes)]
    if problems:
        raise ConfigError.of(problems)
    open_dims = [item for item in found if item.name not in shapes and _is_open(item)]
    if open_dims:
        raise ModelError.of(
            Problem(
                code=Code.DYNAMIC_DIMENSION,
                message="A model input has dynamic dimensions besides its batch",
                where=f"input {item.name!r}",
                got="no shape" if item.shape is None else _text(item.shape),
                hint=_SHAPE_HINT,
            )
            for item in open_dims
        )
    return {item.name: shapes.get(item.name) or batch_of_one(item) for item in found}


def _unknown_names(
    found: Sequence[ModelInput], shapes: Mapping[str, tuple[int, ...]]
) -> list[Problem]:
    names = [item.name for item in found]
    return [
        Problem(
            code=Code.UNKNOWN_NAME,
            message="The model has no such input",
            where="input.name",
            got=name,
            allowed=", ".join(names),
            hint=did_you_mean(name, names),
        )
        for name in shapes
        if name not in names
    ]


def _contradictions(
    found: Sequence[ModelInput], shapes: Mapping[str, tuple[int, ...]]
) -> list[Problem]:
    problems = []
    for item in found:
        given = shapes.get(item.name)
        if given is None:
            continue
        declared = (None,) * len(given) if item.shape is None else item.shape
        fits = len(declared) == len(given) and all(
            want in (None, got) for want, got in zip(declared, given, strict=True)
        )
        if not fits or min(given, default=1) < 1:
            problems.append(
                Problem(
                    code=Code.BAD_VALUE,
                    message="The shape does not fit the model's input",
                    where=f"input {item.name!r}: shape",
                    got=_text(given),
                    allowed=_text(declared),
                    hint="`surgery.input_shapes` builds the model for another shape",
                )
            )
    return problems


def _is_open(item: ModelInput) -> bool:
    return item.shape is None or None in item.shape[1:]


def batch_of_one(item: ModelInput) -> tuple[int, ...]:
    """The shape of an input of known rank, every dimension that is open being 1."""
    return tuple(1 if dim is None else dim for dim in item.shape or ())


def _text(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"
