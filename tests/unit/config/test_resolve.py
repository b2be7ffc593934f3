"""Defaults, file, overlays and flags become one record per build."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from toolchain.config.loading import read_config
from toolchain.config.overrides import Override
from toolchain.config.resolve import resolve
from toolchain.config.schema import leaves
from toolchain.core.dtypes import DType
from toolchain.core.options import (
    CheckOptions,
    Color,
    CompileOptions,
    MixedPrecisionOptions,
    OptimizeOptions,
    QuantizeOptions,
)
from toolchain.core.target import NoOptions
from toolchain.errors import Code, PluginError, ToolchainError

SMALL = """\
model = "m.onnx"
targets = ["vector"]
[calibration]
data = "samples"
"""


def test_a_small_config_takes_every_default(run, tmp_path):
    (build,) = run(SMALL).builds
    assert build.model == str(tmp_path / "m.onnx")
    assert build.output == str(tmp_path / "build" / "c")
    assert (build.target, build.platform) == ("vector", "v1")
    assert build.calibration.data == str(tmp_path / "samples")
    assert build.input == ()
    assert build.evaluation is None
    assert build.optimize == OptimizeOptions()
    assert build.quantize == QuantizeOptions()
    assert build.mixed_precision == MixedPrecisionOptions()
    assert build.compile == CompileOptions()
    assert build.check == CheckOptions()
    assert (build.target_options.vlen, build.target_options.memory.banks) == (256, 4)


def test_types_are_those_of_the_records(run):
    text = SMALL + (
        '[[input]]\nname = "x"\n'
        'shape = [1, 3, 8, 8]\ncolor = "bgr"\nresize = 8\nmean = [1, 2, 3.5]\n'
        '[[mixed_precision.rules]]\nop_types = ["Softmax"]\noutput_dtype = "float32"\n'
        '[[mixed_precision.pins]]\ntensor = "t"\nscale = [0.5, 0.25]\n'
    )
    (build,) = run(text).builds
    assert build.input[0].shape == (1, 3, 8, 8)
    assert build.input[0].color is Color.BGR
    assert build.input[0].mean == (1.0, 2.0, 3.5)
    assert build.mixed_precision.rules[0].output_dtype is DType.FLOAT32
    assert build.mixed_precision.pins[0].scale == (0.5, 0.25)


OVERLAID = (
    SMALL
    + """\
