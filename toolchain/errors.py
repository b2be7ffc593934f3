"""The one exception tree of the project, its stable codes and its exit codes.

Every error a user can cause carries a :class:`Problem`: what is wrong, where, what was found, what
is allowed and a hint. Problems that can be collected are raised together in one error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Code(StrEnum):
    """Stable codes of everything that can go wrong; `tc explain CODE` says more."""

    # Configuration and usage (exit 2)
    CONFIG_SYNTAX = "TC101"
    UNKNOWN_KEY = "TC102"
    WRONG_TYPE = "TC103"
    BAD_VALUE = "TC104"
    CONTRADICTION = "TC105"
    CONFIG_NOT_FOUND = "TC106"
    UNDEFINED_VARIABLE = "TC107"
    NO_MATCH = "TC108"
    NO_EFFECT = "TC109"
    UNKNOWN_NAME = "TC110"
    MISSING_KEY = "TC111"
    BAD_USAGE = "TC112"
    # Model (exit 3)
    MODEL_NOT_FOUND = "TC201"
    MODEL_NOT_ONNX = "TC202"
    MODEL_INVALID = "TC203"
    MODEL_CYCLIC = "TC204"
    UNKNOWN_OPSET = "TC205"
    UNKNOWN_DOMAIN = "TC206"
    DYNAMIC_DIMENSION = "TC207"
    EXTERNAL_DATA = "TC208"
    NOT_FINITE_WEIGHT = "TC209"
    SHAPE_UNKNOWN = "TC210"
    PASS_CHANGED_RESULT = "TC211"
    UNSUPPORTED_OP = "TC251"
    HALF_PRECISION = "TC261"
    # Data and calibration (exit 4)
    DATA_NOT_FOUND = "TC301"
    DATA_EMPTY = "TC302"
    DATA_UNREADABLE = "TC303"
    DATA_SHAPE = "TC304"
    DATA_DTYPE = "TC305"
    DATA_NOT_FINITE = "TC306"
    DATA_PICKLED = "TC307"
    DATA_MISMATCH = "TC308"
    PREPROCESS_FAILED = "TC309"
    LABELS_INVALID = "TC310"
    DATA_FEW_SAMPLES = "TC311"
    ARCHIVE_UNSAFE = "TC321"
    DATA_SUSPICIOUS = "TC322"
    CALIBRATION_FAILED = "TC351"
    # Quantization and compilation (exit 5)
    PRECISION_NOT_APPLIED = "TC401"
    QDQ_INVALID = "TC402"
    PARAMS_INVALID = "TC403"
    RUNS_IN_FLOAT = "TC404"
    LOWERING_FAILED = "TC501"
    PACKAGE_INVALID = "TC502"
    PROGRAM_INVALID = "TC503"
    COMPILER_FAILED = "TC504"
    CODE_INVALID = "TC505"
    MACHINE_CODE_INVALID = "TC506"
    NO_BATCH = "TC507"
    # Check (exit 1)
    CHECK_FAILED = "TC601"
    CHECK_INCOMPLETE = "TC602"
    RUNNER_FAILED = "TC603"
    RUNS_DIFFER = "TC604"
    # Plugins (exit 6)
    PLUGIN_IMPORT = "TC701"
    PLUGIN_RAISED = "TC702"
    PLUGIN_BAD_RETURN = "TC703"
    PLUGIN_CONFLICT = "TC704"
    PLUGIN_UNKNOWN_HOOK = "TC705"
    PLUGIN_OPTIONS = "TC706"
    # Environment (exit 7)
    DISK_FULL = "TC801"
    NOT_WRITABLE = "TC802"
    TOOL_MISSING = "TC803"
    OUT_OF_MEMORY = "TC804"
    CACHE_DAMAGED = "TC805"
    # Bugs (exit 70)
    INTERNAL = "TC901"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: Stable code, explained by `tc explain`.
        message: What is wrong, one sentence without a full stop.
        where: Node, value, file or dotted config path.
        got: What was found there.
        allowed: What would have been accepted.
        hint: What the user can do next.
    """

    code: Code
    message: str
    where: str | None = None
    got: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """One line per field, message first."""
        lines = [f"{self.message} [{self.code}]"]
        for label in ("where", "got", "allowed", "hint"):
            text = getattr(self, label)
            if text is not None:
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)


class ToolchainError(Exception):
    """Base of every error that `tc` reports without a traceback."""

    exit_code: ClassVar[int] = 70

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        where: str | None = None,
        got: object = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Make an error of one problem; `got` is shown as text."""
        problem = Problem(
            code=code,
            message=message,
            where=where,
            got=None if got is None else str(got),
            allowed=allowed,
            hint=hint,
        )
        self.problems: tuple[Problem, ...] = (problem,)
        super().__init__(str(problem))

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> Self:
        """Make one error of all `problems`, which must not be empty."""
        collected = tuple(problems)
        first = collected[0]
        error = cls(first.code, first.message)
        error.problems = collected
        error.args = ("\n".join(str(problem) for problem in collected),)
        return error

    @property
    def code(self) -> Code:
        """The code of the first problem."""
        return self.problems[0].code


class ConfigError(ToolchainError):
    """The config file, an override or the command line is wrong."""

    exit_code = 2


class ModelError(ToolchainError):
    """The model cannot be read, is invalid or cannot be built."""

    exit_code = 3


class UnsupportedOpError(ModelError):
    """Operators that the target cannot run; lists all of them."""


class DataError(ToolchainError):
    """Sample or label data cannot be read or does not fit the model."""

    exit_code = 4


class CalibrationError(ToolchainError):
    """The calibration sweep failed."""

    exit_code = 4


class QuantizationError(ToolchainError):
    """A plan or its parameters cannot be made or applied."""

    exit_code = 5


class CompileError(ToolchainError):
    """A quantized model cannot be lowered or packaged."""

    exit_code = 5


class CheckFailed(ToolchainError):  # noqa: N818 - the field's word for it
    """A check found a difference beyond its tolerance, or could not run."""

    exit_code = 1


class PluginError(ToolchainError):
    """A plugin cannot be imported, raised, or broke the hook contract."""

    exit_code = 6


class SystemFailure(ToolchainError):  # noqa: N818 - `EnvironmentError` is a builtin
    """The machine lacks something: disk, permission, memory or a tool."""

    exit_code = 7


class InternalError(ToolchainError):
    """A bug in the toolchain itself."""

    exit_code = 70
