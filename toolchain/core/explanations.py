"""What every error code means, with an example and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from toolchain.errors import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One code, explained.

    Attributes:
        title: What is wrong in a few words.
        meaning: When this is reported and why it is not accepted.
        example: A case that leads to it.
        remedy: What to do.
        exit_code: What `tc` exits with when this stops a build.
    """

    title: str
    meaning: str
    example: str
    remedy: str
    exit_code: int


class _Text(NamedTuple):
    title: str
    meaning: str
    example: str
    remedy: str


_CONFIG = {
    Code.CONFIG_SYNTAX: _Text(
        "The config file cannot be parsed",
        "The file is not valid TOML, JSON or YAML; the ending of its name says which is expected.",
        "`method = mse` in a TOML file: the string has no quotes.",
        "Go to the line and column of the message; `tc config init` writes a file that parses.",
    ),
    Code.UNKNOWN_KEY: _Text(
        "A key that no section has",
        "Unknown keys are never ignored: a misspelt setting would silently not take effect.",
        "`[quantise]` in place of `[quantize]`.",
        "Take the suggested key; `tc config schema` lists them all.",
    ),
    Code.WRONG_TYPE: _Text(
        "A value of the wrong type",
        "The key exists, but its value is a string, a number or a list where another is needed.",
        '`samples = "100"`: a string where an integer is needed.',
        "Write the value in the type that the message allows.",
    ),
    Code.BAD_VALUE: _Text(
        "A value outside of what is allowed",
        "The type is right, but the value breaks a limit or is not one of the words allowed.",
        "`percentile = 99.99`: a share is at most 1, so 0.9999 was meant.",
        "Choose a value within the limits of the message.",
    ),
    Code.CONTRADICTION: _Text(
        "Settings that exclude each other",
        "Each setting is valid, but together they ask for two different things.",
        "A pin with both `scale` and `min`, or a `percentile` beside the method `minmax`.",
        "Remove one of the settings that are named.",
    ),
    Code.CONFIG_NOT_FOUND: _Text(
        "The config file does not exist",
        "Nothing is at the path behind `--config`.",
        "`tc build --config confg.toml` in a folder that holds `config.toml`.",
        "Correct the path, or write a first config with `tc config init MODEL.onnx`.",
    ),
    Code.UNDEFINED_VARIABLE: _Text(
        "An environment variable that is not set",
        "The config refers to a variable that the environment lacks; empty text is not assumed.",
        '`data = "${DATASET}/val"` without DATASET being set.',
        "Set the variable, or write the path itself.",
    ),
    Code.NO_MATCH: _Text(
        "A selector that matches nothing",
        "A rule, pin, patch or cut names nodes, tensors or operator types that the model lacks.",
        '`op_types = ["Conv2D"]`: in ONNX the operator is called Conv.',
        "Take names from `tc inspect MODEL`; simplification can remove nodes or join them.",
    ),
    Code.NO_EFFECT: _Text(
        "A setting that changes nothing",
        "What was asked for is there already or cannot apply, so the setting would be dead text.",
        "A rule that sets `weight_dtype` on operators that have no weights.",
        "Remove the setting, or select what it was meant for.",
    ),
    Code.UNKNOWN_NAME: _Text(
        "A name that nothing provides",
        "A target, platform, method, metric, pass or code that is neither built in nor a plugin's.",
        "`--target risc-v`: the target is called riscv.",
        "Take the suggested name; `tc targets` and `tc plugins` list what is installed.",
    ),
    Code.MISSING_KEY: _Text(
        "A required key is missing",
        "The setting has no default, because nobody but the user can know it.",
        "A config without `calibration.data`.",
        "Add the key that is named; `tc config init MODEL.onnx` writes a complete config.",
    ),
    Code.BAD_USAGE: _Text(
        "A command line that cannot be understood",
        "An option or command is unknown, or a value is missing or of the wrong kind.",
        "`tc build --traget riscv`: the option is called `--target`.",
        "See `tc --help`, or `--help` behind the command.",
    ),
}

