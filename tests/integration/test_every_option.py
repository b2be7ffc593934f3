"""Every option takes effect: for each leaf of the schema a change that alters what is written.

Neither the manifest nor the resolved config counts, which repeat all options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from toolchain.codegen.native.tools import riscv_compiler, riscv_emulator
from toolchain.config.schema import leaves
from toolchain.errors import Code, Problem, ToolchainError
from toolchain.plugin.manager import PluginManager

NATIVE = not any(isinstance(t, Problem) for t in (riscv_compiler(), riscv_emulator()))
NO_BINARY = {"target.riscv.options.binary": False, "check.runners": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Two builds whose files differ, or of which one is a documented error.

    Attributes:
        base: Settings of both.
        before: Settings of the first alone.
        after: Settings of the second alone.
        kind: The project: plain, labelled, images, float (an operator left in float), normed (a
            batch normalization to fold), open (a dynamic dimension) or two (inputs).
        fails_before: Code that the first build fails with.
        fails: Code that the second build fails with.
        native: True if a compiler and an emulator for RISC-V are needed.
    """

    after: dict[str, Any]
    base: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    kind: str = "plain"
    fails_before: Code | None = None
    fails: Code | None = None
    native: bool = False


def rule(before: dict[str, Any], after: dict[str, Any]) -> Change:
    """Two mixed-precision rules."""
    key = "mixed_precision.rules"
    return Change(before={key: [before]}, after={key: [after]})


def pin(before: dict[str, Any], after: dict[str, Any]) -> Change:
    """Two pins."""
    key = "mixed_precision.pins"
    return Change(before={key: [before]}, after={key: [after]})


def image(before: dict[str, Any], after: dict[str, Any], fails: Code | None = None) -> Change:
    """Two ways to feed images of 12 x 10 pixels to an input of 8 x 8."""
    base = {"resize": [8, 8]}
    return Change(
        kind="images",
        before={"input": [{**base, **before}]},
        after={"input": [{**base, **after}]},
        fails=fails,
    )


def labelled(after: dict[str, Any], **base: Any) -> Change:
    """Another way to score."""
    return Change(kind="labelled", base=base, after=after)


def of_target(name: str, option: str, value: Any) -> Change:
    """Another value of an option of a target's own."""
    return Change(base={"targets": [name]}, after={f"target.{name}.{option}": value})


def analysed(after: dict[str, Any]) -> Change:
    """Another way to analyse."""
    return Change(base={"analysis.enabled": True}, after=after)


def comparison(name: str) -> dict[str, Change]:
    """The options of one comparison; the last layer runs in float, so that all forms differ."""
    island = {"mixed_precision.rules": [{"nodes": ["fc"], "input_dtype": "float32"}]}
    loose = {**island, f"check.{name}": {"metric": "allclose", "rtol": 1.0, "atol": 1.0}}
    return {
        f"check.{name}.metric": Change(after={f"check.{name}.metric": "exact"}),
        f"check.{name}.min_cosine": Change(after={f"check.{name}.min_cosine": 0.5}),
        f"check.{name}.rtol": Change(base=loose, after={f"check.{name}.rtol": 0.5}),
        f"check.{name}.atol": Change(base=loose, after={f"check.{name}.atol": 0.5}),
    }


def compiled_check() -> dict[str, Change]:
    """What is asked of compiled forms; the report says what that was, since all are equal."""
    base = {"targets": ["npu"]}
    close = {**base, "check.compiled.level": "close"}
    changes = {
        "level": (base, "none"),
        "scope": (base, "outputs"),
        "exclude": (base, ["r1"]),
        "rtol": (close, 0.5),
        "atol": (close, 0.5),
        "min_cosine": ({**base, "check.compiled.level": "cosine"}, 0.5),
    }
    return {
        f"check.compiled.{name}": Change(base=start, after={f"check.compiled.{name}": value})
        for name, (start, value) in changes.items()
    }


