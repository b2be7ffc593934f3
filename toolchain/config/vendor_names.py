"""What options of vendors' tools are called here, for the hint of a key that does not exist.

Names only; docs/vendor-options.md lists what they mean there and what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_PLACES: Mapping[str, str] = MappingProxyType(
    {
        # XQuant and XSlim
        "onnx_model": "model",
        "output_prefix": "compile.name",
        "working_dir": "output",
        "skip_onnxsim": "optimize.enabled",
        "calibration_step": "calibration.samples",
        "calibration_batch_size": "calibration.batch_size",
        "calibration_type": "quantize.method",
        "input_parametres": "input",
        "input_name": "input.*.name",
        "input_shape": "input.*.shape",
        "file_type": "input.*.format",
        "color_format": "input.*.color",
        "mean_value": "input.*.mean",
        "std_value": "input.*.std",
        "preprocess_file": "input.*.preprocess",
        "data_list_path": "calibration.data",
        "analysis_enable": "analysis.enabled",
        "finetune_level": "quantize.algorithms",
        "max_percentile": "quantize.percentile",
        "custom_setting": "mixed_precision.rules",
        "truncate_var_names": "surgery.truncate",
        # Knerex
        "np_txt": "calibration.data",
        "datapath_range_method": "quantize.method",
        "data_analysis_pct": "quantize.percentile",
        "percentage": "quantize.percentile",
        "percentage_16b": "quantize.percentile_16bit",
        "data_analysis_threads": "calibration.threads",
        "datapath_bitwidth_mode": "quantize.activation_dtype",
        "weight_bitwidth_mode": "quantize.weight_dtype",
        "model_in_bitwidth_mode": "quantize.input_dtype",
        "model_out_bitwidth_mode": "quantize.output_dtype",
        "quan_config": "mixed_precision.pins",
        # Pulsar2
        "output_dir": "output",
        "output_name": "compile.name",
        "work_dir": "output",
        "target_hardware": "target.npu.platform",
        "npu_mode": "target.npu.options.npu_mode",
        "input_shapes": "surgery.input_shapes",
        "input_configs": "input",
        "calibration_dataset": "calibration.data",
        "calibration_format": "input.*.format",
        "calibration_size": "calibration.samples",
        "calibration_mean": "input.*.mean",
        "calibration_std": "input.*.std",
        "calibration_method": "quantize.method",
        "layer_configs": "mixed_precision.rules",
        "start_tensor_names": "mixed_precision.rules.*.start",
        "end_tensor_names": "mixed_precision.rules.*.end",
        "data_type": "mixed_precision.rules.*.input_dtype",
        "output_data_type": "mixed_precision.rules.*.output_dtype",
        "weight_data_type": "mixed_precision.rules.*.weight_dtype",
        "precision_analysis": "analysis.enabled",
        "precision_analysis_method": "analysis.mode",
        "precision_analysis_mode": "analysis.on",
        "highest_mix_precision": "quantize.precision_level",
        "conv_bias_data_type": "quantize.bias_dtype",
        "refine_weight_threshold": "quantize.min_weight_scale",
        "input_processors": "compile.input_processors",
        "src_format": "compile.input_processors.*.format",
        "tensor_format": "compile.input_processors.*.color",
        "src_layout": "compile.input_processors.*.layout",
        "src_dtype": "compile.input_processors.*.dtype",
        "csc_mode": "compile.input_processors.*.range",
        "csc_mat": "compile.input_processors.*.matrix",
        "padding_constant_value": "compile.input_processors.*.padding_value",
        "output_processors": "compile.output_processors",
        "dst_perm": "compile.output_processors.*.perm",
        "op_processors": "surgery.nodes",
        "const_processors": "surgery.constants",
        "enable_slice_mode": "compile.slice_mode",
        "enable_tile_mode": "compile.tile_mode",
        "src_extra_shapes": "compile.groups.*.input_shapes",
        "check_mode": "check.compiled.scope",
        "check_rtol": "check.compiled.rtol",
        "check_atol": "check.compiled.atol",
        "check_cosine_simularity": "check.compiled.min_cosine",
        "check_tensor_black_list": "check.compiled.exclude",
        # Vitis AI
        "include_cle": "quantize.algorithms",
        "include_bias_corr": "quantize.algorithms",
        "onnx_opset_version": "compile.opset",
    }
)
_CPU = "calibration runs on the CPU: there is no device to choose"
_WHOLE = "configs of other tools are not read; docs/vendor-options.md has the place of each option"
_SECTIONS = (
    "model_parameters",
    "calibration_parameters",
    "quantization_parameters",
    "model_type",
    "onnx_opt",
    "quant",
    "compiler",
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_SECTIONS, _WHOLE),
        "device": _CPU,
        "calibration_device": _CPU,
        "ln_scale_data_type": "scale and bias of normalizations are float32 on every target",
    }
)


def vendor_names() -> Mapping[str, str]:
    """The option that stands here for each option of a vendor's tool."""
    return _PLACES


def vendor_hint(key: str) -> str | None:
    """Where the option `key` of a vendor's tool is found here, or why it is not; else None."""
    place = _PLACES.get(key)
    return _REASONS.get(key) if place is None else f"it is called `{place}` here"
