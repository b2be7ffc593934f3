"""Everything a user can get wrong: a code, an exit status, a place and a way out, no traceback."""

from __future__ import annotations

import gzip
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that is wrong, and what must be said of it.

    Attributes:
        spoil: Changes the files of a project; returns the changes of its config.
        where: In the place of the first problem.
        words: In the message, what was got, what is allowed or the hint.
        count: How many problems are told together.
    """

    spoil: Callable[[Any], dict[str, Any]]
    code: str
    exit_code: int
    where: str = ""
    words: tuple[str, ...] = ()
    count: int = 1


def model(edit: Callable[[onnx.ModelProto], object], **changes: Any) -> Callable[[Any], Any]:
    """Spoils the model by an edit of its protobuf."""

    def spoil(project: Any) -> dict[str, Any]:
        proto = onnx.load(project.folder / "tiny.onnx")
        edit(proto)
        onnx.save(proto, project.folder / "bad.onnx")
        return {"model": "bad.onnx", **changes}

    return spoil


def content(data: Callable[[bytes], bytes]) -> Callable[[Any], dict[str, Any]]:
    """Spoils the bytes of the model."""

    def spoil(project: Any) -> dict[str, Any]:
        (project.folder / "bad.onnx").write_bytes(data((project.folder / "tiny.onnx").read_bytes()))
        return {"model": "bad.onnx"}

    return spoil


def samples(array: Any) -> Callable[[Any], dict[str, Any]]:
    """Other samples."""

    def spoil(project: Any) -> dict[str, Any]:
        np.save(project.folder / "bad.npy", array)
        return {"calibration.data": "bad.npy"}

    return spoil


def settings(**changes: Any) -> Callable[[Any], dict[str, Any]]:
    """Other settings; `__` stands for a dot."""
    return lambda _: {key.replace("__", "."): value for key, value in changes.items()}


def cycle(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].input[0] = "r2"


def opset(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 999


def domain(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].domain = "com.vendor"
    proto.opset_import.append(helper.make_opsetid("com.vendor", 1))


def dynamic(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def set_weight(name: str, value: float) -> Callable[[onnx.ModelProto], None]:
    def edit(proto: onnx.ModelProto) -> None:
        (tensor,) = [item for item in proto.graph.initializer if item.name == name]
        array = numpy_helper.to_array(tensor).copy()
        array.flat[3] = value
        tensor.CopyFrom(numpy_helper.from_array(array, name))

    return edit


def three_unsupported(proto: onnx.ModelProto) -> None:
    """Three operators of two kinds in front of the last one."""
    proto.graph.node[-1].output[0] = "s0"
    proto.graph.initializer.append(numpy_helper.from_array(np.array(1, np.int64), "axis"))
    for number, kind in enumerate(("CumSum", "Sin", "CumSum")):
        output = "logits" if number == 2 else f"s{number + 1}"
        inputs = [f"s{number}"] + (["axis"] if kind == "CumSum" else [])
        node = helper.make_node(kind, inputs, [output], f"bad{number}")
        proto.graph.node.append(node)


def skip_connection(proto: onnx.ModelProto) -> None:
    """The mean of `r1` is added to the logits, past all that stands between them."""
    proto.graph.node[-1].output[0] = "s"
    proto.graph.node.append(helper.make_node("ReduceMean", ["r1"], ["mean"], "mean", keepdims=0))
    proto.graph.node.append(helper.make_node("Add", ["s", "mean"], ["logits"], "sum"))


def gelu(proto: onnx.ModelProto) -> None:
    """An operator that came with opset 20."""
    proto.opset_import[0].version = 20
    proto.graph.node[-1].output[0] = "s"
    proto.graph.node.append(helper.make_node("Gelu", ["s"], ["logits"], "gelu"))


def external(location: str) -> Callable[[onnx.ModelProto], None]:
    def edit(proto: onnx.ModelProto) -> None:
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return edit


def folder(project: Any) -> dict[str, Any]:
    (project.folder / "empty").mkdir()
    return {"calibration.data": "empty"}


def unreadable_image(project: Any) -> dict[str, Any]:
    path = project.folder / "images"
    path.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path / "0.png")
    (path / "1.png").write_bytes((path / "0.png").read_bytes()[:40])
    return {"calibration.data": "images"}


def pickled(project: Any) -> dict[str, Any]:
    path = project.folder / "bad.npy"
    np.save(path, np.array([{"a": 1}, None], object), allow_pickle=True)
    assert pickle.HIGHEST_PROTOCOL
    return {"calibration.data": "bad.npy"}


def archive(*names: str) -> Callable[[Any], dict[str, Any]]:
    """A .tar whose members are called so."""

    def spoil(project: Any) -> dict[str, Any]:
        with tarfile.open(project.folder / "bad.tar", "w") as tar:
            for name in names:
                tar.addfile(tarfile.TarInfo(name))
        return {"calibration.data": "bad.tar"}

    return spoil


def bomb(project: Any) -> dict[str, Any]:
    with gzip.open(project.folder / "bad.tar.gz", "wb", compresslevel=1) as file:
        for _ in range(260):
            file.write(bytes(1 << 20))
    return {"calibration.data": "bad.tar.gz"}


def raw(size: int, **changes: Any) -> Callable[[Any], dict[str, Any]]:
    """A folder of raw files, one of them of another size."""

    def spoil(project: Any) -> dict[str, Any]:
        path = project.folder / "raw"
        path.mkdir()
        for number in range(3):
            (path / f"{number}.bin").write_bytes(bytes(768 if number != 1 else size))
        return {"calibration.data": "raw", **changes}

    return spoil


def function(source: str, name: str = "f") -> Callable[[Any], dict[str, Any]]:
    """A preprocessing function."""

    def spoil(project: Any) -> dict[str, Any]:
        (project.folder / "own.py").write_text(source)
        return {"input": [{"preprocess": f"own.py:{name}"}]}

    return spoil


def evil(project: Any) -> dict[str, Any]:
    path = project.folder / "bad.npy"
    np.save(path, np.array({"x": project.folder}, object), allow_pickle=True)
    return {"calibration.data": "bad.npy"}


def two_inputs(count: int) -> Callable[[Any], dict[str, Any]]:
    """A model of two inputs, and another number of samples for the second."""

    def spoil(project: Any) -> dict[str, Any]:
        proto = onnx.load(project.folder / "tiny.onnx")
        value = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, 8, 8))
        proto.graph.input.append(value)
        proto.graph.node.insert(0, helper.make_node("Add", ["x", "y"], ["xy"], "add"))
        proto.graph.node[1].input[0] = "xy"
        onnx.save(proto, project.folder / "two.onnx")
        np.save(project.folder / "y.npy", np.zeros((count, 3, 8, 8), np.float32))
        data = {"x": "calibration.npy", "y": "y.npy"}
        return {"model": "two.onnx", "calibration.data": data}

    return spoil


def output_is_a_file(project: Any) -> dict[str, Any]:
    (project.folder / "taken").write_text("a file")
    return {"output": "taken"}


def not_finite(value: float) -> Any:
    array = np.zeros((4, 3, 8, 8), np.float32)
    array[2, 1, 0, 0] = value
    return array


GOOD = np.zeros((4, 3, 8, 8), np.float32)

CASES = {
    # Model
    "missing model": Case(spoil=settings(model="none.onnx"), code="TC201", exit_code=3,
                          where="model", words=("none.onnx",)),
    "model is a folder": Case(spoil=settings(model="."), code="TC201", exit_code=3),
    "empty model": Case(spoil=content(lambda _: b""), code="TC202", exit_code=3,
                        where="bad.onnx"),
    "truncated model": Case(spoil=content(lambda data: data[: len(data) // 2]), code="TC202",
                            exit_code=3, where="bad.onnx"),
    "a model that is none": Case(spoil=content(lambda _: b"PK\3\4 a zip file"), code="TC202",
                                 exit_code=3, where="bad.onnx"),
    "cycle": Case(spoil=model(cycle), code="TC204", exit_code=3, words=("conv1", "relu2")),
    "unknown opset": Case(spoil=model(opset), code="TC205", exit_code=3, words=("999", "7 to ")),
    "unknown domain": Case(spoil=model(domain), code="TC206", exit_code=3, where="relu1",
                           words=("com.vendor",)),
    "dynamic dimension": Case(spoil=model(dynamic), code="TC207", exit_code=3, where="'x'",
                              words=("[1, 3, ?, 8]", "set `shape`")),
    "NaN in weights": Case(spoil=model(set_weight("w2", float("nan"))), code="TC209", exit_code=3,
                           where="'w2'", words=("1 of 216",)),
    "infinity in weights": Case(spoil=model(set_weight("w1", float("inf"))), code="TC209",
                                exit_code=3, where="'w1'"),
    "external data outside": Case(spoil=model(external("../secret.bin")), code="TC208",
                                  exit_code=3, where="'w1'", words=("../secret.bin",)),
    "external data missing": Case(spoil=model(external("none.bin")), code="TC208", exit_code=3,
                                  where="'w1'"),
    "three unsupported operators": Case(
        spoil=model(three_unsupported, **{"quantize.unsupported": "error"}),
        code="TC251", exit_code=3, where="bad0 (CumSum)", words=("unsupported = \"cpu\"",), count=3,
    ),
    # Config
    "unknown key": Case(spoil=settings(quantize__metod="mse"), code="TC102", exit_code=2,
                        where="quantize.metod", words=("did you mean `method`?",)),
    "wrong type": Case(spoil=settings(calibration__samples="many"), code="TC103", exit_code=2,
                       where="calibration.samples", words=("an integer",)),
    "bad value": Case(spoil=settings(check__scope="everything"), code="TC104", exit_code=2,
                      where="check.scope", words=("outputs",)),
    "contradiction": Case(spoil=settings(optimize__prove=False, optimize__rtol=0.1), code="TC105",
                          exit_code=2, where="optimize.rtol", words=("`prove`",)),
    "two mistakes": Case(spoil=settings(quantize__metod=1, check__samples=0), code="TC102",
                         exit_code=2, count=2),
    "unknown method": Case(spoil=settings(quantize__method="mxe"), code="TC110", exit_code=2,
                           where="quantize.method", words=("did you mean `mse`?",)),
    "unknown weight method": Case(spoil=settings(quantize__weight_method="kl"), code="TC104",
                                  exit_code=2, where="quantize.weight_method", words=("minmax",)),
    "unknown algorithm": Case(spoil=settings(quantize__algorithms=["bias"]), code="TC110",
                              exit_code=2, where="quantize.algorithms",
                              words=("bias_correction",)),
    "unknown pass": Case(spoil=settings(optimize__skip=["padd"]), code="TC110", exit_code=2,
                         where="optimize.skip", words=("pad",)),
    "unknown preprocessor": Case(spoil=settings(input=[{"preprocess": "mage"}]), code="TC110",
                                 exit_code=2, where="input.preprocess", words=("image",)),
    "unknown input": Case(spoil=settings(input=[{"name": "imag"}]), code="TC110", exit_code=2,
                          where="input.0.name", words=("x",)),
    "a shape that is not the model's": Case(spoil=settings(input=[{"shape": [1, 3, 9, 9]}]),
                                            code="TC104", exit_code=2, where="'x'",
                                            words=("[1, 3, 8, 8]",)),
    "bias type": Case(spoil=settings(quantize__bias_dtype="int8"), code="TC104", exit_code=2,
                      where="quantize.bias_dtype", words=("int32, float32",)),
    "name with a slash": Case(spoil=settings(compile__name="../x"), code="TC104", exit_code=2,
                              where="compile.name"),
    "bad pattern": Case(spoil=settings(check__exclude=["("]), code="TC104", exit_code=2,
                        where="check.exclude[0]"),
    "idle pattern": Case(spoil=settings(check__exclude=["nothing_like_this"]), code="TC108",
                         exit_code=2, where="check.exclude[0]"),
    "everything excluded": Case(spoil=settings(check__exclude=["."]), code="TC108", exit_code=2,
                                where="check.exclude"),
    # Surgery
    "a patch of a node that is not there": Case(
        spoil=settings(surgery__nodes=[{"name": "conv", "attributes": {"group": 1}}]),
        code="TC108", exit_code=2, where="surgery.nodes[0].name", words=("`conv1`",),
    ),
    "attributes that do not fit": Case(
        spoil=settings(surgery__nodes=[
            {"name": "conv1", "attributes": {"stride": [2, 2], "group": "one"}}
        ]),
        code="TC110", exit_code=2, where="surgery.nodes[0].attributes.stride",
        words=("`strides`",), count=2,
    ),
    "an attribute of no type": Case(
        spoil=settings(surgery__nodes=[{"name": "conv1", "attributes": {"group": True}}]),
        code="TC103", exit_code=2, where="surgery.nodes.0.attributes.group",
    ),
    "a constant of another shape": Case(
        spoil=settings(surgery__constants=[{"name": "b1", "data": [1, 2]}]),
        code="TC104", exit_code=2, where="surgery.constants[0].data", words=("[4]", "[2]"),
    ),
    "a constant from a missing file": Case(
        spoil=settings(surgery__constants=[{"name": "b1", "file": "none.npy"}]),
        code="TC301", exit_code=2, where="surgery.constants[0].file", words=("none.npy",),
    ),
    "a constant from nowhere": Case(
        spoil=settings(surgery__constants=[{"name": "b1"}]), code="TC105", exit_code=2,
        where="surgery.constants.0", words=("neither",),
    ),
    "a patch that makes shapes wrong": Case(
        spoil=settings(surgery__nodes=[{"name": "fc", "attributes": {"transA": 1}}]),
        code="TC203", exit_code=3, where="tiny.onnx", words=("surgery",),
    ),
    "a name that is taken": Case(
        spoil=settings(surgery__rename_inputs={"x": "r1"}), code="TC105", exit_code=2,
        where="surgery.rename_inputs.x",
    ),
    "an old name beside a new one": Case(
        spoil=settings(surgery__rename_inputs={"x": "image"}, input=[{"name": "x", "resize": 8}]),
        code="TC110", exit_code=2, where="input.0.name", words=("image",),
    ),
    "an output that is one already": Case(
        spoil=settings(surgery__outputs=["logits"]), code="TC109", exit_code=2,
        where="surgery.outputs[0]",
    ),
    "a cut at nothing": Case(
        spoil=settings(surgery__truncate=["pp"]), code="TC108", exit_code=2,
        where="surgery.truncate", words=("`p`",),
    ),
    "a cut twice": Case(
        spoil=settings(surgery__truncate=["p", "p"]), code="TC105", exit_code=2,
        where="surgery.truncate",
    ),
    "a cut behind everything": Case(
        spoil=settings(surgery__truncate=["logits"]), code="TC109", exit_code=2,
        where="surgery.truncate",
    ),
    "a cut that is none": Case(
        spoil=model(skip_connection, **{"surgery.truncate": ["p"]}), code="TC104", exit_code=2,
        where="surgery.truncate", words=("`r1`",),
    ),
    "passes named that do not run": Case(
        spoil=settings(optimize__enabled=False, optimize__skip=["pad"]), code="TC105",
        exit_code=2, where="optimize.skip", words=("`enabled`",),
    ),
    "an opset without an operator": Case(
        spoil=model(gelu, **{"compile.opset": 19}), code="TC205", exit_code=3, where="gelu",
        words=("no such operator",),
    ),
    # Data
    "missing data": Case(spoil=settings(calibration__data="none.npy"), code="TC301", exit_code=4,
                         where="none.npy", words=("folder of the config",)),
    "empty folder": Case(spoil=folder, code="TC302", exit_code=4, where="empty",
                         words=(".png",)),
    "no samples in the array": Case(spoil=samples(GOOD[:0]), code="TC302", exit_code=4),
    "unreadable image": Case(spoil=unreadable_image, code="TC303", exit_code=4, where="1.png"),
    "unknown kind of data": Case(spoil=settings(calibration__data="tiny.onnx"), code="TC303",
                                 exit_code=4, where="tiny.onnx"),
    "wrong shape": Case(spoil=samples(GOOD[:, :, :7]), code="TC304", exit_code=4,
                        where="sample '0'", words=("(3, 7, 8)",)),
    "wrong dtype": Case(spoil=samples(GOOD.astype(np.complex64)), code="TC305", exit_code=4,
                        where="sample '0'", words=("complex64",)),
    "NaN in a sample": Case(spoil=samples(not_finite(float("nan"))), code="TC306", exit_code=4,
                            where="sample '2'"),
    "infinity in a sample": Case(spoil=samples(not_finite(float("inf"))), code="TC306",
                                 exit_code=4, where="sample '2'"),
    "pickled data": Case(spoil=pickled, code="TC307", exit_code=4, where="bad.npy"),
    "unequal sample counts": Case(spoil=two_inputs(9), code="TC308", exit_code=4,
                                  words=("12 in ", "9 in ", "list of one line")),
    "one path for two inputs": Case(
        spoil=lambda project: {**two_inputs(9)(project), "calibration.data": "calibration.npy"},
        code="TC104", exit_code=2, words=("a table with x, y",),
    ),
    "a member outside": Case(spoil=archive("0.bin", "../evil.bin", "/etc/cron.d/x"), code="TC321",
                             exit_code=4, where="bad.tar", words=("../evil.bin, /etc/cron.d/x",)),
    "an archive that explodes": Case(spoil=bomb, code="TC321", exit_code=4, where="bad.tar.gz",
                                     words=("200 times its own size", "bytes from")),
    "an archive that is none": Case(
        spoil=lambda project: (project.folder / "bad.zip").write_bytes(b"no") and
        {"calibration.data": "bad.zip"}, code="TC303", exit_code=4, where="bad.zip",
    ),
    "raw data of the wrong size": Case(spoil=raw(767), code="TC304", exit_code=4, where="1.bin",
                                       words=("767 bytes", "768 bytes: float32 (1, 3, 8, 8)")),
    "raw data of the wrong type": Case(spoil=raw(192), code="TC304", exit_code=4, where="1.bin",
                                       words=("raw_dtype if they are uint8 or int8",)),
    "a dictionary with code in it": Case(spoil=evil, code="TC307", exit_code=4, where="bad.npy",
                                         words=("a call of pathlib.PosixPath",)),
    "a function that raises": Case(
        spoil=function("def f(sample):\n    return sample['no']\n"), code="TC309", exit_code=4,
        where="own.py:2", words=("IndexError",),
    ),
    "a function that returns nothing": Case(spoil=function("def f(sample): pass"), code="TC309",
                                            exit_code=4, where="own.py:1", words=("NoneType",)),
    "a function of the wrong shape": Case(
        spoil=function("def f(sample):\n    return sample[:2]\n"), code="TC309", exit_code=4,
        where="own.py:1", words=("float32 (2, 8, 8)", "float32 (1, 3, 8, 8)"),
    ),
    "a function that is not there": Case(spoil=function("def g(sample): pass"), code="TC309",
                                         exit_code=4, where="own.py", words=("g",)),
    "a function's file that cannot be run": Case(spoil=function("def f(:"), code="TC309",
                                                 exit_code=4, where="own.py:1"),
    "a function's file that is not there": Case(
        spoil=settings(input=[{"preprocess": "none.py:f"}]), code="TC309", exit_code=4,
        where="none.py",
    ),
    "check data that is missing": Case(spoil=settings(check__data="none.npy"), code="TC301",
                                       exit_code=4, where="none.npy"),
    "a preset with a size of its own": Case(
        spoil=settings(input=[{"preprocess": "IMAGENET", "resize": 8}]), code="TC105", exit_code=2,
        where="input.0.resize", words=("in its own way",),
    ),
    "a letterbox without a size": Case(spoil=settings(input=[{"letterbox": 0}]), code="TC105",
                                       exit_code=2, where="input.0.letterbox"),
    "labels that do not fit": Case(
        spoil=settings(evaluation={"data": "calibration.npy", "labels": "evaluation.npz:y"}),
        code="TC310", exit_code=4, where="evaluation.npz:y",
    ),
    "no sample is left to score": Case(
        spoil=settings(evaluation={"data": "evaluation.npz:x", "labels": "evaluation.npz:y",
                                   "skip": 10}),
        code="TC302", exit_code=4,
    ),
    "unknown metric": Case(
        spoil=settings(evaluation={"data": "evaluation.npz:x", "labels": "evaluation.npz:y",
                                   "metric": "top2"}),
        code="TC110", exit_code=2, where="evaluation.metric", words=("top1",),
    ),
    # Place
    "output is a file": Case(spoil=output_is_a_file, code="TC802", exit_code=7, where="taken"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(command: Any, evaluated: Any, name: str) -> None:
    case = CASES[name]
    good = evaluated.changed(evaluation=None)
    good.build()
    before = good.files()
    bad = good.changed(case.spoil(good))
    answer = command("build", "-c", bad.write(), "-t", "riscv", "--format", "json")
    assert "Traceback" not in answer.err
    problems = answer.problems
    assert (answer.code, problems[0]["code"]) == (case.exit_code, case.code), problems
    assert len(problems) == case.count, problems
    told = problems[0]
    assert told["message"]
    assert not told["message"].endswith(".")
    assert case.where in (told["where"] or "")
    text = " ".join(str(told[key]) for key in ("message", "where", "got", "allowed", "hint"))
    for words in case.words:
        assert words in text
    assert told["got"] or told["allowed"] or told["hint"] or told["where"]
    assert f"error[{case.code}]: " in answer.err
    # What was built before is as it was, and can be built again.
    assert good.files() == before
    assert good.build().cached != ()


def test_the_config_itself(command: Any, tmp_path: Path) -> None:
    for name, text, code in (
        ("a.toml", "model = ", "TC101"),
        ("a.json", "{", "TC101"),
        ("a.yaml", "a: [", "TC101"),
        ("a.ini", "", "TC104"),
    ):
        (tmp_path / name).write_text(text)
        answer = command("build", "-c", tmp_path / name, "-t", "riscv", "--format", "json")
        assert (answer.code, answer.problems[0]["code"]) == (2, code)
        assert name in answer.problems[0]["where"]
    answer = command("build", "-c", tmp_path / "none.toml", "-t", "riscv")
    assert (answer.code, "error[TC106]" in answer.err) == (2, True)


def test_no_calibration_data_is_named(command: Any, project: Any) -> None:
    bad = project.changed(calibration={})
    answer = command("build", "-c", bad.write(), "-t", "riscv", "--format", "json")
    assert [problem["message"] for problem in answer.problems] == [
        "`calibration.data` must be given"
    ]


def test_samples_that_the_float_model_turns_into_infinity(command: Any, project: Any) -> None:
    np.save(project.folder / "huge.npy", np.full((2, 3, 8, 8), 3e38, np.float32))
    bad = project.changed(calibration__data="huge.npy", optimize__prove=False)
    answer = command("build", "-c", bad.write(), "-t", "riscv", "--format", "json")
    assert (answer.code, answer.problems[0]["code"]) == (4, "TC351")
    assert "0" in answer.problems[0]["got"]