_MODEL = {
    Code.MODEL_NOT_FOUND: _Text(
        "The model file does not exist",
        "Nothing is at the path of the model; relative paths start at the config file's folder.",
        '`model = "models/net.onnx"` in `configs/net.toml` means `configs/models/net.onnx`.',
        "Correct the path in the config or on the command line.",
    ),
    Code.MODEL_NOT_ONNX: _Text(
        "The file is not an ONNX model",
        "The bytes cannot be read as an ONNX protobuf.",
        "A PyTorch checkpoint renamed to `.onnx`, or a Git LFS pointer in place of the file.",
        "Export the model to ONNX, or fetch the real file.",
    ),
    Code.MODEL_INVALID: _Text(
        "The model breaks the ONNX specification",
        "The file is ONNX, but a node reads a value nobody writes, lacks an attribute or the like.",
        "A Conv whose weight was removed while the model was edited.",
        "Export the model again, or repair the node that is named.",
    ),
    Code.MODEL_CYCLIC: _Text(
        "The graph has a cycle",
        "Nodes depend on their own output, so there is no order to run them in.",
        "Two nodes that read each other's output after a rename.",
        "Break the cycle that is listed; loops belong into a Loop or Scan operator.",
    ),
    Code.UNKNOWN_OPSET: _Text(
        "An opset version that does not do",
        "The installed onnx package does not know the model's operator set, or the one asked for "
        "lacks what the model needs.",
        "A model of an opset that was published after the installed version of onnx, or "
        "`compile.opset = 17` for a model with Gelu.",
        "Upgrade the onnx package, export to an older opset, or ask for a newer one.",
    ),
    Code.UNKNOWN_DOMAIN: _Text(
        "Operators of an unknown domain",
        "The model uses operators outside the ONNX standard whose meaning is not defined here.",
        "A model optimized for one runtime that holds `com.microsoft.FusedConv`.",
        "Export without fusions of a runtime, so that the model holds standard operators only.",
    ),
    Code.DYNAMIC_DIMENSION: _Text(
        "An input dimension that is not fixed",
        "Programs are static: every dimension must be known when the model is built.",
        "An image input of shape (batch, 3, height, width) with free height and width.",
        "Give the shape: `[[input]]` with `shape = [1, 3, 224, 224]`.",
    ),
    Code.EXTERNAL_DATA: _Text(
        "External data is missing or unsafe",
        "Weights lie in another file that is absent, too short, or outside the model's folder.",
        "`net.onnx` was copied without `net.onnx.data`.",
        "Put the data file beside the model under the name that the model gives it.",
    ),
    Code.NOT_FINITE_WEIGHT: _Text(
        "A weight that is NaN or infinite",
        "No scale can represent such a number, and the float model is broken already.",
        "A checkpoint of a training run that diverged.",
        "Train or export again; the message names the initializer and counts its bad elements.",
    ),
    Code.SHAPE_UNKNOWN: _Text(
        "A shape that cannot be inferred",
        "The shape of a value depends on data, so memory and loops cannot be planned.",
        "A Reshape whose target shape is computed from the elements of the input.",
        "Make the shape a constant, or cut the model before the node that is named.",
    ),
    Code.PASS_CHANGED_RESULT: _Text(
        "A simplification changed the result",
        "Original and optimized model were run on samples and differ beyond the tolerance.",
        "A pass folds constants of a model that relies on denormal numbers.",
        "Put the pass that is named into `optimize.skip`, or widen `optimize.rtol` knowingly.",
    ),
    Code.UNSUPPORTED_OP: _Text(
        "Operators that the target cannot run",
        "All nodes that break a rule of the target are listed, with rule and measured value.",
        'A Conv with a 4-D kernel while `quantize.unsupported = "error"`.',
        'Change the model, or allow them to run in float: `quantize.unsupported = "cpu"`.',
    ),
    Code.HALF_PRECISION: _Text(
        "A model in 16-bit floats",
        "float16 and bfloat16 are read as float32: weights keep their numbers, results no longer "
        "round to 16 bits in between, inputs and outputs are float32. This is a warning.",
        "A model exported with half-precision weights.",
        "Nothing, or export the model in float32.",
    ),
}

