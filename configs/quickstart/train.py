"""Train the quickstart digit classifier and write its model and data files.

Run from the root of the repository:

    pip install torch scikit-learn onnx
    python configs/quickstart/train.py

It writes digits.onnx, calibration.npz and evaluation.npz beside this file.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED, EPOCHS, BATCH, RATE = 0, 40, 64, 4e-3


def unit(i: int, o: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """Return a convolution followed by its batch normalization."""
    conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o))


class Digits(nn.Module):
    """A 29 k parameter CNN with the building blocks of mobile networks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = unit(1, 16, 3)
        self.down = unit(16, 32, 3, stride=2)
        self.depthwise = unit(32, 32, 3, groups=32)
        self.pointwise = unit(32, 64, 1)
        self.reduce = unit(64, 32, 1)
        self.expand = unit(32, 64, 3)
        self.head = nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> Any:
        """Return the logits of a batch of normalized images."""
        x = nn.functional.hardswish(self.stem(image))
        x = nn.functional.relu(self.down(x))
        x = nn.functional.relu6(self.depthwise(x))
        x = nn.functional.relu6(self.pointwise(x))
        x = nn.functional.relu(x + self.expand(nn.functional.relu(self.reduce(x))))
        return self.head(x.mean(dim=(2, 3)))


class Writer:
    """Collects the nodes of an ONNX graph."""

    def __init__(self, model: Digits) -> None:
        self.model = model
        self.nodes: list[onnx.NodeProto] = []

    def op(self, kind: str, scope: str, *inputs: str | float, **attrs: Any) -> str:
        """Append a node and return its output; numbers become Constant nodes."""
        names = [i if isinstance(i, str) else self.constant(scope, i) for i in inputs]
        name = f"/{scope}/{kind}"
        output = "logits" if kind == "Gemm" else f"{name}_output_0"
        self.nodes.append(helper.make_node(kind, names, [output], name, **attrs))
        return output

    def constant(self, scope: str, value: float) -> str:
        """Append a scalar Constant node and return its output."""
        tensor = numpy_helper.from_array(np.array(value, np.float32))
        return self.op("Constant", f"{scope}/{len(self.nodes)}", value=tensor)

    def unit(self, x: str, scope: str) -> str:
        """Append the Conv and BatchNormalization nodes of one unit."""
        conv: Any = self.model.get_submodule(f"{scope}.0")
        attrs = {"kernel_shape": conv.kernel_size, "strides": conv.stride, "group": conv.groups}
        x = self.op("Conv", scope, x, f"{scope}.0.weight", pads=[*conv.padding] * 2, **attrs)
        inputs = [f"{scope}.1.{i}" for i in ("weight", "bias", "running_mean", "running_var")]
        return self.op("BatchNormalization", scope, x, *inputs, epsilon=1e-5)


def to_onnx(model: Digits) -> onnx.ModelProto:
    """Write the forward pass node by node, batch normalization left unfolded."""
    w = Writer(model)
    x = w.unit("image", "stem")
    gate = w.op("Clip", "stem", w.op("Add", "stem", x, 3.0), 0.0, 6.0)
    x = w.op("Div", "stem", w.op("Mul", "stem", x, gate), 6.0)
    x = w.op("Relu", "down", w.unit(x, "down"))
    x = w.op("Clip", "depthwise", w.unit(x, "depthwise"), 0.0, 6.0)
    x = w.op("Clip", "pointwise", w.unit(x, "pointwise"), 0.0, 6.0)
    branch = w.unit(w.op("Relu", "reduce", w.unit(x, "reduce")), "expand")
    x = w.op("Relu", "expand", w.op("Add", "expand", x, branch))
    x = w.op("Flatten", "head", w.op("GlobalAveragePool", "head", x), axis=1)
    w.op("Gemm", "head", x, "head.weight", "head.bias", transB=1)
    state = model.state_dict().items()  # num_batches_tracked, a scalar, is left out
    weights = [numpy_helper.from_array(v.numpy(), k) for k, v in state if v.ndim]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(w.nodes, "digits", [image], [logits], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def normalize(pixels: np.ndarray) -> np.ndarray:
    """Turn uint8 [N, 8, 8, 1] pixels in 0..16 into the model's float32 input."""
    return (pixels.transpose(0, 3, 1, 2).astype(np.float32) - 8) / 8


def fit(x: torch.Tensor, y: torch.Tensor) -> Digits:
    """Train on normalized images and their labels, the same way at every run."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = Digits()
    steps = len(x) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, EPOCHS * steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x))[: steps * BATCH].view(steps, BATCH):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return model.eval()


def main() -> None:
    """Split the data, train, check the exported graph and write the files."""
    digits: Any = load_digits()
    x, y = digits.images.astype(np.uint8)[..., None], digits.target.astype(np.int64)
    x, ex, y, ey = train_test_split(x, y, test_size=400, random_state=SEED, stratify=y)
    x, cx, y, _ = train_test_split(x, y, test_size=100, random_state=SEED, stratify=y)
    model = fit(torch.from_numpy(normalize(x)), torch.from_numpy(y))
    proto = to_onnx(model)
    onnx.checker.check_model(proto, full_check=True)
    outputs: Any = ReferenceEvaluator(proto).run(None, {"image": normalize(ex)})
    expected = model(torch.from_numpy(normalize(ex))).detach().numpy()
    np.testing.assert_allclose(outputs[0], expected, rtol=0, atol=1e-4)
    sys.stdout.write(f"evaluation accuracy: {np.mean(outputs[0].argmax(1) == ey):.4f}\n")
    output = Path(__file__).parent
    onnx.save(proto, output / "digits.onnx")
    np.savez_compressed(output / "calibration.npz", x=cx)
    np.savez_compressed(output / "evaluation.npz", x=ex, y=ey)


if __name__ == "__main__":
    main()
