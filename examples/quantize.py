"""Quantize a model in memory with samples in memory, and run the result in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from toolchain import quantize

FOLDER = Path(__file__).parents[1] / "configs" / "quickstart"


def main() -> None:
    """Quantize, and count on how many test images float and quantized model agree."""
    model = onnx.load(FOLDER / "digits.onnx")
    images = as_inputs(np.load(FOLDER / "calibration.npz")["x"])
    quantized = quantize(
        model, images, target="riscv", settings={"calibration.samples": len(images)}
    )
    kinds = [node.op_type for node in quantized.graph.node]
    print(f"{kinds.count('QuantizeLinear')} tensors are quantized")

    tests = as_inputs(np.load(FOLDER / "evaluation.npz")["x"])
    classes = [
        np.array([session.run(None, {"image": one[None]})[0].argmax() for one in tests])
        for session in map(open_session, (model, quantized))
    ]
    print(f"agreement {np.mean(classes[0] == classes[1]):.3f} on {len(tests)} images")


def as_inputs(pixels: np.ndarray) -> np.ndarray:
    """Images (N, 8, 8, 1) of 0..16 to what the model takes: (N, 1, 8, 8) of -1..1."""
    return ((pixels.astype(np.float32) - 8) / 8).transpose(0, 3, 1, 2)


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session on the CPU."""
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


if __name__ == "__main__":
    main()