_DATA = {
    Code.DATA_NOT_FOUND: _Text(
        "Sample data does not exist",
        "A folder, file, line of a list file or key of an archive is not there.",
        '`calibration.data = "images"` where the folder is called `image`.',
        "Correct the path; relative paths start at the config file's folder.",
    ),
    Code.DATA_EMPTY: _Text(
        "There are no samples",
        "The source exists, but holds nothing that can be read as a sample.",
        "An image folder with nothing but sub-folders or text files.",
        "Point to the folder that holds the samples themselves.",
    ),
    Code.DATA_UNREADABLE: _Text(
        "A sample cannot be read",
        "A file is truncated, of an unknown format, or cannot be decoded.",
        "A JPEG whose download stopped half-way.",
        "Replace or remove the files that are listed.",
    ),
    Code.DATA_SHAPE: _Text(
        "Samples do not fit the model's input",
        "After preprocessing, the shape differs from that of the model input.",
        "Images of 256 x 256 for an input of (1, 3, 224, 224), without `crop`.",
        "Set `resize`, `crop` or `layout` of that input, or prepare the arrays accordingly.",
    ),
    Code.DATA_DTYPE: _Text(
        "Samples of the wrong element type",
        "The array cannot be converted to the type of the model input without loss.",
        "float64 arrays for an input of int64 token numbers.",
        "Store the array in the type that the message allows.",
    ),
    Code.DATA_NOT_FINITE: _Text(
        "A sample holds NaN or infinity",
        "One such element would spoil the statistics of every layer behind it.",
        "Arrays that were prepared by dividing by a standard deviation of 0.",
        "Repair or remove the samples that are named.",
    ),
    Code.DATA_PICKLED: _Text(
        "A file that holds Python objects",
        "Loading pickled data can run any code, so it is never loaded.",
        "`np.save` of a list of arrays of different shapes.",
        "Save plain arrays: one per file, or one per key of an `.npz`.",
    ),
    Code.DATA_MISMATCH: _Text(
        "Sources that do not belong together",
        "Several inputs, or samples and labels, must have the same number of samples.",
        "1000 images beside 999 labels.",
        "Make the sources equally long and of the same order.",
    ),
    Code.PREPROCESS_FAILED: _Text(
        "Preprocessing failed",
        "The preprocessor of an input raised an error or returned something unusable.",
        "A plugin's preprocessor that expects colour images and is given a grey one.",
        "See the cause in the message; `-v` shows the traceback.",
    ),
    Code.LABELS_INVALID: _Text(
        "Labels that cannot be used",
        "A label is not a number, is outside the classes of the model, or names no sample.",
        "Classes counted from 1 to 1000 for a model with outputs 0 to 999.",
        "Correct the lines of the label file that are listed.",
    ),
    Code.DATA_FEW_SAMPLES: _Text(
        "Fewer samples than asked for",
        "The source holds fewer samples than were asked for, and all are used; or they are too few "
        "for ranges that hold for other inputs, too.",
        "samples = 500 with a folder of 120 images.",
        "Add samples, or ask for as many as there are.",
    ),
    Code.ARCHIVE_UNSAFE: _Text(
        "An archive that is not safe to read",
        "A member leads out of the archive or is a link, or its members are far larger than it.",
        "A .tar whose member is called `../../.ssh/authorized_keys`.",
        "Pack the samples again: plain files under relative names. Nothing was unpacked.",
    ),
    Code.DATA_SUSPICIOUS: _Text(
        "Samples that do not look like what the model was trained on",
        "They never change, or `mean` and `std` do not fit their range or their colour order.",
        "`mean = [0.485, 0.456, 0.406]`, which is for pixels of 0..1, where they are 0..255.",
        "Compare with how the model was trained: pixels, colour order, mean and std.",
    ),
    Code.CALIBRATION_FAILED: _Text(
        "The calibration sweep failed",
        "The float model could not be run on the samples, or produced NaN.",
        "A model that divides by a zero that only some samples contain.",
        "Run the float model on the sample that is named; remove that sample or mend the model.",
    ),
}

