"""The text of a model in C: `NAME.h`, `NAME.c`, `NAME_weights.c`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.literals import C_TYPES, array_text, element_type, identifier, literal
from toolchain.codegen.operands import Operand, channels_last, row_major
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.codegen.calls import Argument, Call
    from toolchain.codegen.generate import Generated
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Tensor


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one generated program.

    Attributes:
        generated: What is written.
        name: C name of the model, and stem of its files.
    """

    generated: Generated
    name: str
    _variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose a C name for every buffer."""
        taken = {self.name, *self.generated.constants, *(c.name for c in self.generated.calls)}
        buffers = (*self.generated.external, *self.generated.memory.offsets)
        for buffer in buffers:
            words = buffer.replace(" as ", " in_order ")
            self._variables[buffer] = identifier(words, taken)

    def files(self) -> dict[str, str]:
        """Texts by file name."""
        return {
            f"{self.name}.h": self.header(),
            f"{self.name}.c": self.source(),
            f"{self.name}_layers.c": self.layers(),
            f"{self.name}_weights.h": self.weights_header(),
            f"{self.name}_weights.c": self.weights(),
        }

    @property
    def _macro(self) -> str:
        return self.name.upper()

    def header(self) -> str:
        """Declarations of the model, with all that its caller must know of inputs and outputs."""
        program, memory = self.generated.program, self.generated.memory
        tensors = [
            *_described("input", (program.tensors[name] for name in program.inputs)),
            *_described("output", (program.tensors[name] for name in program.outputs)),
        ]
        guard = f"{self._macro}_H"
        return _lines(
            "/*",
            f" * {_comment(program.name)}: an integer program of",
            f" * {len(program.operations)} operations.",
            " *",
            *(f" * {line}" for line in tensors),
            " *",
            f" * Arena: {memory.arena_bytes} bytes"
            f" (at least {memory.bound_bytes} are in use at one time).",
            " */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            '#include "tc_model.h"',
            "",
            f"#define {self._macro}_ARENA_BYTES {memory.arena_bytes}",
            f"#define {self._macro}_PARTS {self.generated.workers}",
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            "",
            f"extern const tc_model {self.name};",
            "",
            "/* Runs the model once; see tc_model.h. */",
            f"void {self.name}_run(const void *const *inputs, void *const *outputs,",
            f"    {' ' * len(self.name)}     const tc_context *context);",
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            "#endif",
        )

    def source(self) -> str:
        """Parameters of all calls, and the function that makes the calls."""
        generated = self.generated
        headers = sorted({call.kernel.header for call in generated.calls})
        return _lines(
            f"/* {_comment(generated.program.name)}: parameters of all kernels,",
            "   and the order of calls. */",
            f'#include "{self.name}.h"',
            "",
            "#include <math.h>",
            "",
            f'#include "{self.name}_weights.h"',
            *(f'#include "{header}.h"' for header in headers),
            "",
            *self._arena(),
            *self._params(),
            *self._run(),
        )

    def _arena(self) -> Iterator[str]:
        size = self.generated.memory.arena_bytes
        if size:
            yield "/* All that is computed on the way; define TC_ARENA to place it in a section. */"
            yield "#ifndef TC_ARENA"
            yield "#define TC_ARENA"
            yield "#endif"
            yield "static TC_ARENA union {"
            yield f"    unsigned char bytes[{size}];"
            yield "    uint64_t aligned;"
            yield "} memory;"
            yield ""

    def _params(self) -> Iterator[str]:
        for step in self.generated.steps:
            for call in step.calls:
                text = literal(call.params)
                yield f"static const {call.params.type} {call.name} = {text};"
                yield ""
        for call in self.generated.closing:
            yield f"static const {call.params.type} {call.name} = {literal(call.params)};"
            yield ""

    def _run(self) -> Iterator[str]:
        generated = self.generated
        yield f"void {self.name}_run(const void *const *inputs, void *const *outputs,"
        yield f"    {' ' * len(self.name)}     const tc_context *context)"
        yield "{"
        if generated.memory.arena_bytes:
            yield "    unsigned char *const arena = memory.bytes;"
        yield from (f"    {line}" for line in self._buffers())
        yield "    (void)inputs;"
        yield "    (void)context;"
        number = 0
        for step in generated.steps:
            yield ""
            yield f"    /* {_comment(step.op)}: {_comment(step.summary)} */"
            yield from (f"    {self._call(call)}" for call in step.calls)
            for operand in step.results.values():
                yield f"    tc_show(context, {number}, {self._variables[operand.buffer]});"
                number += 1
        if generated.closing:
            yield ""
        yield from (f"    {self._call(call)}" for call in generated.closing)
        yield "}"

    def _buffers(self) -> Iterator[str]:
        written = self._shapes()
        used = self._used()
        for buffer, place in self.generated.external.items():
            if buffer not in used:  # an input of which nothing but the shape counts
                continue
            const = "const " if place.startswith("inputs") else ""
            variable = self._variables[buffer]
            yield f"{const}void *const {variable} = {place};{written.get(buffer, '')}"
        for buffer, offset in self.generated.memory.offsets.items():
            yield (
                f"void *const {self._variables[buffer]} = arena + {offset};"
                f"{written.get(buffer, '')}"
            )

    def _used(self) -> set[str]:
        """Buffers that calls are given or that are shown."""
        operands = [o for step in self.generated.steps for o in step.results.values()]
        for call in self.generated.calls:
            operands += [o for o in (*call.inputs, *call.outputs) if isinstance(o, Operand)]
        return {operand.buffer for operand in operands}

    def _shapes(self) -> dict[str, str]:
        """A comment for each buffer: what was written there."""
        found = {}
        for call in self.generated.calls:
            for item in call.outputs:
                extents = ", ".join(map(str, item.extents))
                found[item.buffer] = f" /* {item.dtype} [{extents}]{_order_words(item)} */"
        return found

    def _call(self, call: Call) -> str:
        arguments = [f"&{call.name}", *map(self._argument, (*call.inputs, *call.outputs))]
        if call.scratch_bytes:
            arguments.append(f"arena + {self.generated.memory.scratch[call.name]}")
        if call.kernel.parallel:
            arguments.append("context")
        return f"{call.kernel.name}({', '.join(arguments)});"

    def _argument(self, item: Argument) -> str:
        return self._variables[item.buffer] if isinstance(item, Operand) else item.text

    def layers(self) -> str:
        """Names, types and layouts of all tensors: what debugging needs and firmware does not."""
        program = self.generated.program
        results = [item for step in self.generated.steps for item in step.results.items()]
        inputs = [(n, _as_fed(program.tensors[n])) for n in program.inputs]
        outputs = [(n, _as_fed(program.tensors[n])) for n in program.outputs]
        return _lines(
            f"/* {_comment(program.name)}: what its tensors are. */",
            f'#include "{self.name}.h"',
            "",
            *self._table("inputs", inputs),
            "",
            *self._table("outputs", outputs),
            "",
            *self._table("layers", results),
            "",
            f"const tc_model {self.name} = {{",
            f"    .name = {_text(program.name)},",
            f"    .input_count = {len(inputs)},",
            "    .inputs = inputs,",
            f"    .output_count = {len(outputs)},",
            "    .outputs = outputs,",
            f"    .layer_count = {len(results)},",
            "    .layers = layers,",
            f"    .arena_bytes = {self._macro}_ARENA_BYTES,",
            f"    .run = {self.name}_run,",
            "};",
        )

    def _table(self, name: str, tensors: Iterable[tuple[str, Operand]]) -> Iterator[str]:
        rows = [self._row(self.generated.program.tensors[tensor], item) for tensor, item in tensors]
        yield f"static const tc_tensor {name}[] = {{"
        yield from (f"    {row}," for row in rows or ["{0}"])
        yield "};"

    def _row(self, tensor: Tensor, operand: Operand) -> str:
        scale = np.float32(0 if tensor.scale is None else tensor.scale)
        parts = (
            _text(tensor.name),
            literal(element_type(tensor.dtype)),
            str(len(tensor.shape)),
            _numbers(tensor.shape),
            _numbers(operand.order),
            literal(scale),
            str(tensor.zero_point),
        )
        return "{" + ", ".join(parts) + "}"

    def weights_header(self) -> str:
        """Declarations of the constants."""
        guard = f"{self._macro}_WEIGHTS_H"
        return _lines(
            f"/* {_comment(self.generated.program.name)}: constants. */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <stdint.h>",
            "",
            "/* Define TC_WEIGHTS to place them in a section of their own. */",
            "#ifndef TC_WEIGHTS",
            "#define TC_WEIGHTS",
            "#endif",
            "",
            *(f"extern {line};" for line in self._declarations().values()),
            "",
            "#endif",
        )

    def _declarations(self) -> Mapping[str, str]:
        return {
            name: f"const {_c_type(array)} {name}[{max(array.size, 1)}]"
            for name, array in self.generated.constants.items()
        }

    def weights(self) -> str:
        """All constants."""
        declarations = self._declarations()
        parts = [f"/* {_comment(self.generated.program.name)}: constants. */"]
        parts.append(f'#include "{self.name}_weights.h"')
        arrays = self.generated.constants.values()
        if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in arrays):
            parts.append("\n#include <math.h>")
        for name, array in self.generated.constants.items():
            parts.append(f"\nTC_WEIGHTS {declarations[name]} = {{\n{array_text(array)}\n}};")
        return "\n".join(parts) + "\n"


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _c_type(array: Array) -> str:
    return C_TYPES[DType(array.dtype.name)]


def _text(text: str) -> str:
    """A C string; all but printable ASCII becomes octal."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{plain}"'


def _comment(text: str) -> str:
    """Text that can neither end a comment nor begin another."""
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return plain.replace("*", "?").replace("\\", "?")


def _numbers(values: Iterable[int]) -> str:
    items = ", ".join(map(str, values))
    return f"(const int32_t[]){{{items}}}" if items else "0"


def _order_words(item: Operand) -> str:
    """What is to be said of an order of axes that is not row-major."""
    rank = len(item.shape)
    if item.lies_as(row_major(rank)):
        return ""
    if item.order == channels_last(rank):
        return ", channels last"
    return f", axes {', '.join(map(str, item.order))}"


def _as_fed(tensor: Tensor) -> Operand:
    return Operand(
        buffer=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape,
        order=row_major(len(tensor.shape)),
    )


def _described(kind: str, tensors: Iterable[Tensor]) -> Iterator[str]:
    for number, tensor in enumerate(tensors):
        shape = ", ".join(map(str, tensor.shape))
        line = f"{kind} {number}: {_comment(tensor.name)}, {C_TYPES[tensor.dtype]} [{shape}]"
        if tensor.scale is not None:
            line += f", real = (stored - {tensor.zero_point}) * {literal(np.float32(tensor.scale))}"
        yield line
