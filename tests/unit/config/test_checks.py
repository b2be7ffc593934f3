"""Settings that contradict each other, and those that only look so."""

from __future__ import annotations

import pytest

from toolchain.errors import Code

SMALL = 'model = "m.onnx"\ntargets = ["vector"]\ncalibration.data = "x"\n'
RULE = SMALL + "[[mixed_precision.rules]]\n"
PIN = SMALL + '[[mixed_precision.pins]]\ntensor = "t"\n'
INPUT = SMALL + "[[input]]\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (RULE + 'output_dtype = "int8"', "mixed_precision.rules.0"),
        (RULE + 'nodes = ["a"]\nop_types = ["b"]\nmethod = "kl"', "mixed_precision.rules.0"),
        (RULE + 'nodes = ["a"]\nstart = ["b"]\nmethod = "kl"', "mixed_precision.rules.0"),
        (RULE + 'nodes = ["a"]', "mixed_precision.rules.0"),
        (RULE + 'nodes = ["a"]\nend = ["b"]\nmethod = "kl"', "mixed_precision.rules.0.end"),
        (RULE + 'nodes = ["a"]\npercentile = 0.9', "mixed_precision.rules.0.percentile"),
        (
            RULE + 'nodes = ["a"]\npercentile = 0.9\nmethod = "mse"',
            "mixed_precision.rules.0.percentile",
        ),
        (SMALL + "[quantize]\npercentile = 0.9", "quantize.percentile"),
        (SMALL + '[quantize]\nmethod = "mse"\npercentile = 0.9999', "quantize.percentile"),
        (SMALL + "[quantize]\npercentile_16bit = 0.99999", "quantize.percentile_16bit"),
        (
            SMALL + '[quantize]\nmethod = "percentile"\npercentile_16bit = 0.99',
            "quantize.percentile_16bit",
        ),
        (
            SMALL + '[quantize]\nmethod = "percentile"\n[target.vector.quantize]\nmethod = "mse"\n'
            "percentile = 0.9",
            "target.vector.quantize.percentile",
        ),
        (INPUT + 'preprocess = "IMAGENET"\nresize = 8', "input.0.resize"),
        (INPUT + 'preprocess = "PT_IMAGENET"\nfilter = "area"', "input.0.filter"),
        (INPUT + 'preprocess = "IMAGENET"\nmean = [1, 2]', "input.0.mean"),
        (INPUT + "letterbox = 114", "input.0.letterbox"),
        (INPUT + "letterbox = 114\nresize = 8", "input.0.letterbox"),
        (SMALL + 'calibration.pair = "name"', "calibration.pair"),
        (
            SMALL + '[evaluation]\ndata = "x"\nlabels = "y"\npair = "order"',
            "evaluation.pair",
        ),
        (PIN, "mixed_precision.pins.0"),
        (PIN + "scale = 1\nmin = 0\nmax = 1", "mixed_precision.pins.0"),
        (PIN + "min = 0", "mixed_precision.pins.0"),
        (PIN + "min = 0\nmax = 1\nzero_point = 3", "mixed_precision.pins.0.zero_point"),
        (PIN + "min = 2\nmax = 1", "mixed_precision.pins.0.min"),
        (PIN + "min = [0, 2]\nmax = 1", "mixed_precision.pins.0.min"),
        (PIN + "min = [0, 0]\nmax = [1, 1, 1]", "mixed_precision.pins.0"),
        (PIN + "scale = [1, 2]\nzero_point = [1, 2, 3]", "mixed_precision.pins.0"),
        (
            PIN + 'scale = 1\n[[mixed_precision.pins]]\ntensor = "t"\nscale = 2',
            "mixed_precision.pins.1.tensor",
        ),
        (SMALL + "[check.float_reference]\nrtol = 1", "check.float_reference.rtol"),
        (
            SMALL + '[check.qdq_reference]\nmetric = "allclose"\nmin_cosine = 0.9',
            "check.qdq_reference.min_cosine",
        ),
        (
            SMALL + '[check.qdq_reference]\nmetric = "exact"\natol = 1',
            "check.qdq_reference.atol",
        ),
        (
            SMALL + "[check.float_reference]\nmin_cosine = 0.5\n[target.vector.check]\n"
            'float_reference = { metric = "cosine", atol = 1 }',
            "target.vector.check.float_reference.atol",
        ),
        (SMALL + "calibration.seed = 3", "calibration.seed"),
        (SMALL + "optimize = { prove = false, rtol = 1 }", "optimize.rtol"),
        (INPUT + "mean = [1, 2]\nstd = [1, 2, 3]", "input.0"),
        (INPUT + 'preprocess = "image"\nmean = [1, 2]', "input.0.mean"),
        (INPUT + 'color = "gray"\nstd = [1, 2, 3]', "input.0.std"),
        (INPUT + "[[input]]\nname = 'b'", "input.0"),
        (INPUT + "name = 'b'\n[[input]]\nname = 'b'", "input.1.name"),
    ],
)
def test_contradictions(problems, tmp_path, text, place):
    (problem,) = problems(text)
    assert problem.code is Code.CONTRADICTION
    assert problem.where == f"{place} in {tmp_path / 'c.toml'}"


