"""From the QDQ model to the integer program, under the target's rules.

A node becomes an integer operation if all it reads is dequantized and what it writes is quantized
at once (or its accumulator can be handed out in float). Everything else is a float island.
"""

from toolchain.program.lowering.lower import lower

__all__ = ["lower"]
