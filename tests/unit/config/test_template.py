from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

import pytest

from toolchain.config.schema import leaves
from toolchain.config.template import template
from toolchain.core.options import CheckOptions, Color, Layout, OptimizeOptions, QuantizeOptions


@dataclass(frozen=True)
class Input:
    name: str
    shape: tuple[int | None, ...] | None
    dtype: str | None = "float32"


IMAGE = Input("image", (None, 3, 224, 160))


def test_the_text_is_a_valid_config_of_defaults(run, tmp_path):
    (build,) = run(template("sub/m.onnx", [IMAGE], ["vector"])).builds
    assert build.model == str(tmp_path / "sub" / "m.onnx")
    assert build.calibration.data == str(tmp_path / "samples")
    assert build.optimize == OptimizeOptions()
    assert build.quantize == QuantizeOptions()
    assert build.check == CheckOptions()
    assert build.evaluation is None
    (options,) = build.input
    assert (options.name, options.shape) == ("image", (1, 3, 224, 160))
    assert (options.resize, options.color, options.layout) == ((224, 160), Color.RGB, Layout.NCHW)


@pytest.mark.parametrize(
    ("shape", "known"),
    [
        ((1, 1, 8, 8), {"shape": [1, 1, 8, 8], "resize": [8, 8], "color": "gray"}),
        (
            (None, 8, 6, 3),
            {"shape": [1, 8, 6, 3], "resize": [8, 6], "color": "rgb", "layout": "nhwc"},
        ),
        ((None, 3, None, None), {"color": "rgb"}),
        ((None, 16), {"shape": [1, 16]}),
        ((2, None), {}),
        ((), {"shape": []}),
        (None, {}),
    ],
)
def test_shapes_fill_in_what_is_known(run, shape, known):
    text = template("m.onnx", [Input("x", shape, None)], ["vector"])
    assert tomllib.loads(text)["input"] == [{"name": "x", **known}]
    assert run(text).builds


def test_several_inputs_have_data_each(run):
    text = template(
        "m.onnx", [Input("a.b", (1, 2)), Input('q"\x7f\n', (1,))], ["vector", "tile-npu"]
    )
    builds = run(text).builds
    assert [build.target for build in builds] == ["vector", "tile-npu"]
    assert set(builds[0].calibration.data) == {"a.b", 'q"\x7f\n'}


def test_without_targets_they_are_named_on_the_command_line(run):
    assert run(template("m.onnx", [IMAGE], []), selected=["vector"]).builds


def test_every_option_is_there_with_its_text():
    text = template("m.onnx", [IMAGE], ["vector"])
    flat = " ".join(text.replace("\n# ", " ").split())
    for leaf in leaves():
        name = leaf.path.rpartition(".")[2]
        assert re.search(rf"(?m)^#?\[?\[?(.*\.)?{name}( = |\])", text), leaf.path
        if leaf.path != "target.*.options":
            assert leaf.doc in flat, leaf.path


def test_options_behind_a_hash_are_toml():
    options = [line[1:] for line in template("m.onnx", [IMAGE], ["vector"]).splitlines()]
    shown = [line for line in options if re.match(r"[a-z_]+ = [^<]", line)]
    assert len(shown) > 20
    for line in shown:
        assert len(tomllib.loads(line)) == 1