def test_contradictions_are_reported_together_and_once_for_all_targets(problems):
    text = SMALL + "calibration.seed = 3\n[check.float_reference]\nrtol = 1\natol = 2\n"
    found = problems(text, selected=["vector", "tile-npu"])
    assert [problem.where.split(" in ")[0] for problem in found] == [
        "calibration.seed",
        "check.float_reference.rtol",
        "check.float_reference.atol",
    ]


def test_overlays_of_targets_not_built_are_checked_too(problems):
    (problem,) = problems(SMALL + "[target.tile-npu.quantize]\npercentile = 0.9\n")
    assert problem.where.startswith("target.tile-npu.quantize.percentile in ")


def test_a_scale_that_is_not_positive(problems):
    (problem,) = problems(PIN + "scale = [1, 0]")
    assert problem.code is Code.BAD_VALUE


@pytest.mark.parametrize(
    "text",
    [
        RULE + 'start = ["DEFAULT"]\nend = ["b"]\noutput_dtype = "int16"',
        RULE + 'nodes = ["a"]\npercentile = 0.9\nmethod = "percentile"',
        RULE + 'nodes = ["a"]\npercentile = 0.9\nmethod = "plugins_own"',
        RULE + 'nodes = ["a"]\nmethod = "percentile"\n[quantize]\npercentile = 0.9',
        SMALL + '[quantize]\nmethod = "percentile"\npercentile = 0.9',
        SMALL + '[quantize]\nmethod = "percentile"\npercentile = 1.0',
        SMALL + '[quantize]\nmethod = "percentile"\npercentile = 0.9\npercentile_16bit = 0.95',
        SMALL + '[quantize]\nmethod = "plugins_own"\npercentile = 0.9',
        SMALL + 'calibration.seed = 3\ncalibration.order = "random"',
        PIN + "scale = [1, 2]\nzero_point = 3",
        PIN + "min = [-1, 0]\nmax = 1",
        INPUT + "mean = [1, 2]\nstd = [3]",
        INPUT + 'color = "gray"\nmean = [1]',
        INPUT + "name = 'a'\n[[input]]\nname = 'b'",
        SMALL + '[check.float_reference]\nmetric = "allclose"\nrtol = 1\natol = 2',
    ],
)
def test_what_fits_together(run, text):
    assert run(text).builds


def test_switching_away_leaves_the_files_details_idle(run):
    text = SMALL + '[quantize]\nmethod = "percentile"\npercentile = 0.9\n'
    resolved = run(text, "quantize.method=mse")
    assert resolved.builds == run(SMALL, "quantize.method=mse").builds
    assert "target.vector.quantize.percentile" not in resolved.origins
    assert "percentile" not in resolved.values["target"]["vector"]["quantize"]


def test_a_flag_without_effect_is_a_contradiction(problems):
    (problem,) = problems(SMALL, "quantize.percentile=0.9")
    assert (problem.code, problem.where) == (Code.CONTRADICTION, "quantize.percentile in --set")
