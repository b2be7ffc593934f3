from __future__ import annotations

import json

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from toolchain.config.dotted import format_path, leaves_of
from toolchain.config.dump import dump

SMALL = {"model": "m.onnx", "targets": ["vector", "tile-npu"], "calibration": {"data": "x"}}


def test_the_text_does_not_depend_on_the_order_of_the_file(run):
    backwards = dict(reversed(SMALL.items()))
    assert dump(run(SMALL)) == dump(run(backwards))


def test_every_value_has_an_origin(run):
    record = json.loads(dump(run(SMALL)))
    paths = {format_path(path) for path, _ in leaves_of(record["values"])}
    assert paths == set(record["origins"])
    assert record["values"]["target"]["vector"]["options"]["memory"]["banks"] == 4
    assert record["origins"]["target.vector.options.memory.banks"] == "default"


def methods(draw):
    method = draw(st.sampled_from(["default", "mse", "percentile", "kl"]))
    return {"method": method} | ({"percentile": 0.9} if method == "percentile" else {})


def comparisons(draw):
    metric = draw(st.sampled_from(["cosine", "allclose", "exact"]))
    details = {"cosine": {"min_cosine": 0.5}, "allclose": {"rtol": 0.25}, "exact": {}}[metric]
    return {"metric": metric} | (details if draw(st.booleans()) else {})


@st.composite
def overlays(draw):
    table = {
        "quantize": methods(draw),
        "check": {"samples": draw(st.integers(1, 9)), "qdq_reference": comparisons(draw)},
        "optimize": {
            "prove": draw(st.booleans()),
            "skip": draw(st.lists(st.text("ab", max_size=2))),
        },
        "compile": {"name": draw(st.none() | st.text("xyz", min_size=1))},
        "mixed_precision": {
            "rules": draw(
                st.lists(
                    st.fixed_dictionaries(
                        {
                            "nodes": st.just(["*"]),
                            "output_dtype": st.sampled_from(["int16", "float32"]),
                        }
                    ),
                    max_size=2,
                )
            )
        },
    }
    return {key: table[key] for key in draw(st.sets(st.sampled_from(sorted(table))))}


@st.composite
def configs(draw):
    order = draw(st.sampled_from(["first", "random"]))
    calibration = {"data": draw(st.sampled_from(["x.npz:k", {"in.1": "y"}])), "order": order}
    if order == "random":
        calibration["seed"] = draw(st.integers(0, 2**40))
    inputs = st.fixed_dictionaries(
        {"resize": st.sampled_from([None, 8, [8, 9]])}, optional={"std": st.just([1, 2.5, 3])}
    )
    return {
        **SMALL,
        **draw(overlays()),
        "calibration": calibration,
        "input": draw(st.lists(inputs, max_size=1)),
        "target": {
            "vector": {**draw(overlays()), "platform": draw(st.sampled_from(["v1", "v2"]))},
            "tile-npu": draw(overlays()),
        },
    }


@given(configs())
@hypothesis_settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_dumped_config_resolves_to_the_same_builds(run, config):
    first = run(config)
    record = json.loads(dump(first))
    second = run(record["values"])
    assert second.builds == first.builds
    assert second.values == first.values
