"""Literals and names, read back by a C compiler."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.codegen.literals import (
    C_TYPES,
    Struct,
    Word,
    array_text,
    element_type,
    identifier,
    literal,
)
from toolchain.core.dtypes import Array, DType
from toolchain.testing.compiled import COMPILER, WARNINGS

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")
NAMED = "exp sqrt memory int8_t size_t NULL Float while main y0 errno INFINITY memcpy inputs"


def run(folder: Path, text: str) -> bytes:
    """What a C program writes."""
    (folder / "main.c").write_text(text)
    command = [str(COMPILER), "-std=c99", *WARNINGS, "main.c", "-o", "main"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return subprocess.run([folder / "main"], capture_output=True, check=True).stdout


def read_back(folder: Path, arrays: dict[str, Array]) -> dict[str, Array]:
    """Arrays as a C program finds them in memory."""
    lines = ["#include <math.h>", "#include <stdint.h>", "#include <stdio.h>"]
    for name, array in arrays.items():
        kind = C_TYPES[DType(array.dtype.name)]
        lines.append(f"static const {kind} {name}[] = {{\n{array_text(array)}\n}};")
    writes = [f"fwrite({name}, 1, sizeof {name}, stdout);" for name in arrays]
    lines.append("int main(void)\n{\n" + "\n".join(writes) + "\nreturn 0;\n}\n")
    raw, found = run(folder, "\n".join(lines)), {}
    for name, array in arrays.items():
        found[name] = np.frombuffer(raw[: array.nbytes], array.dtype)
        raw = raw[array.nbytes :]
    assert not raw
    return found


def patterns(dtype: type, bits: type) -> Array:
    """Floats of random bits, subnormals and the ends of every range among them; no NaN."""
    random, limits = np.random.default_rng(7), np.finfo(dtype)
    info = np.iinfo(bits)
    found = random.integers(0, info.max, 3000, bits, endpoint=True).view(dtype)
    small = random.integers(0, 2**limits.nmant, 500, bits).view(dtype)
    ends = [0.0, -0.0, limits.max, limits.min, -limits.max, limits.smallest_subnormal, np.inf]
    every = np.concatenate([found, small, -small, np.array([*ends, -np.inf, 1, 0.1], dtype)])
    return every[~np.isnan(every)]


@needs_compiler
def test_numbers_read_back_bit_for_bit(tmp_path: Path) -> None:
    arrays = {
        "single": patterns(np.float32, np.uint32),
        "real": patterns(np.float64, np.uint64),
        **{
            f"i_{kind.__name__}": np.array(
                [np.iinfo(kind).min, 0, 1, np.iinfo(kind).max, np.iinfo(kind).max // 3], kind
            )
            for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64)
        },
    }
    found = read_back(tmp_path, arrays)
    for name, array in arrays.items():
        assert found[name].tobytes() == array.tobytes(), name


@given(st.floats(width=32, allow_nan=False))
def test_a_float_has_its_suffix(value: float) -> None:
    text = literal(np.float32(value))
    assert np.isinf(value) or (text.endswith("f") and np.float32(text[:-1]) == np.float32(value))
    assert not literal(value).endswith("f")


def test_structures_by_hand() -> None:
    inner = Struct("point", {"x": 1, "y": -(2**31)})
    value = Struct("thing", {"of": (1, 2), "at": inner, "name": Word("TC_ADD"), "scale": 0.5})
    assert literal(value) == (
        "{\n    .of = {1, 2},\n    .at = {\n        .x = 1,\n        .y = (-2147483647 - 1),\n"
        "    },\n    .name = TC_ADD,\n    .scale = 0.5,\n}"
    )
    assert literal(np.float32(3)) == "3.0f"
    assert literal(2**31) == "INT64_C(2147483648)"
    assert literal(float("nan")) == "NAN"


def test_types_of_elements() -> None:
    assert element_type(DType.INT4).text == "TC_INT8"
    assert element_type(DType.BOOL).text == "TC_UINT8"
    assert element_type(DType.FLOAT32).text == "TC_FLOAT32"


@given(st.lists(st.text(max_size=12), max_size=30))
def test_identifiers_are_valid_and_unique(names: list[str]) -> None:
    taken: set[str] = set()
    found = [identifier(name, taken) for name in names]
    assert len(set(found)) == len(names)
    assert taken == set(found)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in found), found


@needs_compiler
def test_identifiers_are_free_where_kernels_are_declared(tmp_path: Path) -> None:
    taken: set[str] = set()
    names = [identifier(name, taken) for name in (*NAMED.split(), "", "1x", "_a", "tc_copy", "é")]
    headers = ("math.h", "stddef.h", "stdint.h", "string.h")
    lines = [f"#include <{header}>" for header in headers]
    lines += [
        f"extern const int32_t {name}[1];\nconst int32_t {name}[1] = {{0}};" for name in names
    ]
    run(tmp_path, "\n".join((*lines, "int main(void)\n{\nreturn 0;\n}\n")))
