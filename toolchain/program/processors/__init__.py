"""What a compiled model does with its inputs and outputs itself (docs/processors.md).

Processors are operations of the integer program, put before and behind those of the model: every
form of the program executes them, and all forms can be compared.
"""

from toolchain.program.processors.inputs import apply_input, check_input
from toolchain.program.processors.outputs import apply_output
from toolchain.program.processors.records import InputSource, OutputForm
from toolchain.program.processors.samples import beside_pixels, source_sample
from toolchain.program.processors.settle import Processors, settle

__all__ = [
    "InputSource",
    "OutputForm",
    "Processors",
    "apply_input",
    "apply_output",
    "beside_pixels",
    "check_input",
    "settle",
    "source_sample",
]