TO_UINT8 = {"output_dtype": "uint8"}
PERCENTILE = {"nodes": ["relu1"], "method": "percentile"}
DRAWN = {"calibration.samples": 3, "calibration.order": "random"}
TWO_SCORED = {"evaluation.data": {"x": "x", "y": "y"}, "evaluation.labels": "two_labels.npy"}
SCORED = {"evaluation.samples": 4, "evaluation.order": "random"}


def surgery(key: str, before: Any, after: Any) -> Change:
    """Two ways to change the model."""
    return Change(before={f"surgery.{key}": before}, after={f"surgery.{key}": after})


def fed(before: dict[str, Any], after: dict[str, Any], fails: Code | None = None) -> Change:
    """Two ways to feed pixels to the input of 8 x 8."""
    key = "compile.input_processors"
    base = {"format": "rgb", "color": "rgb"}
    return Change(before={key: [{**base, **before}]}, after={key: [{**base, **after}]}, fails=fails)


def handed_out(before: dict[str, Any], after: dict[str, Any], fails: Code | None = None) -> Change:
    """Two ways to hand out the output."""
    key = "compile.output_processors"
    return Change(before={key: [before]}, after={key: [after]}, fails=fails)


CUT = {"shape": [1, 3, 9, 8], "slicing": [0, 0, 0, 0, 1, 3, 8, 8]}
NV12 = {"format": "nv12", "range": "full"}
CHANGES: dict[str, Change] = {
    "surgery.nodes.*.name": surgery(
        "nodes",
        [{"name": "conv1", "attributes": {"strides": [2, 2]}}],
        [{"name": "conv2", "attributes": {"strides": [1, 1]}}],
    ),
    "surgery.nodes.*.attributes": surgery(
        "nodes",
        [{"name": "fc", "attributes": {"alpha": 2}}],
        [{"name": "fc", "attributes": {"alpha": 3}}],
    ),
    "surgery.constants.*.name": surgery(
        "constants",
        [{"name": "b1", "data": [1, 2, 3, 4]}],
        [{"name": "b3", "data": [1, 2, 3, 4, 5]}],
    ),
    "surgery.constants.*.data": surgery(
        "constants", [{"name": "b1", "data": [1, 2, 3, 4]}], [{"name": "b1", "data": [4, 3, 2, 1]}]
    ),
    "surgery.constants.*.file": surgery(
        "constants", [{"name": "b1", "data": [0, 0, 0, 0]}], [{"name": "b1", "file": "ones.npy"}]
    ),
    "surgery.input_shapes": Change(
        base={"calibration.data": "large.npy"}, after={"surgery.input_shapes": {"x": [1, 3, 9, 9]}},
        fails_before=Code.DATA_SHAPE,
    ),
    "surgery.rename_inputs": Change(after={"surgery.rename_inputs": {"x": "image"}}),
    "surgery.rename_outputs": Change(after={"surgery.rename_outputs": {"logits": "scores"}}),
    "surgery.outputs": surgery("outputs", ["r1"], ["r2"]),
    "surgery.truncate": surgery("truncate", ["f"], ["r2"]),
    "optimize.enabled": Change(kind="normed", after={"optimize.enabled": False}),
    "optimize.skip": Change(kind="normed", after={"optimize.skip": ["batch_norm_conv"]}),
    "optimize.prove": Change(after={"optimize.prove": False}),
    "optimize.proof_samples": Change(after={"optimize.proof_samples": 1}),
    "optimize.rtol": Change(
        kind="normed",
        base={"optimize.atol": 0.0},
        after={"optimize.rtol": 0.0},
        fails=Code.PASS_CHANGED_RESULT,
    ),
    "optimize.atol": Change(
        kind="normed",
        base={"optimize.rtol": 0.0},
        after={"optimize.atol": 0.0},
        fails=Code.PASS_CHANGED_RESULT,
    ),
    "quantize.method": Change(
        before={"quantize.method": "percentile"}, after={"quantize.method": "minmax"}
    ),
    "quantize.percentile": Change(
        base={"quantize.method": "percentile"}, after={"quantize.percentile": 0.9}
    ),
    "quantize.weight_method": Change(
        before={"quantize.weight_method": "mse"}, after={"quantize.weight_method": "minmax"}
    ),
    "quantize.algorithms": Change(
        before={"quantize.algorithms": ["bias_correction"]}, after={"quantize.algorithms": []}
    ),
    "quantize.percentile_16bit": Change(
        base={"quantize.method": "percentile"}, after={"quantize.percentile_16bit": 0.9},
        fails=Code.CONTRADICTION,
    ),
    "quantize.activation_dtype": Change(after={"quantize.activation_dtype": "uint8"}),
    "quantize.input_dtype": Change(after={"quantize.input_dtype": "uint8"}),
    "quantize.output_dtype": Change(after={"quantize.output_dtype": "float32"}),
    "quantize.weight_dtype": Change(
        after={"quantize.weight_dtype": "int4"}, fails=Code.BAD_VALUE
    ),
    "quantize.weight_block_size": Change(
        after={"quantize.weight_block_size": 32}, fails=Code.BAD_VALUE
    ),
    "quantize.min_weight_scale": Change(after={"quantize.min_weight_scale": 0.125}),
    "quantize.precision_level": Change(after={"quantize.precision_level": 3}),
    "quantize.bias_dtype": Change(after={"quantize.bias_dtype": "float32"}),
    "quantize.unsupported": Change(
        kind="float", after={"quantize.unsupported": "error"}, fails=Code.UNSUPPORTED_OP
    ),
    "mixed_precision.rules.*.nodes": rule(
        {"nodes": ["pool"], **TO_UINT8}, {"nodes": ["fc"], **TO_UINT8}
    ),
    "mixed_precision.rules.*.op_types": rule(
        {"op_types": ["GlobalAveragePool"], **TO_UINT8}, {"op_types": ["Gemm"], **TO_UINT8}
    ),
    "mixed_precision.rules.*.start": rule(
        {"start": ["r1"], **TO_UINT8}, {"start": ["DEFAULT"], **TO_UINT8}
    ),
    "mixed_precision.rules.*.end": rule(
        {"start": ["r1"], "end": ["p"], **TO_UINT8}, {"start": ["r1"], **TO_UINT8}
    ),
    "mixed_precision.rules.*.input_dtype": rule(
        {"nodes": ["fc"], "input_dtype": "float32"}, {"nodes": ["fc"], "input_dtype": "uint8"}
    ),
    "mixed_precision.rules.*.output_dtype": rule(
        {"nodes": ["fc"], "output_dtype": "float32"}, {"nodes": ["fc"], "output_dtype": "uint8"}
    ),
    "mixed_precision.rules.*.weight_dtype": rule(
        {"nodes": ["fc"], "weight_dtype": "float32"}, {"nodes": ["fc"], "weight_dtype": "int8"}
    ),
    "mixed_precision.rules.*.precision_level": rule(
        {"nodes": ["fc"], "precision_level": 3}, {"nodes": ["f*"], "precision_level": 3}
    ),
    "mixed_precision.rules.*.method": rule(
        {"nodes": ["relu1"], "method": "minmax"}, {"nodes": ["relu1"], "method": "mse"}
    ),
    "mixed_precision.rules.*.percentile": rule(
        {**PERCENTILE, "percentile": 0.9}, {**PERCENTILE, "percentile": 0.8}
    ),
    "mixed_precision.pins.*.tensor": pin(
        {"tensor": "r1", "scale": 0.0625}, {"tensor": "r2", "scale": 0.0625}
    ),
    "mixed_precision.pins.*.scale": pin(
        {"tensor": "r1", "scale": 0.0625}, {"tensor": "r1", "scale": 0.125}
    ),
    "mixed_precision.pins.*.zero_point": pin(
        {"tensor": "r1", "scale": 0.0625}, {"tensor": "r1", "scale": 0.0625, "zero_point": -9}
    ),
    "mixed_precision.pins.*.min": pin(
        {"tensor": "logits", "min": -9.0, "max": 9.0}, {"tensor": "logits", "min": -5.0, "max": 9.0}
    ),
    "mixed_precision.pins.*.max": pin(
        {"tensor": "logits", "min": -9.0, "max": 9.0}, {"tensor": "logits", "min": -9.0, "max": 5.0}
    ),
    "compile.name": Change(after={"compile.name": "other"}),
    "compile.opset": Change(before={"compile.opset": 24}, after={"compile.opset": 13}),
    "compile.sources": Change(after={"compile.sources": True}, base=NO_BINARY),
    "compile.workers": Change(
        after={"compile.workers": 2}, base={"compile.sources": True, **NO_BINARY}
    ),
    "compile.input_processors.*.name": fed({"name": "x"}, {"name": "y"}, Code.UNKNOWN_NAME),
    "compile.input_processors.*.format": fed({}, {"format": "bgr"}),
    "compile.input_processors.*.color": fed({}, {"color": "bgr"}, Code.CONTRADICTION),
    "compile.input_processors.*.layout": fed({}, {"layout": "nhwc"}),
    "compile.input_processors.*.dtype": fed({}, {"dtype": "int8"}),
    "compile.input_processors.*.range": fed(NV12, {**NV12, "range": "limited"}),
    "compile.input_processors.*.matrix": fed(
        {"format": "nv12", "matrix": [1.0] * 12}, {"format": "nv12", "matrix": [0.5] * 12}
    ),
    "compile.input_processors.*.mean": fed({}, {"mean": [1.0, 2.0, 3.0]}),
    "compile.input_processors.*.std": fed({}, {"std": [2.0]}),
    "compile.input_processors.*.shape": fed(
        CUT, {**CUT, "shape": [1, 3, 9, 9]}
    ),
    "compile.input_processors.*.slicing": fed(
        CUT, {**CUT, "slicing": [0, 0, 1, 0, 1, 3, 9, 8]}
    ),
    "compile.input_processors.*.padding": fed({}, {"padding": [0, 0, 1, 0, 0, 0, 0, 0]}),
    "compile.input_processors.*.padding_value": fed(
        {"padding": [0, 0, 1, 0, 0, 0, 0, 0]},
        {"padding": [0, 0, 1, 0, 0, 0, 0, 0], "padding_value": 9},
    ),
    "compile.output_processors.*.name": handed_out(
        {"name": "logits"}, {"name": "y"}, Code.UNKNOWN_NAME
    ),
    "compile.output_processors.*.perm": handed_out({}, {"perm": [1, 0]}),
    "compile.output_processors.*.dtype": handed_out({}, {"dtype": "stored"}),
    **{
        f"compile.{name}": Change(after=after, fails=Code.NO_EFFECT)
        for name, after in {
            "static_batch_sizes": {"compile.static_batch_sizes": [1, 2]},
            "max_dynamic_batch_size": {"compile.max_dynamic_batch_size": 4},
            "ddr_bw_limit": {"compile.ddr_bw_limit": 2.0},
            "slice_mode": {"compile.slice_mode": False},
            "tile_mode": {"compile.tile_mode": False},
            "search": {"compile.search": "deep"},
            "groups.*.input_shapes": {"compile.groups": [{"input_shapes": {"x": [1, 3, 12, 12]}}]},
        }.items()
    },
    "compile.disable_ir_fix": Change(
        after={"compile.disable_ir_fix": True}, fails=Code.CONTRADICTION
    ),
    **{
        f"compile.sub_configs.*.{name}": Change(
            after={"compile.sub_configs": [{"start": ["x"], "end": ["r1"], **own}]},
            fails=Code.NO_EFFECT if own else Code.CONTRADICTION,
        )
        for name, own in {
            "start": {},
            "end": {},
            "ddr_bw_limit": {"ddr_bw_limit": 1.0},
            "slice_mode": {"slice_mode": True},
            "tile_mode": {"tile_mode": False},
        }.items()
    },
    "check.runners": Change(
        base={"compile.sources": True, "target.riscv.options.binary": False},
        before={"check.runners": []},
        after={"check.runners": ["riscv"]},
    ),
    "check.emulated_samples": Change(
        base={"compile.sources": True, "check.runners": ["riscv"]},
        after={"check.emulated_samples": 2},
        native=True,
    ),
    "check.enabled": Change(after={"check.enabled": False}),
    "check.data": Change(after={"check.data": "other.npy"}),
    "check.samples": Change(after={"check.samples": 2}),
    "check.scope": Change(after={"check.scope": "layers"}),
    "check.exclude": Change(
        base={"check.scope": "layers"}, after={"check.exclude": ["^r1$"]}
    ),
    **compiled_check(),
    **comparison("float_reference"),
    **comparison("qdq_reference"),
    "analysis.enabled": Change(after={"analysis.enabled": True}),
    "analysis.data": analysed({"analysis.data": "other.npy"}),
    "analysis.samples": analysed({"analysis.samples": 2}),
    "analysis.mode": analysed({"analysis.mode": "end_to_end"}),
    "analysis.on": analysed({"analysis.on": "qdq"}),
    "analysis.max_noise": analysed({"analysis.max_noise": 1e-9}),
    "analysis.min_cosine": analysed({"analysis.min_cosine": 1.0}),
    "model": Change(after={"model": "other.onnx"}),
    "output": Change(after={"output": "elsewhere"}),
    "targets": Change(before={"targets": []}, after={"targets": ["riscv"]},
                      fails_before=Code.MISSING_KEY),
    "input.*.name": Change(
        before={"input": [{"name": "x"}]}, after={"input": [{"name": "y"}]},
        fails=Code.UNKNOWN_NAME,
    ),
    "input.*.shape": Change(
        kind="open", after={"input": [{"shape": [1, 3, 8, 8]}]},
        fails_before=Code.DYNAMIC_DIMENSION,
    ),
    "input.*.preprocess": image({}, {"preprocess": "lunch"}, Code.UNKNOWN_NAME),
    "input.*.format": Change(
        kind="images", base={"input": [{"resize": [8, 8]}]},
        after={"input": [{"resize": [8, 8], "format": "binary"}]}, fails=Code.DATA_EMPTY,
    ),
    "input.*.raw_dtype": Change(
        base={"calibration.data": "raw"}, after={"input": [{"raw_dtype": "float64"}]},
        fails=Code.DATA_SHAPE,
    ),
    "input.*.letterbox": image({}, {"letterbox": 114}),
    "input.*.resize": image({"crop": [8, 8]}, {"resize": [10, 9], "crop": [8, 8]}),
    "input.*.crop": image(
        {"crop": [8, 8]}, {"crop": [9, 9]}, Code.DATA_SHAPE
    ),
    "input.*.filter": image({}, {"filter": "nearest"}),
    "input.*.color": image({}, {"color": "bgr"}),
    "input.*.mean": image({}, {"mean": [99.0]}),
    "input.*.std": image({}, {"std": [2.0, 3.0, 4.0]}),
    "input.*.layout": image({}, {"layout": "nhwc"}, Code.DATA_SHAPE),
    "calibration.data": Change(after={"calibration.data": "other.npy"}),
    "calibration.pair": Change(
        kind="two", before={"calibration.pair": "order"}, after={"calibration.pair": "name"}
    ),
    "evaluation.pair": Change(
        kind="two", base=TWO_SCORED, before={"evaluation.pair": "order"},
        after={"evaluation.pair": "name"},
    ),
    "calibration.samples": Change(after={"calibration.samples": 3}),
    "calibration.order": Change(
        base={"calibration.samples": 3}, after={"calibration.order": "random"}
    ),
    "calibration.seed": Change(base=DRAWN, after={"calibration.seed": 1}),
    "calibration.batch_size": Change(after={"calibration.batch_size": 3}),
    "evaluation.data": labelled({"evaluation.data": "other.npy"}),
    "evaluation.labels": labelled({"evaluation.labels": "other_labels.npy"}),
    "evaluation.classes": Change(
        kind="labelled", base={"evaluation.labels": "names.csv"},
        before={"evaluation.classes": ["left", "right"]},
        after={"evaluation.classes": ["none", "left", "right"]},
    ),
    "evaluation.skip": labelled({"evaluation.skip": 4}),
    "evaluation.samples": labelled({"evaluation.samples": 4}),
    "evaluation.order": Change(
        kind="labelled", base={"evaluation.samples": 4}, after={"evaluation.order": "random"}
    ),
    "evaluation.seed": Change(kind="labelled", base=SCORED, after={"evaluation.seed": 2}),
    "evaluation.metric": labelled({"evaluation.metric": "top5"}),
    "evaluation.max_drop": labelled({"evaluation.max_drop": 1.0}),
    "target.riscv.platform": Change(after={"target.riscv.platform": "k3"}),
    "target.riscv.options.binary": Change(
        base={"compile.sources": True, "check.runners": []},
        after={"target.riscv.options.binary": False},
        native=True,
    ),
    "target.npu.platform": of_target("npu", "platform", "ax620e"),
    "target.npu.options.npu_mode": of_target("npu", "options.npu_mode", "NPU2"),
    "target.kdp.platform": of_target("kdp", "platform", "720"),
    "target.kdp.options.quantization": of_target("kdp", "options.quantization", "radix"),
    "target.kdp.options.dma_bandwidth": of_target("kdp", "options.dma_bandwidth", 8.0),
    "target.kdp.options.weight_bandwidth": of_target("kdp", "options.weight_bandwidth", 4.0),
    "target.dpu.platform": of_target("dpu", "platform", "b512"),
    "target.dpu.options.cores": of_target("dpu", "options.cores", 2),
}  # fmt: skip
"""One change for each option, but for `calibration.threads`, which must change no file."""


