"""A finished model in an older opset, for runtimes that read no newer one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.core.options import OptimizeOptions
from toolchain.errors import Code, ModelError, Problem
from toolchain.graph.light import light_proto
from toolchain.graph.opset import convert_opset
from toolchain.graph.proof import compare
from toolchain.graph.save import IR_VERSION, read, save_model
from toolchain.graph.session import open_session, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    import onnx_ir as ir

    from toolchain.core.artifacts import ModelArtifact
    from toolchain.core.dtypes import Array

WHERE = "compile.opset"


def write_in_opset(
    source: Path, destination: Path, opset: int, feeds: Sequence[Mapping[str, Array]]
) -> ModelArtifact:
    """Write the model of `source` in `opset`, in the oldest file format that has it.

    onnx's converter does it where it can. It lacks many steps back, most of them for operators that
    only got more types or attributes: there the model is just said to be of the older opset, which
    must then have every operator with these attributes and inputs. Either way onnxruntime must open
    the result and compute what it did before, without its own rewrites, on all of `feeds`.

    Raises ModelError: UNKNOWN_OPSET for everything that the opset cannot express.
    """
    import onnx

    model = read(source)
    try:
        converted = convert_opset(model, opset)
    except ModelError:
        model.graph.opset_imports[""] = opset
        converted = model
    _check_schemas(converted, opset)
    oldest = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])
    artifact = save_model(converted, destination, ir_version=min(oldest, IR_VERSION))
    try:
        proof = compare(_outputs(source, feeds), _outputs(destination, feeds), OptimizeOptions())
        failures = "; ".join(proof.failures)
    except ModelError as error:
        failures = (error.problems[0].got or "").rpartition(" failed:")[2]
    if failures:
        raise ModelError(
            Code.UNKNOWN_OPSET,
            f"The QDQ model cannot be expressed in opset {opset}",
            where=WHERE,
            got=failures,
            hint="choose a newer opset",
        )
    return artifact


def _outputs(path: Path, feeds: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
    session = open_session(path, threads=1, optimize=False)
    return [run(session, sample) for sample in feeds]


def _check_schemas(model: ir.Model, opset: int) -> None:
    """Raise ModelError that lists the operators, attributes and inputs that `opset` lacks."""
    import onnx

    problems = [
        Problem(
            code=Code.UNKNOWN_OPSET,
            message=f"The QDQ model cannot be expressed in opset {opset}",
            where=f"{WHERE}, node {node.name!r}",
            got=f"{node.op_type}: {lacking}",
            hint="choose a newer opset",
        )
        for node in model.graph.all_nodes()
        if (lacking := _lacking(node, opset)) is not None
    ]
    if problems:
        raise ModelError.of(problems)
    try:
        onnx.checker.check_model(light_proto(model))
    except onnx.checker.ValidationError as error:
        raise ModelError(
            Code.UNKNOWN_OPSET,
            f"The QDQ model cannot be expressed in opset {opset}",
            where=WHERE,
            got=str(error).strip().splitlines()[0],
            hint="choose a newer opset",
        ) from error


def _lacking(node: ir.Node, opset: int) -> str | None:
    """What of `node` the opset does not have, or None."""
    import onnx

    if not onnx.defs.has(node.op_type, max_inclusive_version=opset):
        return "there is no such operator"
    schema = onnx.defs.get_schema(node.op_type, opset)
    unknown = [name for name in node.attributes if name not in schema.attributes]
    if unknown:
        return f"it has no attribute {', '.join(unknown)}"
    if len(node.inputs) > schema.max_input:
        return f"it has at most {schema.max_input} inputs, not {len(node.inputs)}"
    return _wrong_type(node, schema)


def _wrong_type(node: ir.Node, schema: onnx.defs.OpSchema) -> str | None:
    """The type of an input that the schema does not allow, or None."""
    for index, value in enumerate(node.inputs):
        if value is None or value.dtype is None or not schema.inputs:
            continue
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        text = f"tensor({value.dtype.name.lower()})"
        if formal.types and text not in formal.types:
            return f"it takes no {value.dtype.name.lower()} as `{formal.name}`"
    return None
