"""The reference interpreter: the definition of what an integer program computes."""

from toolchain.program.interpreter.execution import Interpreter

__all__ = ["Interpreter"]
