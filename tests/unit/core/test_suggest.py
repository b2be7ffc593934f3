from __future__ import annotations

from toolchain.core.suggest import did_you_mean, listing


def test_the_closest_name_in_any_case() -> None:
    assert did_you_mean("METOD", ["method", "model"]) == "did you mean `method`?"
    assert did_you_mean("gem", ["Gemm", None, "Relu"]) == "did you mean `Gemm`?"


def test_several_names_the_closest_first() -> None:
    assert did_you_mean("conv1", ["conv22", "conv11"], most=3) == "did you mean `conv11`, `conv22`?"


def test_nothing_is_close() -> None:
    assert did_you_mean("x", ["method"]) is None
    assert did_you_mean("x", []) is None


def test_listing() -> None:
    assert (listing(["a", "b"]), listing([])) == ("a, b", "none")
