"""The model of the K1, by hand."""

from __future__ import annotations

import pytest

from tc_target_riscv.cost import CALIBRATED, K1, PEAK, estimate
from tc_target_riscv.facts import SPEC
from toolchain.core.cost import Bound, MatrixShape, OperationCost
from toolchain.core.dtypes import DType


def cost(
    products: MatrixShape | None = None,
    *,
    dtype: DType = DType.INT8,
    steps: int = 0,
    moved: int = 8,
) -> OperationCost:
    return OperationCost(
        name="op",
        kind="Conv",
        dtype=dtype,
        macs=0 if products is None else products.macs,
        products=products,
        element_steps=steps,
        weight_bytes=moved // 2,
        input_bytes=moved // 4,
        output_bytes=moved - moved // 2 - moved // 4,
    )


def peak_us(each: OperationCost, cores: int = 1) -> float:
    return estimate((each,), cores, PEAK)[0].latency_us


# 255,760 MACs a microsecond: 511.52 GOPS.
WHOLE = MatrixShape(count=1, rows=12_788, depth=8, columns=20)


def test_the_matrix_extension_works_in_whole_tiles() -> None:
    assert peak_us(cost(WHOLE)) == pytest.approx(8.0)
    # (4, 8) by (8, 4): 5 rows are 8, 9 deep is 16, 3 columns are 4; 2 * 8 * 16 * 4 MACs.
    ragged = MatrixShape(count=2, rows=5, depth=9, columns=3)
    assert peak_us(cost(ragged, moved=0)) == pytest.approx(1024 / 255_760)


def test_only_four_cores_have_it() -> None:
    assert [peak_us(cost(WHOLE), cores) for cores in (1, 2, 4, 8)] == pytest.approx([8, 4, 2, 2])


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        (MatrixShape(count=64, rows=100, depth=9, columns=1), DType.INT8),
        (MatrixShape(count=1, rows=100, depth=9, columns=64), DType.INT16),
    ],
)
def test_depthwise_and_wide_operands_run_on_vectors(shape: MatrixShape, dtype: DType) -> None:
    each = cost(shape, dtype=dtype, moved=0)
    assert peak_us(each) == pytest.approx(57_600 / 16_680)
    assert peak_us(each, cores=8) == pytest.approx(57_600 / 16_680 / 8)


def test_float_runs_at_the_rate_of_the_published_float_networks() -> None:
    shape = MatrixShape(count=1, rows=100, depth=8, columns=10)
    assert peak_us(cost(shape, dtype=DType.FLOAT32, moved=0)) == pytest.approx(10.0)


def test_the_longer_of_computing_and_moving_counts() -> None:
    moving = cost(steps=16_680, moved=10_664 * 3)
    (found,) = estimate((moving,), 1, PEAK)
    assert (found.latency_us, found.bound) == (pytest.approx(3.0), Bound.MEMORY)
    (found,) = estimate((cost(steps=16_680 * 5, moved=10_664 * 3),), 1, PEAK)
    assert (found.latency_us, found.bound) == (pytest.approx(5.0), Bound.COMPUTE)
    # The memory is shared: more cores do not make it faster.
    assert peak_us(moving, cores=4) == pytest.approx(3.0)


def test_the_overhead_is_once_per_operation_that_does_anything() -> None:
    (small,) = estimate((cost(steps=16),), 4)
    expected = CALIBRATED.overhead_us + 16 / (16_680 * CALIBRATED.steps * 4)
    assert (small.latency_us, small.bound) == (pytest.approx(expected), Bound.OVERHEAD)
    (nothing,) = estimate((cost(moved=0),), 1)
    assert nothing.latency_us == 0


def test_it_speaks_of_a_chip_that_there_is() -> None:
    assert K1.target == SPEC.name
    assert set(K1.platforms) <= {platform.name for platform in SPEC.platforms}
    assert K1.sources
    assert any("estimate" in note for note in K1.notes)