_BUILD = {
    Code.PRECISION_NOT_APPLIED: _Text(
        "A requested precision did not take effect",
        "A rule asks for a type that the target cannot use there, or something else overrode it.",
        '`output_dtype = "int16"` on a target that stores activations as int8 only.',
        "Choose a type from `tc targets NAME`, or remove the rule.",
    ),
    Code.QDQ_INVALID: _Text(
        "Quantize and dequantize nodes that cannot be used",
        "The model brings QDQ nodes that contradict each other or have no constant parameters.",
        "A DequantizeLinear whose scale differs from that of its QuantizeLinear.",
        "Mend the tool that wrote the model, or start from the float model.",
    ),
    Code.PARAMS_INVALID: _Text(
        "Quantization parameters that no integer program can use",
        "A scale is zero, negative or not finite, or a zero point lies outside its type.",
        "A pin with `scale = 0.0`.",
        "Correct the pin; without one, report the tensor that is named as a bug.",
    ),
    Code.RUNS_IN_FLOAT: _Text(
        "Nodes that run in float",
        "The target cannot run these nodes on integers, so they became float islands.",
        "A Resize with cubic interpolation on a target that knows nearest and linear.",
        "Replace the operators, or accept the islands; the report lists all with their reasons.",
    ),
    Code.LOWERING_FAILED: _Text(
        "The quantized model cannot be made an integer program",
        "A node has attributes or parameters for which the target has no integer operation.",
        "A fused activation between two tensors of different zero points.",
        "Let the node that is named run in float with a rule, or choose another target.",
    ),
    Code.PACKAGE_INVALID: _Text(
        "The compiled files are not consistent",
        "A file of the artifact is missing, too short, or its digest is not the recorded one.",
        "A weight file that was edited after the build.",
        "Build again; copy the output folder as a whole.",
    ),
    Code.PROGRAM_INVALID: _Text(
        "An integer program that breaks its own rules",
        "An operation reads a tensor before it is written, or a constant has the wrong shape.",
        "A program file written by another version.",
        "Build again with this version; if that does not help, report it as a bug.",
    ),
    Code.COMPILER_FAILED: _Text(
        "The C compiler could not build a generated program",
        "A compiler or linker ended with an error, or was killed where memory ran out.",
        "A C compiler from before C99, or a cross compiler without a C library.",
        "Read the compiler's first error, which is quoted, and try another compiler.",
    ),
    Code.CODE_INVALID: _Text(
        "Instructions of a machine that break the rules of its instruction set",
        "Bytes, an assembly text or instructions are not what docs/isa.md allows on this machine.",
        "A file that was cut short, or a convolution that writes behind the end of a memory.",
        "Correct the line or instruction that is named; a compiled model is to be built again.",
    ),
    Code.MACHINE_CODE_INVALID: _Text(
        "Code of a machine that the machine cannot execute",
        "An instruction reads what nobody wrote, leaves its memory, or races with another one.",
        "A convolution that does not wait for the transfer of its weights.",
        "Mend the instruction that is named; in code of `tc build`, report it as a bug.",
    ),
    Code.NO_BATCH: _Text(
        "A program that cannot be compiled for several samples at once",
        "An operation mixes elements of different samples, or a Reshape names the batch while "
        "`compile.disable_ir_fix` forbids to change it.",
        "An output that depends on no input, or GatherND on a tensor that holds samples.",
        "Compile for batch 1, or change the model so that axis 0 holds samples only.",
    ),
}

_CHECK = {
    Code.CHECK_FAILED: _Text(
        "A comparison is beyond its tolerance",
        "Float model, QDQ model, integer reference or compiled program differ too much.",
        "A cosine similarity of 0.87 where `check.float_reference.min_cosine` is 0.9.",
        'Set `check.scope = "layers"` to find the layer that differs, then raise its precision.',
    ),
    Code.CHECK_INCOMPLETE: _Text(
        "A comparison could not be made",
        "Something needed to execute the artifact is missing, so the check proves less than asked.",
        "No C compiler to build and run the generated program.",
        "Install what is named, or accept the gap with `--allow-missing`.",
    ),
    Code.RUNNER_FAILED: _Text(
        "A generated program did not run to its end",
        "Its process was ended by a signal, failed, or did not answer in time.",
        "A program with vector instructions on a processor without them.",
        "Read what the program said, which is quoted; run it on the processor it was built for.",
    ),
    Code.RUNS_DIFFER: _Text(
        "Two runs of one program differ",
        "The program is specified to the bit, so that one of them breaks a rule.",
        "A board whose convolution rounds ties up where the program rounds them to even.",
        "Mend the operation that is named first; what differs behind it may follow from that.",
    ),
}

