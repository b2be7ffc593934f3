"""Parts of kernels run side by side: the same numbers, and no two touch the same memory."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Conv, ConvTranspose, MatMul, Program, Requantize, Tensor
from toolchain.testing.compiled import executable, run_command

MAIN = """
#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "tc_model.h"
extern const tc_model TC_MODEL;

enum { MOST = 8 };

typedef struct {
    void (*task)(void *job, int32_t part);
    void *job;
    int32_t part;
} piece;

static void *run_piece(void *data)
{
    const piece *p = (const piece *)data;
    p->task(p->job, p->part);
    return NULL;
}

static void in_threads(void *pool, int32_t parts, void (*task)(void *job, int32_t part), void *job)
{
    pthread_t threads[MOST];
    piece pieces[MOST];
    for (int32_t i = 0; i < parts; i++) {
        pieces[i] = (piece){task, job, i};
        if (i >= MOST || pthread_create(&threads[i], NULL, run_piece, &pieces[i]) != 0) {
            exit(2);
        }
    }
    for (int32_t i = 0; i < parts; i++) {
        pthread_join(threads[i], NULL);
    }
    ++*(int *)pool;
}

int main(void)
{
    void *inputs[MOST] = {NULL};
    void *outputs[MOST] = {NULL};
    int calls = 0;
    const tc_context context = {.parallel_for = in_threads, .pool = &calls};
    for (int32_t i = 0; i < TC_MODEL.input_count; i++) {
        const size_t size = tc_tensor_bytes(&TC_MODEL.inputs[i]);
        inputs[i] = malloc(size);
        if (inputs[i] == NULL || fread(inputs[i], 1, size, stdin) != size) {
            return 3;
        }
    }
    for (int32_t i = 0; i < TC_MODEL.output_count; i++) {
        outputs[i] = malloc(tc_tensor_bytes(&TC_MODEL.outputs[i]));
        if (outputs[i] == NULL) {
            return 3;
        }
    }
    TC_MODEL.run((const void *const *)inputs, (void *const *)outputs, &context);
    for (int32_t i = 0; i < TC_MODEL.output_count; i++) {
        fwrite(outputs[i], 1, tc_tensor_bytes(&TC_MODEL.outputs[i]), stdout);
    }
    return calls > 0 ? 0 : 4;
}
"""
SANITIZERS = ["-g", "-fsanitize=thread"]


@pytest.fixture(scope="module")
def thread_sanitizer(tmp_path_factory) -> None:
    """Skip where a program with the thread sanitizer cannot be built or run."""
    compiler, folder = shutil.which("cc"), tmp_path_factory.mktemp("thread-sanitizer")
    if compiler is None:
        pytest.skip("there is no C compiler `cc`")
    source = Path(folder, "empty.c")
    source.write_text("int main(void) { return 0; }\n")
    built = [compiler, *SANITIZERS, str(source), "-o", str(folder / "empty")]
    for command in (built, [str(folder / "empty")]):
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("the thread sanitizer does not run here")


def program() -> tuple[Program, dict[str, np.ndarray]]:
    """A convolution of each kind, and products with a constant and with a computed matrix."""
    random = np.random.default_rng(3)
    constants = {
        "w": random.integers(-128, 128, (9, 4, 3, 3)).astype(np.int8),
        "depthwise": random.integers(-128, 128, (9, 1, 3, 3)).astype(np.int8),
        "wide": random.integers(-999, 999, (9, 1, 3, 3)).astype(np.int16),
        "up": random.integers(-128, 128, (9, 5, 3, 3)).astype(np.int8),
        "matrix": random.integers(-128, 128, (8, 70)).astype(np.int8),
        "factor": np.float32(0.002),
    }
    finish = Requantize(factor="factor", zero_point=0, low=-128, high=127)
    window = {
        "weight_zero_point": None,
        "bias": None,
        "x_zero_point": 3,
        "pads": (1, 1, 1, 1),
        "dilations": (1, 1),
        "finish": finish,
    }
    matrices = {"a_zero_point": 3, "b_zero_point": None, "bias": None, "finish": finish}

    def conv(x: str, y: str, weight: str, groups: int) -> Conv:
        return Conv(
            name=y,
            inputs=(x,),
            outputs=(y,),
            weight=weight,
            strides=(1, 1),
            groups=groups,
            **window,
        )

    operations = (
        conv("x", "y", "w", 1),
        conv("y", "d", "depthwise", 9),
        conv("d", "z", "wide", 9),
        ConvTranspose(
            name="u",
            inputs=("z",),
            outputs=("u",),
            weight="up",
            strides=(2, 2),
            groups=1,
            **window,
        ),
        MatMul(name="m", inputs=("a",), outputs=("m",), b="matrix", **matrices),
        MatMul(name="q", inputs=("a", "m"), outputs=("q",), b=None, **matrices),
    )
    shapes = {
        "x": (2, 4, 7, 8),
        "y": (2, 9, 7, 8),
        "d": (2, 9, 7, 8),
        "z": (2, 9, 7, 8),
        "u": (2, 5, 13, 15),
        "a": (6, 8, 8),
        "m": (6, 8, 70),
        "q": (6, 8, 70),
    }
    feeds = {name: random.integers(-128, 128, shapes[name]).astype(np.int8) for name in ("x", "a")}
    return Program(
        name="threads",
        rounding=Rounding.HALF_EVEN,
        requantization=Requantization.FLOAT32_MULTIPLIER,
        wide_accumulator=DType.INT64,
        inputs=tuple(feeds),
        outputs=("u", "q"),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=shape) for n, shape in shapes.items()},
        constants=constants,
        operations=operations,
    ), feeds


@pytest.mark.usefixtures("thread_sanitizer")
def test_threads_compute_the_same_and_do_not_meet() -> None:
    whole, feeds = program()
    path = executable(whole, workers=4, main=MAIN, sanitizers=SANITIZERS)
    given = b"".join(array.tobytes() for array in feeds.values())
    expected = Interpreter(whole, threads=1).run(feeds)
    wanted = b"".join(expected[name].tobytes() for name in whole.outputs)
    assert len(set(wanted)) > 100
    assert run_command([str(path)], given=given) == wanted
