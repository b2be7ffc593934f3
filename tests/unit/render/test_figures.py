from __future__ import annotations

import pytest

from toolchain.render.figures import count, percent, plural, real, size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_340, "12.3 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (4_500_000_000, "4.5 GB"),
        (10**18, "1000000.0 TB"),
    ],
)
def test_size(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


def test_count_has_no_unit() -> None:
    assert [count(812), count(12_300), count(4_500_000)] == ["812", "12.3 k", "4.5 M"]


def test_small_ones() -> None:
    assert percent(0.975) == "97.50 %"
    assert percent(0.995, 1) == "99.5 %"
    assert [real(0.0123456), real(float("inf")), real(1.2e-5)] == ["0.01235", "inf", "1.2e-05"]
    assert [plural(1, "node"), plural(0, "node")] == ["1 node", "0 nodes"]
