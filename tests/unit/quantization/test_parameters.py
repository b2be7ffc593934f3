"""Ranges and parameters of activations, by hand; weights and biases in `test_weight_params`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.calibration.ranges.methods import RANGE_METHODS
from toolchain.calibration.statistics import stats_of
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantParams, QuantSpec
from toolchain.core.registry import RangeMethodDef
from toolchain.core.stats import TensorRange, TensorStats
from toolchain.errors import QuantizationError
from toolchain.quantization.parameters import (
    Method,
    RangeChoice,
    choose_params,
    observed_values,
    with_biases,
)
from toolchain.quantization.plan import make_plan

METHODS = {method.name: method for method in RANGE_METHODS}
MINMAX = Method(definition=METHODS["minmax"], percentile=1.0)
DEFAULT = Method(definition=METHODS["default"], percentile=1.0)
MSE = Method(definition=METHODS["mse"], percentile=1.0)


def seen(*shape: int, low: float = 0.0, high: float = 1.0) -> TensorStats:
    """Statistics of `shape`, evenly from `low` to `high`."""
    return stats_of(np.linspace(low, high, int(np.prod(shape)), dtype=np.float32).reshape(shape))


@pytest.fixture
def choose(make_text_model: Callable, graph_of: Callable) -> Callable:
    def of(
        body: str,
        inputs: str,
        outputs: str,
        stats: Mapping[str, TensorStats],
        choice: RangeChoice | None = None,
        **constants,
    ):
        graph = graph_of(make_text_model(body, inputs, outputs, **constants))
        plan = make_plan(graph, SPEC, bias_dtype=DType.INT32)
        choice = choice or RangeChoice(default=MINMAX)
        return choose_params(graph, plan, stats, SPEC, choice), graph, plan

    return of


def real_range(params: QuantParams) -> tuple[float, float]:
    scale, zero = float(params.scale), int(params.zero_point)
    return (-128 - zero) * scale, (127 - zero) * scale


def test_one_value(choose: Callable):
    chosen, _, _ = choose(
        "y = Neg(x)",
        "float[1,4] x",
        "float[1,4] y",
        {"x": seen(1, 4, high=2.55), "y": seen(1, 4, low=-5.1, high=0.0)},
    )
    assert float(chosen.params.values["x"].scale) == np.float32(2.55 / 255)
    assert int(chosen.params.values["x"].zero_point) == -128
    assert float(chosen.params.values["y"].scale) == pytest.approx(0.02)
    assert int(chosen.params.values["y"].zero_point) == 127
    assert chosen.methods == {"x": "minmax", "y": "minmax"}


def test_a_value_that_was_not_observed(choose: Callable):
    with pytest.raises(QuantizationError, match="not observed"):
        choose("y = Neg(x)", "float[1,4] x", "float[1,4] y", {"x": seen(1, 4)})


JOINED = (
    "a = Neg(x) b = Abs(z) j = Concat<axis=1>(a, b) y = Neg(j)",
    "float[1,2,3] x, float[1,4,3] z",
    "float[1,6,3] y",
)


def joined_stats(low: float, high: float) -> dict[str, TensorStats]:
    return {
        "x": seen(1, 2, 3, low=-high, high=-low),
        "z": seen(1, 4, 3),
        "a": seen(1, 2, 3, low=low, high=high),
        "b": seen(1, 4, 3, low=0.0, high=1.0),
        "y": seen(1, 6, 3),
    }


@pytest.mark.parametrize("method", [MINMAX, DEFAULT, MSE])
def test_a_shared_group_covers_all_its_members(choose: Callable, method: Method):
    """Values of 2, 4 and 6 channels; -3 comes from one, 1 from the other."""
    chosen, _, _ = choose(*JOINED, joined_stats(-3.0, 0.5), RangeChoice(default=method))
    found = [chosen.params.values[name] for name in ("a", "b", "j")]
    assert all(params.same_numbers(found[0]) for params in found)
    low, high = real_range(found[0])
    assert low == pytest.approx(-3.0, abs=0.05)
    assert high == pytest.approx(1.0, abs=0.05)


def test_a_pin_decides_for_the_whole_group(choose: Callable):
    pinned = QuantParams(
        scale=np.float32(0.5), zero_point=np.int32(3), spec=QuantSpec(dtype=DType.INT8)
    )
    choice = RangeChoice(default=MINMAX, pinned={"b": lambda _: pinned})
    chosen, _, _ = choose(*JOINED, joined_stats(-3.0, 0.5), choice)
    assert chosen.params.values["a"] is chosen.params.values["j"] is pinned
    assert chosen.methods["a"] == "pinned"
    assert chosen.methods["y"] == "minmax"


def test_a_pad_fill_is_covered(choose: Callable):
    chosen, _, _ = choose(
        "a = Relu(x) p = Pad(a, pads, fill) y = Neg(p)",
        "float[1,4] x",
        "float[1,6] y",
        {"x": seen(1, 4), "a": seen(1, 4), "y": seen(1, 6)},
        pads=np.array([0, 1, 0, 1]),
        fill=np.float32(-7),
    )
    low, high = real_range(chosen.params.values["p"])
    assert low == pytest.approx(-7.0, abs=0.02)
    assert high == pytest.approx(1.0, abs=0.02)
    assert chosen.params.values["a"].same_numbers(chosen.params.values["p"])


def test_a_range_that_the_operator_guarantees(choose: Callable):
    chosen, _, _ = choose(
        "s = Sigmoid(x) y = Neg(s)",
        "float[1,4] x",
        "float[1,4] y",
        {"x": seen(1, 4), "s": seen(1, 4, high=0.5), "y": seen(1, 4)},
    )
    assert float(chosen.params.values["s"].scale) == 1 / 256
    assert chosen.methods["s"] == "known"


def test_a_guaranteed_range_that_the_samples_hardly_fill(choose: Callable):
    stats = {"x": seen(1, 4), "s": seen(1, 4, low=0.0, high=0.02), "y": seen(1, 4)}
    chosen, _, _ = choose("s = Softmax(x) y = Neg(s)", "float[1,4] x", "float[1,4] y", stats)
    assert real_range(chosen.params.values["s"])[1] == pytest.approx(0.02, rel=0.1)
    assert chosen.methods["s"] != "known"


def test_a_rule_wins_over_a_guaranteed_range(choose: Callable):
    stats = {"x": seen(1, 4), "s": seen(1, 4, low=0.0, high=0.75), "y": seen(1, 4)}
    body, choice = "s = Softmax(x) y = Neg(s)", RangeChoice(default=MSE, overrides={"s": MINMAX})
    chosen, _, _ = choose(body, "float[1,4] x", "float[1,4] y", stats, choice)
    assert real_range(chosen.params.values["s"])[1] == pytest.approx(0.75, rel=0.01)


def test_no_integers_for_what_readers_cannot_tell_apart(choose: Callable):
    stats = {"h": seen(1, 40, low=-50.0, high=4.0), "y": seen(1, 40), "x": seen(1, 40)}
    chosen, _, _ = choose("h = Neg(x) y = HardSwish(h)", "float[1,40] x", "float[1,40] y", stats)
    assert real_range(chosen.params.values["h"])[0] == pytest.approx(-3.0, abs=0.02)


def test_a_method_of_one_value(choose: Callable):
    def half(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
        assert spec == SPEC.activation
        return TensorRange(minimum=0.0, maximum=stats.maximum * percentile, method="half")

    method = Method(
        definition=RangeMethodDef(name="half", summary="", function=half), percentile=0.5
    )
    choice = RangeChoice(default=MINMAX, overrides={"h": method})
    stats = {"x": seen(1, 4), "h": seen(1, 4, high=5.1), "y": seen(1, 4)}
    chosen, _, _ = choose("h = Abs(x) y = Neg(h)", "float[1,4] x", "float[1,4] y", stats, choice)
    assert float(chosen.params.values["h"].scale) == np.float32(2.55 / 255)
    assert (chosen.methods["h"], chosen.methods["x"]) == ("half", "minmax")


def test_16_bits_have_a_percentile_of_their_own():
    def given(stats: TensorStats, _: QuantSpec, percentile: float) -> TensorRange:
        return TensorRange(minimum=0.0, maximum=stats.maximum * percentile, method="given")

    definition = RangeMethodDef(name="given", summary="", function=given)
    method = Method(definition=definition, percentile=0.9, percentile_16bit=0.99)
    stats = seen(1, 4, high=1.0)
    found = [
        method.range_of(stats, QuantSpec(dtype=dtype)).maximum
        for dtype in (DType.INT8, DType.INT16, DType.UINT16)
    ]
    assert found == [0.9, 0.99, 0.99]
    alone = Method(definition=definition, percentile=0.8)
    assert alone.range_of(stats, QuantSpec(dtype=DType.INT16)).maximum == 0.8


def test_default_gives_up_a_channel_that_does_not_matter(choose: Callable):
    """Channel 0 reaches 100 and is multiplied by next to nothing, channel 1 is normal."""
    rng = np.random.default_rng(0)
    hidden = np.stack([rng.uniform(0, 100, 3000), np.abs(rng.normal(size=3000))])
    stats = {
        "x": seen(1, 2, 3),
        "h": stats_of(hidden.astype(np.float32)[None]),
        "y": seen(1, 1, 30, high=3.0),
    }

    def width(method: Method, weight: list[float]) -> float:
        chosen, _, _ = choose(
            "h = Abs(x) y = Conv(h, w)",
            "float[1,2,3] x",
            "float[1,1,3] y",
            stats,
            RangeChoice(default=method),
            w=np.array(weight, np.float32).reshape(1, 2, 1),
        )
        return real_range(chosen.params.values["h"])[1]

    assert width(MSE, [1e-5, 1.0]) > 90.0
    assert width(DEFAULT, [1e-5, 1.0]) < 10.0
    assert width(DEFAULT, [1.0, 1.0]) > 90.0


def test_default_leaves_room_behind_the_largest_output(choose: Callable):
    """An output of few numbers gets room for larger ones; a hidden value and `mse` do not."""
    rng = np.random.default_rng(0)
    logits = stats_of(rng.exponential(size=(100, 10)).astype(np.float32))
    stats = {"x": logits, "h": logits, "y": logits}

    def top(method: Method, value: str) -> float:
        chosen, _, _ = choose(
            "h = Abs(x) y = Abs(h)",
            "float[1,10] x",
            "float[1,10] y",
            stats,
            RangeChoice(default=method),
        )
        return real_range(chosen.params.values[value])[1] / logits.maximum

    assert top(DEFAULT, "y") > 1.1
    assert top(DEFAULT, "h") <= 1.01
    assert top(MSE, "y") <= 1.01


def test_a_bounded_output_gets_no_room(choose: Callable):
    rng = np.random.default_rng(0)
    stats = {"x": seen(1, 10), "y": stats_of(np.tanh(rng.normal(size=(100, 10))).astype("f4"))}
    chosen, _, _ = choose(
        "y = Tanh(x)", "float[1,10] x", "float[1,10] y", stats, RangeChoice(default=DEFAULT)
    )
    assert real_range(chosen.params.values["y"])[1] <= 1.02


def test_new_biases_need_no_new_ranges(choose: Callable):
    """`with_biases` gives what `choose_params` would."""
    text = ("y = Conv(x, w, b)", "float[1,2,3] x", "float[1,2,3] y")
    weight = np.array([[1e-30, 0.0], [0.5, 0.25]], np.float32).reshape(2, 2, 1)
    stats = {"x": seen(1, 2, 3), "y": seen(1, 2, 3, low=-2, high=2)}
    choice = RangeChoice(default=DEFAULT)
    small, _, _ = choose(*text, stats, choice, w=weight, b=np.zeros(2, np.float32))
    large, graph, plan = choose(*text, stats, choice, w=weight, b=np.full(2, 900, np.float32))
    refitted = with_biases(small, graph, plan, SPEC, choice)
    for name, params in large.params.values.items():
        assert refitted.params.values[name].same_numbers(params)
    for edge, params in large.params.edges.items():
        assert refitted.params.edges[edge].same_numbers(params)
    assert not refitted.params.values["w"].same_numbers(small.params.values["w"])


def test_observed_values(make_text_model: Callable, graph_of: Callable):
    model = make_text_model(
        "c = Conv(x, w) r = Relu(c) f = Flatten(r) s = Shape(f) y = Neg(f)",
        "float[1,2,3] x",
        "float[1,3] y, int64[2] s",
        w=np.ones((1, 2, 1), np.float32),
    )
    assert observed_values(graph_of(model), {"c"}) == ("x", "r", "y")