[quantize]
method = "percentile"
percentile = 0.99
[check.qdq_reference]
min_cosine = 0.95
[target.vector]
platform = "v2"
[target.vector.quantize]
method = "mse"
[target.vector.check.qdq_reference]
metric = "cosine"
[target.vector.options]
vlen = 128
memory = { size_bytes = 7 }
[target.tile-npu.optimize]
skip = ["fold"]
"""
)


def test_overlays_win_for_their_target_alone(run):
    vector, npu = run(OVERLAID, selected=["vector", "tile-npu"]).builds
    assert (vector.platform, npu.platform) == ("v2", "n1")
    assert (vector.quantize.method, npu.quantize.method) == ("mse", "percentile")
    assert npu.quantize.percentile == 0.99
    # What the overlay has switched away from is back at its default.
    assert vector.quantize.percentile == 0.9999
    assert vector.check.qdq_reference.min_cosine == 0.95
    assert (vector.optimize.skip, npu.optimize.skip) == ((), ("fold",))
    options = vector.target_options
    assert (options.vlen, options.memory.banks, options.memory.size_bytes) == (128, 4, 7)
    assert npu.target_options == NoOptions()


def test_a_section_keeps_its_other_defaults(run):
    (build,) = run(SMALL + '[check.qdq_reference]\nmetric = "cosine"\n').builds
    assert build.check.qdq_reference.min_cosine == 0.999


def test_flags_win_over_overlays_and_the_later_over_the_earlier(run):
    (build,) = run(OVERLAID, "quantize.method=kl", "quantize.method=minmax").builds
    assert build.quantize.method == "minmax"
    (build,) = run(OVERLAID, "target.vector.quantize.method=kl", "input.0.resize=256").builds
    assert build.quantize.method == "kl"
    assert build.input[0].resize == 256


def test_options_of_a_target_may_be_set_in_short(run):
    resolved = run(OVERLAID, "target.vector.core=little", "target.vector.memory.banks=2")
    (build,) = resolved.builds
    assert (build.target_options.core, build.target_options.memory.banks) == ("little", 2)
    assert resolved.origins["target.vector.options.core"] == "--set"


def test_every_value_has_its_origin(run, tmp_path):
    resolved = run(OVERLAID, "target.vector.options.core=little", "optimize.prove=false")
    file = str(tmp_path / "c.toml")
    origins = resolved.origins
    assert origins["model"] == file
    assert origins["output"] == "default"
    assert origins["targets"] == file
    assert origins["target.vector.platform"] == file
    assert origins["target.vector.options.core"] == "--set"
    assert origins["target.vector.options.memory.banks"] == "default"
    assert origins["target.vector.options.memory.size_bytes"] == file
    assert origins["target.vector.optimize.prove"] == "--set"
    assert origins["target.vector.quantize.weight_method"] == "default"
    assert run(SMALL, selected=["vector"]).origins["targets"] == "--target"


def test_flags_of_their_own_give_their_name(targets, tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(SMALL)
    flag = Override(path=("output",), value="/tmp/out", origin="--output")  # noqa: S108 - a name
    resolved = resolve(read_config(path), [flag], targets)
    assert resolved.origins["output"] == "--output"
    assert resolved.builds[0].output == str(Path("/tmp/out"))  # noqa: S108 - a name


def test_a_target_named_twice_is_built_once(run):
    builds = run(SMALL, selected=["tile-npu", "vector", "tile-npu"]).builds
    assert [build.target for build in builds] == ["tile-npu", "vector"]


@pytest.mark.parametrize(
    ("addition", "code", "place", "hint"),
    [
        ('[quantize]\nmetod = "mse"', Code.UNKNOWN_KEY, "quantize.metod", "`method`"),
        ("[quantise]", Code.UNKNOWN_KEY, "quantise", "`quantize`"),
        ("[[input]]\nresise = 3", Code.UNKNOWN_KEY, "input.0.resise", "`resize`"),
        (
            "[check.float_reference]\nrto = 3",
            Code.UNKNOWN_KEY,
            "check.float_reference.rto",
            "`rtol`",
        ),
        ("[target.vector]\nplatfrm = 1", Code.UNKNOWN_KEY, "target.vector.platfrm", "`platform`"),
        (
            "[target.vector.options]\nvln = 1",
            Code.UNKNOWN_KEY,
            "target.vector.options.vln",
            "`vlen`",
        ),
        ("[target.tile-npu.options]\nx = 1", Code.UNKNOWN_KEY, "target.tile-npu.options.x", None),
        ("[target.vector.calibration]", Code.UNKNOWN_KEY, "target.vector.calibration", None),
        (
            "[target.vector.options.memory]\nbank = 1",
            Code.UNKNOWN_KEY,
            "target.vector.options.memory.bank",
            "`banks`",
        ),
        ("[quantize]\nmethod = 3", Code.WRONG_TYPE, "quantize.method", None),
        ('[optimize]\nprove = "yes"', Code.WRONG_TYPE, "optimize.prove", None),
        ("[optimize]\nproof_samples = true", Code.WRONG_TYPE, "optimize.proof_samples", None),
        ("[optimize]\nproof_samples = 2.0", Code.WRONG_TYPE, "optimize.proof_samples", None),
        ('[[input]]\nresize = "big"', Code.WRONG_TYPE, "input.0.resize", None),
        ('[[input]]\nresize = [1, "a"]', Code.WRONG_TYPE, "input.0.resize.1", None),
        ("[input]", Code.WRONG_TYPE, "input", None),
        ("[[optimize]]", Code.WRONG_TYPE, "optimize", None),
        ('[check]\nscope = "layer"', Code.BAD_VALUE, "check.scope", "`layers`"),
        ("[quantize]\npercentile = 3", Code.BAD_VALUE, "quantize.percentile", None),
        ("[[input]]\ncrop = [1]", Code.BAD_VALUE, "input.0.crop", None),
        ("[[input]]\nresize = [1, 2, 3]", Code.BAD_VALUE, "input.0.resize", None),
        ("[[input]]\nstd = [0]", Code.BAD_VALUE, "input.0.std.0", None),
        ("[[input]]\nmean = []", Code.BAD_VALUE, "input.0.mean", None),
        (
            '[target.vector]\nplatform = "v22"',
            Code.BAD_VALUE,
            "target.vector.platform",
            "`v2`",
        ),
        ("[target.vector.options]\nvlen = 1", Code.BAD_VALUE, "target.vector.options.vlen", None),
        (
            '[target.vector.options]\ncore = "bigg"',
            Code.BAD_VALUE,
            "target.vector.options.core",
            "`big`",
        ),
        ("[target.vectr]", Code.UNKNOWN_NAME, "target.vectr", "`vector`"),
        ("[evaluation]\nlabels = 'x'", Code.MISSING_KEY, "evaluation.data", None),
        (
            "[[mixed_precision.pins]]\nscale = 1",
            Code.MISSING_KEY,
            "mixed_precision.pins.0.tensor",
            None,
        ),
    ],
)
def test_each_mistake_is_one_problem(problems, tmp_path, addition, code, place, hint):
    (problem,) = problems(f"{SMALL}{addition}\n")
    assert problem.code is code
    assert problem.where == f"{place} in {tmp_path / 'c.toml'}"
    if hint is None:
        assert problem.hint is None or code is not Code.UNKNOWN_KEY
    else:
        assert hint in problem.hint


def test_problems_say_what_is_allowed(problems):
    found = problems(
        SMALL
        + '[check]\nscope = "x"\n[target.vector]\nplatform = "z"\n[target.dsp]\n'
        + '[[input]]\nresize = "big"\nstd = [0]\n'
    )
    allowed = {problem.where.split(" in ")[0]: problem.allowed for problem in found}
    assert allowed == {
        "check.scope": "'outputs' or 'layers'",
        "target.vector.platform": "'v1' or 'v2'",
        "target.dsp": "vector, tile-npu",
        "input.0.resize": "an integer or a list",
        "input.0.std.0": "> 0",
    }


def test_all_problems_are_raised_together(problems):
    found = problems(
        'modle = "${NO_SUCH_VARIABLE}/m"\ntargets = ["dsp"]\n[quantize]\npercentile = 9\n', "a=1"
    )
    assert {problem.where.split(" in ")[0]: problem.code for problem in found} == {
        "modle": Code.UNKNOWN_KEY,
        "a": Code.UNKNOWN_KEY,
        "model": Code.MISSING_KEY,
        "calibration": Code.MISSING_KEY,
        "quantize.percentile": Code.BAD_VALUE,
        "targets": Code.UNKNOWN_NAME,
    }


def test_unknown_paths_of_flags_fail_in_validation(problems):
    (problem,) = problems(SMALL, "quantize.metod=mse")
    assert problem.where == "quantize.metod in --set"
    assert "`method`" in problem.hint


def test_a_mistake_in_a_shared_section_is_reported_once(problems):
    (problem,) = problems(OVERLAID + "[compile]\nname = 3\n", selected=["vector", "tile-npu"])
    assert problem.code is Code.WRONG_TYPE


@pytest.mark.parametrize("targets_line", ["", "targets = []\n"])
def test_a_target_must_be_chosen(problems, targets_line):
    (problem,) = problems(f'model = "m"\n{targets_line}calibration = {{ data = "x" }}\n')
    assert problem.code is Code.MISSING_KEY
    assert problem.allowed == "vector, tile-npu"
    (problem,) = problems(SMALL, selected=[])
    assert problem.code is Code.MISSING_KEY


def test_unknown_targets_are_told_from_known_ones(problems):
    (problem,) = problems(SMALL, selected=["vectors"])
    assert (problem.code, problem.where) == (Code.UNKNOWN_NAME, "targets in --target")
    assert "`vector`" in problem.hint


@pytest.mark.parametrize("value", ["x", [1], None, {"vector": 1}])
def test_targets_of_the_wrong_type_are_reported(problems, value):
    found = problems({"model": "m", "calibration": {"data": "x"}, "targets": value})
    assert Code.WRONG_TYPE in {problem.code for problem in found}


@pytest.mark.parametrize("value", ["x", [1], None, {"vector": 1}, {"vector": [{}]}])
def test_target_tables_of_the_wrong_type_are_reported(problems, value):
    (problem,) = problems(
        {"model": "m", "calibration": {"data": "x"}, "targets": ["vector"], "target": value}
    )
    assert problem.code is Code.WRONG_TYPE


def test_all_formats_resolve_to_the_same(targets, tmp_path):
    texts = {
        "c.toml": SMALL + '[optimize]\nrtol = 1e-3\n[target.vector]\nplatform = "v2"\n',
        "c.json": '{"model": "m.onnx", "targets": ["vector"], "calibration": {"data": "samples"},'
        '"optimize": {"rtol": 1e-3}, "target": {"vector": {"platform": "v2"}}}',
        "c.yaml": "model: m.onnx\ntargets: [vector]\ncalibration: {data: samples}\n"
        "optimize: {rtol: 1e-3}\ntarget: {vector: {platform: v2}}\n",
    }
    builds = []
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        builds.append(resolve(read_config(path), (), targets).builds)
    assert builds[0] == builds[1] == builds[2]


def test_a_plugin_with_bad_options_is_told(targets, tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Needy:
        must: int

    @dataclass(frozen=True, kw_only=True)
    class Odd:
        thing: ModuleType = sys

    path = tmp_path / "c.toml"
    path.write_text(SMALL)
    for options in (Needy, Odd):
        broken = {"vector": replace(targets["vector"], options=options)}
        with pytest.raises(PluginError) as caught:
            resolve(read_config(path), (), broken)
        assert caught.value.code is Code.PLUGIN_OPTIONS


KEYS = sorted({part for leaf in leaves() for part in leaf.path.split(".")} | {"vector", "tile-npu"})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["mse", "percentile", "x", "cosine", "random", "~nobody/x", "${X}", "a.npz:b", ""]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
GOOD = {"model": "m", "targets": ["vector"], "calibration": {"data": "x"}}


@given(
    config=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
    sets=st.lists(
        st.tuples(st.lists(st.sampled_from([*KEYS, "0", "1"]), min_size=1, max_size=4), VALUES),
        max_size=2,
    ),
    good=st.booleans(),
)
@hypothesis_settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_config_resolves_or_is_a_config_error(run, config, sets, good):
    assignments = [f"{'.'.join(path)}={json.dumps(value)}" for path, value in sets]
    try:
        resolved = run((GOOD if good else {}) | config, *assignments)
    except ToolchainError as error:
        assert error.exit_code == 2  # noqa: PT017 - both outcomes are fine
    else:
        assert resolved.builds


def test_nothing_heavy_is_imported():
    code = (
        "import sys, toolchain.config.resolve, toolchain.config.schema, toolchain.config.template\n"
        "heavy = {'onnx', 'onnx_ir', 'onnxruntime', 'numba', 'PIL', 'rich'} & set(sys.modules)\n"
        "sys.stderr.write(', '.join(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