def two_inputs(project: Any, proto: Any) -> Any:
    """The project with a second input; by name its samples pair otherwise than by order."""
    rng = np.random.default_rng(8)
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, 8, 8))
    proto.graph.input.append(value)
    proto.graph.node.insert(0, helper.make_node("Sub", ["x", "y"], ["d"], "sub"))
    proto.graph.node[1].input[0] = "d"
    for file, scale in (("x/a/1", 1), ("x/b/2", 2), ("y/a/2", 4), ("y/b/1", 2)):
        path = project.folder / f"{file}.npy"
        path.parent.mkdir(parents=True)
        np.save(path, rng.normal(0, scale, (3, 8, 8)).astype(np.float32))
    np.save(project.folder / "two_labels.npy", np.zeros(2, np.int64))
    data = {"calibration.data": {"x": "x", "y": "y"}}
    return project.save("two.onnx", proto).changed(data)


@pytest.fixture
def project_of(project: Any, evaluated: Any, make_tiny: Callable[..., Any]) -> Callable[[str], Any]:
    """The project of a kind."""
    rng = np.random.default_rng(7)
    folder = project.folder

    def other_files() -> None:
        np.save(folder / "other.npy", rng.normal(1, 2, (10, 3, 8, 8)).astype(np.float32))
        np.save(folder / "large.npy", rng.normal(0, 1, (10, 3, 9, 9)).astype(np.float32))
        np.save(folder / "ones.npy", np.ones(4, np.float32))
        np.save(folder / "other_labels.npy", np.zeros(10, np.int64))
        lines = [f"{number},{'right' if number % 3 else 'left'}" for number in range(10)]
        (folder / "names.csv").write_text("\n".join(lines), encoding="utf-8")
        project.save("other.onnx", make_tiny(seed=3))
        (folder / "raw").mkdir()
        rng.normal(0, 1, (3, 8, 8)).astype(np.float32).tofile(folder / "raw" / "0.bin")

    def images() -> Any:
        (folder / "images").mkdir()
        for number in range(3):
            pixels = rng.integers(0, 256, (12, 10, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        return project.changed(calibration={"data": "images", "samples": 3})

    def normed() -> Any:
        proto = make_tiny()
        proto.graph.node[0].output[0] = "n1"
        node = helper.make_node("BatchNormalization", ["n1", *"sbmv"], ["c1"], "norm")
        proto.graph.node.insert(1, node)
        for name in "sbmv":
            values = rng.uniform(0.5, 1.5, 4).astype(np.float32)
            proto.graph.initializer.append(numpy_helper.from_array(values, name))
        return project.save("normed.onnx", proto)

    def dynamic() -> Any:
        proto = make_tiny()
        proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
        return project.save("open.onnx", proto)

    def make(kind: str) -> Any:
        other_files()
        makers: dict[str, Callable[[], Any]] = {
            "plain": lambda: project,
            "labelled": lambda: evaluated,
            "images": images,
            "float": lambda: project.save("extra.onnx", make_tiny(extra=True)),
            "normed": normed,
            "open": dynamic,
            "two": lambda: two_inputs(project, make_tiny()),
        }
        return makers[kind]()

    return make


def built(project: Any, code: Code | None) -> dict[str, str]:
    """Folder and published files of a build, or the code that it fails with as it should."""
    chosen = None if "targets" in project.config else ("riscv",)
    if code is None:
        result = project.run(targets=chosen)
        folder = result.targets[0].files[0].path.parent
        files = project.files(folder)
        del files["manifest.json"]
        return {"folder": f"{result.output.name}/{folder.name}", **files}
    with pytest.raises(ToolchainError) as caught:
        project.run(targets=chosen)
    assert [problem.code for problem in caught.value.problems] == [code]
    return {"code": code}


@pytest.mark.parametrize("path", CHANGES)
def test_an_option_takes_effect(project_of: Callable[[str], Any], path: str) -> None:
    change = CHANGES[path]
    if change.native and not NATIVE:
        pytest.skip("there is no compiler or no emulator for RISC-V")
    project = project_of(change.kind).changed(change.base)
    before = built(project.changed(change.before), change.fails_before)
    after = built(project.changed(change.after), change.fails)
    assert before != after


def test_threads_reach_the_sweep(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolchain.pipeline.stages import calibrate

    used = []
    sweep = calibrate.sweep

    def recording(*arguments: Any) -> Any:
        used.append(arguments[3].threads)
        return sweep(*arguments)

    monkeypatch.setattr("toolchain.pipeline.stages.calibrate.sweep", recording)
    project.changed(calibration__threads=3).build()
    assert used == [3]


@pytest.mark.parametrize("module", ["comparison", "evaluation"])
def test_threads_reach_check_and_evaluation(
    evaluated: Any, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    from toolchain.calibration.ordered import ordered_map

    used = []

    def recording(function: Any, items: Any, threads: int) -> Any:
        used.append(threads)
        return ordered_map(function, items, threads)

    monkeypatch.setattr(f"toolchain.analysis.{module}.ordered_map", recording)
    evaluated.changed(calibration__threads=3).build()
    # The reference runs alone; onnxruntime's forms run three samples side by side.
    assert set(used) - {1} == {3}


def test_no_option_is_left_out() -> None:
    known = {leaf.path for leaf in leaves(PluginManager.load().targets())}
    tested = {*CHANGES, "calibration.threads"}
    assert known - tested == set(), "options without a change that proves their effect"
    assert tested - known == set(), "changes of options that do not exist"