_PLUGIN = {
    Code.PLUGIN_IMPORT: _Text(
        "A plugin cannot be imported",
        "An installed plugin raised an error at import; it only stops a build that needs it.",
        "A target's package that needs a library which is not installed.",
        "Install what is missing, or upgrade or remove the distribution that is named.",
    ),
    Code.PLUGIN_RAISED: _Text(
        "A plugin raised an unexpected error",
        "A hook of a plugin failed with something else than an error of this project.",
        "A KeyError inside `tc_lower` of a target.",
        "Report it to the maintainers of the distribution that is named; `-v` shows the traceback.",
    ),
    Code.PLUGIN_BAD_RETURN: _Text(
        "A plugin returned, or did, something that its contract does not allow",
        "Hooks return typed records that fit each other, and write into their own folder only; "
        "anything else would fail later and further away.",
        "`tc_targets` that returns a TargetSpec in place of a TargetDef.",
        "Mend the hook that is named; its documentation has an example.",
    ),
    Code.PLUGIN_CONFLICT: _Text(
        "Two plugins provide the same name",
        "Which of them would win depended on the order of installation.",
        "Two distributions that both register a target `npu`.",
        "Remove one of the distributions that are named.",
    ),
    Code.PLUGIN_UNKNOWN_HOOK: _Text(
        "A plugin implements a hook that does not exist",
        "A misspelt hook would never be called.",
        "`tc_target` in place of `tc_targets`.",
        "Correct the name, or install the version of this project that the plugin was made for.",
    ),
    Code.PLUGIN_OPTIONS: _Text(
        "A target's options are not a strict record",
        "Options are frozen keyword-only dataclasses in which each field has a default.",
        "An options class with a field of type `dict`.",
        "Mend the class that the plugin gives as `TargetDef.options`.",
    ),
}

_SYSTEM = {
    Code.DISK_FULL: _Text(
        "The disk is full",
        "A file could not be written to its end; no half-written artifact is left behind.",
        "Samples of a large calibration set kept in a small temporary folder.",
        "Free some space, then build again: finished stages are kept. `tc clean` frees the cache.",
    ),
    Code.NOT_WRITABLE: _Text(
        "A file or folder cannot be used",
        "The system refuses access: permissions, a read-only file system, or a file in the way.",
        "`--output /usr/share/net` without the rights to write there.",
        "Choose another `output`, or change the permissions.",
    ),
    Code.TOOL_MISSING: _Text(
        "A program that is needed is not installed",
        "A step needs a compiler or an emulator that was not found.",
        "A native RISC-V build without a C cross compiler.",
        "Install the tool that is named and see that it is found through PATH.",
    ),
    Code.OUT_OF_MEMORY: _Text(
        "Memory ran out",
        "An array could not be allocated.",
        "A model with inputs of several thousand pixels on a machine with 1 GB.",
        "Lower `calibration.batch_size` or `calibration.threads`, or use a larger machine.",
    ),
    Code.CACHE_DAMAGED: _Text(
        "The build cache is damaged",
        "A file of a finished stage is missing or changed; nothing is built on it.",
        "Somebody removed or edited files below `.cache` in the output folder.",
        "`tc clean --cache` removes the cache; the next build fills it again.",
    ),
}

_BUG = {
    Code.INTERNAL: _Text(
        "A bug in this project",
        "Something happened that no input should be able to cause.",
        "An error that is none of the others on this page.",
        "Run again with `-v` and report the traceback with the config and, if possible, the model.",
    ),
}

_EXITS = (2, 3, 4, 5, 1, 6, 7, 70)
_GROUPS = (_CONFIG, _MODEL, _DATA, _BUILD, _CHECK, _PLUGIN, _SYSTEM, _BUG)

EXPLANATIONS: Mapping[Code, Explanation] = MappingProxyType(
    {
        code: Explanation(**text._asdict(), exit_code=exit_code)
        for exit_code, group in zip(_EXITS, _GROUPS, strict=True)
        for code, text in group.items()
    }
)
"""Every code, in the order of the codes."""
