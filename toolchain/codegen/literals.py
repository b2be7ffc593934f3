"""Values as C text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from toolchain.core.dtypes import Array, DType

_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while asm typeof linux unix".split()
)
"""Of C99, and what compilers add to it unless they are told not to."""
_LATER_KEYWORDS = frozenset(
    "alignas alignof and and_eq bitand bitor bool catch class compl concept const_cast consteval "
    "constexpr constinit co_await co_return co_yield decltype delete dynamic_cast explicit export "
    "false friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private "
    "protected public reinterpret_cast requires static_assert static_cast template this "
    "thread_local throw true try typeid typename typeof_unqual using virtual wchar_t xor "
    "xor_eq".split()
)
"""Of C23 and C++, which sketches of Arduino are written in."""
_OWN = frozenset("main arena memory scratch context inputs outputs layers".split())
"""What generated functions call their own."""
_LIBRARY = frozenset(
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 "
    "fabs fdim floor fma fmax fmin fmod frexp gamma hypot ilogb index j0 j1 jn ldexp lgamma "
    "llrint llround log log10 log1p log2 logb lrint lround memchr memcmp memcpy memmove memset "
    "modf nan nearbyint nextafter nexttoward pow remainder remquo rindex rint round scalb scalbln "
    "scalbn signgam significand sin sinh sqrt strcat strchr strcmp strcpy strlen tan tanh tgamma "
    "trunc y0 y1 yn".split()
)
"""Functions that headers declare or compilers know by name; most exist with f and l behind, too."""
_PER_LINE = 20


@dataclass(frozen=True, slots=True)
class Word:
    """C text that stands for itself: a name, an enumerator."""

    text: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure; fields that are left out are 0.

    Attributes:
        type: C type.
        fields: Values by field name, in the order in which they are written.
    """

    type: str
    fields: dict[str, Value]


Value: TypeAlias = "int | float | np.float32 | Word | Struct | tuple[Value, ...]"
"""What a field holds: float is double in C, np.float32 is float."""

Fields: TypeAlias = "dict[str, Value]"
"""Fields of a structure by name, in the order in which they are written."""

C_TYPES: Mapping[DType, str] = {
    DType.INT4: "int8_t",
    DType.UINT4: "uint8_t",
    DType.INT8: "int8_t",
    DType.UINT8: "uint8_t",
    DType.INT16: "int16_t",
    DType.UINT16: "uint16_t",
    DType.INT32: "int32_t",
    DType.INT64: "int64_t",
    DType.FLOAT32: "float",
    DType.FLOAT64: "double",
    DType.BOOL: "uint8_t",
}
"""C type of one stored element."""


def element_type(dtype: DType) -> Word:
    """The `tc_type` of a stored element; 4-bit integers lie in 8-bit ones, bool in uint8."""
    return Word(f"TC_{DType.UINT8 if dtype is DType.BOOL else dtype.numpy.name}".upper())


def literal(value: Value, indent: int = 0) -> str:
    """A value as an initialiser."""
    match value:
        case Word():
            return value.text
        case Struct():
            return _struct(value, indent)
        case tuple():
            return "{" + ", ".join(literal(item, indent) for item in value) + "}"
        case int():
            return _integer(value)
        case float():
            return _real(np.float64(value))
        case _:
            return _real(value) + ("f" if np.isfinite(value) else "")


def _struct(value: Struct, indent: int) -> str:
    pad = "    " * (indent + 1)
    rows = [f"{pad}.{name} = {literal(item, indent + 1)}," for name, item in value.fields.items()]
    return "\n".join(("{", *rows, "    " * indent + "}"))


def _integer(value: int) -> str:
    if value in (-(2**31), -(2**63)):  # the literal without its sign would not fit
        return f"({_integer(value + 1)} - 1)"
    return f"{value}" if -(2**31) < value < 2**31 else f"INT64_C({value})"


def _real(value: np.float32 | np.float64) -> str:
    """The shortest decimal that reads back as the same number."""
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    if np.isnan(value):
        return "NAN"
    text = str(value)
    return text if {"e", "."} & set(text) else f"{text}.0"


def array_text(array: Array) -> str:
    """All elements in row-major order as the inside of an initialiser, in lines."""
    flat = array.reshape(-1)
    if flat.dtype.kind in "iu" and flat.dtype.itemsize <= 2:
        first = int(np.iinfo(flat.dtype).min)
        names = [str(first + i) for i in range(2 ** (8 * flat.dtype.itemsize))]
        words = [names[i] for i in (flat.astype(np.int64) - first).tolist()]
    elif flat.dtype.kind == "f":
        words = [literal(item if item.dtype == np.float32 else float(item)) for item in flat]
    else:
        words = [_integer(int(item)) for item in flat.tolist()]
    lines = (words[i : i + _PER_LINE] for i in range(0, len(words), _PER_LINE))
    return ",\n".join("    " + ", ".join(line) for line in lines)


def identifier(name: str, taken: set[str]) -> str:
    """A C name for `name` that is not in `taken`, to which it is added."""
    plain = re.sub(r"[^a-zA-Z0-9_]+", "_", name).strip("_").lower() or "t"
    if (
        plain[0].isdigit()
        or plain in _KEYWORDS | _LATER_KEYWORDS | _OWN
        or _LIBRARY & {plain, plain.removesuffix("f"), plain.removesuffix("l")}
        or plain.startswith("tc_")
    ):
        plain = f"t_{plain}"
    if plain.endswith("_t"):  # as types do
        plain = f"{plain}_"
    found, number = plain, 1
    while found in taken:
        number += 1
        found = f"{plain}_{number}"
    taken.add(found)
    return found
