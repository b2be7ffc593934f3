"""Post-training quantization as onnxruntime's own tools do it, for comparison."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import onnx
import onnx.version_converter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from toolchain.core.dtypes import Array
from toolchain.core.samples import SampleStore


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, samples: SampleStore) -> None:
        self._batches = samples.batches()

    def get_next(self) -> dict[str, Array] | None:
        feeds = next(self._batches, None)
        return None if feeds is None else dict(feeds)


_OPSET_OF_AXES = 13
"""The first opset in which DequantizeLinear has an axis; older models are converted to it."""


def _in_opset_of_axes(model: Path, folder: Path) -> Path:
    proto = onnx.load(model)
    if max(o.version for o in proto.opset_import if not o.domain) >= _OPSET_OF_AXES:
        return model
    converted = folder / "converted.onnx"
    onnx.save(onnx.version_converter.convert_version(proto, _OPSET_OF_AXES), converted)
    return converted


def quantized(model: Path, samples: SampleStore, folder: Path, method: str) -> Path:
    """Simplify and quantize `model`; the QDQ model in `folder`.

    Per-channel int8 weights, asymmetric int8 activations. `method` is MinMax, Percentile, Entropy
    or Distribution.
    """
    simplified, result = folder / "simplified.onnx", folder / f"{method}.onnx"
    with redirect_stdout(io.StringIO()):  # it reports its progress with print
        quant_pre_process(str(_in_opset_of_axes(model, folder)), str(simplified))
        quantize_static(
            str(simplified),
            str(result),
            _Reader(samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )
    return result
