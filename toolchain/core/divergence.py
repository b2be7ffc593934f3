"""What two runs of one program disagree about, and what its rules say to that."""

from __future__ import annotations

from dataclasses import dataclass

A, B, NEITHER = "a", "b", "neither"
"""Who is right: the first run, the second one, or none of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One element that an operation reads: its tensor, its index there, its stored value."""

    tensor: str
    index: tuple[int, ...]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputation:
    """One element of an operation's output, computed again from its inputs.

    Attributes:
        rule: What the operation computes, as a formula.
        section: Where docs/numerics.md specifies it, as in "5".
        source: Whose inputs it was computed from: "a" or "b".
        terms: Products or elements that were summed; None where nothing is summed.
        accumulator: The exact integer sum with its bias; None where there is none.
        bias: The bias in that sum.
        factor: What the accumulator is multiplied by, float32.
        unrounded: The value in steps of the output before it is rounded, without the zero point.
        rounding: How it is rounded.
        zero_point: What is added then.
        low: Smallest value kept.
        high: Largest value kept.
        value: What the rule makes of it, as stored.
        operands: Elements that were read, where they are few.
    """

    rule: str
    section: str
    source: str
    terms: int | None = None
    accumulator: int | None = None
    bias: int | None = None
    factor: float | None = None
    unrounded: float | None = None
    rounding: str | None = None
    zero_point: int | None = None
    low: float | None = None
    high: float | None = None
    value: float
    operands: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputState:
    """Whether both runs agree about a tensor that an operation reads.

    Attributes:
        tensor: Its name.
        state: "equal", "different" or "not dumped".
    """

    tensor: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first element of a tensor that two runs disagree about.

    Attributes:
        operation: Name of the operation that writes the tensor; empty for an input of the program.
        kind: Its kind, as in "Conv"; "input" for an input of the program.
        tensor: The tensor.
        index: Index of the first element, in row-major order, that differs.
        stored_a: Its value in the first run, as stored.
        stored_b: The same in the second one.
        real_a: Its real value in the first run.
        real_b: The same in the second one.
        different: Elements that differ.
        elements: All elements.
        largest: Largest distance of two elements, in steps of integers, else in real values.
        inputs: Whether the runs agree about what the operation reads.
        recomputed: What the rule says; None for inputs, and where no run has all that is read.
        right: "a", "b" or "neither"; None where the rule cannot tell.
        causes: What would explain every differing element that was tried.
    """

    operation: str
    kind: str
    tensor: str
    index: tuple[int, ...]
    stored_a: float
    stored_b: float
    real_a: float
    real_b: float
    different: int
    elements: int
    largest: float
    inputs: tuple[InputState, ...] = ()
    recomputed: Recomputation | None = None
    right: str | None = None
    causes: tuple[str, ...] = ()

    @property
    def inputs_agree(self) -> bool:
        """True where the fault must lie in the operation itself."""
        return all(one.state == "equal" for one in self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDifference:
    """One tensor that two runs disagree about.

    Attributes:
        tensor: Its name.
        operation: The operation that writes it; empty for an input.
        kind: Its kind; "input" for an input.
        different: Elements that differ.
        elements: All elements.
        largest: Largest distance, in steps of integers, else in real values.
        own: Elements that differ where the operation reads what the second run has; None where
            that was not tried. 0 says that the difference came from before.
    """

    tensor: str
    operation: str
    kind: str
    different: int
    elements: int
    largest: float
    own: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDifference:
    """How two runs of one sample compare.

    Attributes:
        sample: Name of the sample.
        compared: Tensors that both runs have.
        missing: Tensors of the program that one of them lacks.
        rows: Tensors that differ, in the order of the program.
        first: The first of them explained; None where nothing differs.
        notes: What else is to be said about the comparison.
    """

    sample: str
    compared: int
    missing: tuple[str, ...]
    rows: tuple[TensorDifference, ...]
    first: Divergence | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceReport:
    """How two runs of one program compare.

    Attributes:
        target: Target of the program.
        a: What the first run is, as in "reference".
        b: What the second run is.
        samples: One row per sample, in order.
    """

    target: str
    a: str
    b: str
    samples: tuple[SampleDifference, ...]

    @property
    def equal(self) -> bool:
        """True where no sample has a difference."""
        return not any(sample.rows for sample in self.samples)
