"""Where the error of a model comes from, and what to do about it, read from the figures alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolchain.core.operators import TRAITS
from toolchain.core.options import AnalysisMode, AnalysisOptions
from toolchain.core.reports import Finding, LayerRow

LEAST, MOST = 3, 5
"""Findings at least, where there is any error, and at most."""
LEAST_SHARE = 0.05
"""Share of the error of all layers from which a layer behind the first three is a finding."""
_UNFELT = 0.1
"""Part of a layer's noise below which what the layers behind feel of it is next to nothing."""
_EXPLAINED = 0.001
"""Noise of an operand, in parts of a layer's error, up to which it is not called the cause."""


def summary(rows: Sequence[LayerRow], outputs: Sequence[str], options: AnalysisOptions) -> str:
    """How many layers are marked and which is the worst, in one sentence.

    From end to end also what arrives at the model outputs, else what the error consists of.
    """
    scene = _Scene(rows, outputs, options.mode)
    layers = scene.layers
    if not layers:
        return "the forms of the model have no layer in common"
    marked = [row for row in layers if row.marks]
    weights = [row for row in rows if row.constant]
    text = f"{len(marked)} of {_count(len(layers), 'layer')} marked"
    if any(row.marks for row in weights):
        text += f", and {sum(bool(row.marks) for row in weights)} of {len(weights)} weights"
    text += f" (SNR > {options.max_noise:g} or cosine < {options.min_cosine:g})"
    unfelt = [row for row in marked if scene.felt(row) < _UNFELT * row.noise_to_signal]
    if unfelt:
        text += f"; of {len(unfelt)} of them the layers behind feel next to nothing"
    worst = max(layers, key=scene.felt)
    text += f"; the worst is {worst.operator} ({worst.op_type}) with {_figures(worst)}"
    if options.mode is AnalysisMode.END_TO_END:
        ends = [row for row in layers if row.output in outputs]
        return text + "".join(f"; output `{row.output}` has {_figures(row)}" for row in ends)
    return text + scene.parts()


def findings(
    rows: Sequence[LayerRow], outputs: Sequence[str], options: AnalysisOptions
) -> tuple[Finding, ...]:
    """The layers that most of the error comes from, the worst first.

    Per layer, a layer's part is its noise-to-signal ratio; from end to end it is what the ratio
    rises by from the worst of its inputs. What no layer behind feels does not count: an activation
    may be flat where the range of its input is cut. Operators that only move elements answer for
    what they add to the noise that their inputs are stored with.
    """
    scene = _Scene(rows, outputs, options.mode)
    added = {row.output: scene.added(row) for row in scene.layers}
    total = sum(added.values())
    if not total > 0.0 or not math.isfinite(total):
        return ()
    ordered = sorted(scene.layers, key=lambda row: -added[row.output])
    chosen = [
        row
        for number, row in enumerate(ordered[:MOST])
        if added[row.output] >= LEAST_SHARE * total or (number < LEAST and added[row.output])
    ]
    return tuple(scene.finding(row, added[row.output] / total) for row in chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """Part of a layer's error: how much, in words, and what helps."""

    ratio: float
    text: str
    advice: str


class _Scene:
    """All rows, found by name."""

    def __init__(self, rows: Iterable[LayerRow], outputs: Collection[str], mode: str) -> None:
        everything = tuple(rows)
        self.layers = [row for row in everything if not row.constant]
        self._accumulates = mode == AnalysisMode.END_TO_END
        self._by_output: Mapping[str, LayerRow] = {row.output: row for row in self.layers}
        self._weights = [row for row in everything if row.constant]
        self._reach = self._reaching(outputs)

    def _reaching(self, outputs: Collection[str]) -> Mapping[str, float]:
        """The most noise that comes with a tensor in any layer that reads it.

        What only moves it hands it on. Infinite for model outputs and what nobody reads.
        """
        reach: dict[str, float] = {}
        for row in reversed(self.layers):
            here = reach.get(row.output, math.inf)
            if row.output in outputs:
                here = math.inf
            reach[row.output] = here
            found = row.noise_to_signal if self._accumulates else self._rest(row)
            for name in row.inputs:
                reach[name] = max(reach.get(name, 0.0), here if _only_moves(row) else found)
        return reach

    @staticmethod
    def _rest(row: LayerRow) -> float:
        """What is there before the result is stored."""
        return max(row.noise_to_signal - row.rounding - row.clipping, 0.0)

    def felt(self, row: LayerRow) -> float:
        """The noise-to-signal ratio that the layers behind feel."""
        reach = self._reach[row.output]
        if self._accumulates:
            return min(row.noise_to_signal, reach)
        return self._rest(row) + min(row.rounding + row.clipping, reach)

    def _stored(self, row: LayerRow) -> tuple[float, float]:
        """Rounding and clipping, as far as the layers behind feel them.

        From end to end the noise that they feel may have come from in front just as well; where it
        is damped, that is held to be so.
        """
        whole, reach = row.rounding + row.clipping, self._reach[row.output]
        share = min(reach / whole, 1.0) if whole > 0.0 else 1.0
        if self._accumulates and reach < row.noise_to_signal and self._rest(row) > 0.0:
            share = 0.0
        return share * row.rounding, share * row.clipping

    def added(self, row: LayerRow) -> float:
        """The noise-to-signal ratio that the layer itself brings in."""
        before = 0.0
        if self._accumulates:
            inputs = (self._by_output[name] for name in row.inputs if name in self._by_output)
            before = max((self.felt(one) for one in inputs), default=0.0)
        elif _only_moves(row):
            before = max((ratio for _, ratio in self._inputs(row)), default=0.0)
        return max(self.felt(row) - before, 0.0)

    def parts(self) -> str:
        """What the error of all layers together consists of."""
        own = [row for row in self.layers if self.added(row) > 0.0]
        total = sum(self.felt(row) for row in own)
        if not total > 0.0 or not math.isfinite(total):
            return ""
        rounding, clipping = (
            100.0 * sum(part) / total for part in zip(*map(self._stored, own), strict=True)
        )
        rest = max(100.0 - clipping - rounding, 0.0)
        return (
            f"; of all error {clipping:.0f} % is clipping and {rounding:.0f} % rounding of "
            f"results, {rest:.0f} % comes with inputs and weights"
        )

    def finding(self, row: LayerRow, share: float) -> Finding:
        """What most of the layer's error is."""
        rounding, clipping = self._stored(row)
        storing = (_clipping(row, clipping), _rounding(row, rounding, self._finer(row)))
        cause = max((*storing, self._operands(row, self._rest(row))), key=lambda one: one.ratio)
        part = min(cause.ratio / max(rounding + clipping + self._rest(row), cause.ratio), 1.0)
        return Finding(
            operator=row.operator,
            output=row.output,
            share=share,
            cause=f"{100 * part:.0f} % of it {cause.text}",
            advice=cause.advice,
        )

    def _inputs(self, row: LayerRow) -> list[tuple[str, float]]:
        """What the layer reads, each with the noise-to-signal ratio that it comes with."""
        found = [self._by_output[name] for name in row.inputs if name in self._by_output]
        return [
            (one.output, one.noise_to_signal if self._accumulates else one.rounding + one.clipping)
            for one in found
        ]

    def _finer(self, row: LayerRow) -> str:
        """The rule that stores a layer finer; a model input can only be read in float."""
        while _only_moves(row) and row.inputs and row.inputs[0] in self._by_output:
            row = self._by_output[row.inputs[0]]
        if row.nodes:
            return f"{_rule(row.operator)} and a wider `output_dtype`"
        readers = (one.operator for one in self.layers if row.output in one.inputs)
        return f'{_rule(*readers)} and `input_dtype = "float32"`'

    def _operands(self, row: LayerRow, rest: float) -> _Cause:
        """What is there before the result is stored: noise of the weight, of an input, or else."""
        own = [w for w in self._weights if w.operator in row.nodes]
        weights = [(weight.output, weight.noise_to_signal) for weight in own]
        weight, by_weight = max(weights, key=lambda one: one[1], default=("", 0.0))
        data, by_data = max(self._inputs(row), key=lambda one: one[1], default=("", 0.0))
        if max(by_weight, by_data) <= _EXPLAINED * rest:
            return _Cause(
                ratio=rest,
                text="arises in the operator itself, not where the result is stored",
                advice=f'leave it in float: {_rule(row.operator)} and `input_dtype = "float32"`',
            )
        if by_weight >= by_data:
            return _Cause(
                ratio=rest,
                text=f"comes with its weight `{weight}`, {_amplified(by_weight, rest)}",
                advice=f"keep the weight finer: {_rule(row.operator)} and a wider `weight_dtype`, "
                "or another `quantize.weight_method`",
            )
        return self._input_cause(data, by_data, rest)

    def _input_cause(self, data: str, by_data: float, rest: float) -> _Cause:
        """Noise that comes with the input `data`, and what helps against how that is stored."""
        given = self._by_output[data]
        if self._accumulates:
            why, advice = "", "look at the layers in front: the mode `per_layer` shows each alone"
        elif given.clipping > given.rounding:
            why, advice = " by clipping", _clipping(given, 0.0).advice
        else:
            why, advice = " by rounding", f"store that finer: {self._finer(given)}"
        return _Cause(
            ratio=rest,
            text=f"comes with its input `{data}`{why}, {_amplified(by_data, rest)}",
            advice=advice,
        )


def _rule(*operators: str) -> str:
    names = ", ".join(f'"{name}"' for name in operators)
    return f"a rule with `nodes = [{names}]`"


def _amplified(ratio: float, rest: float) -> str:
    """How noisy an operand is, and by how much the operator makes it worse."""
    gain = rest / ratio
    return f"of SNR {ratio:.3g}" + (
        f", which it makes {gain:.2g} times worse" if gain > 1.5 else ""
    )


def _clipping(row: LayerRow, ratio: float) -> _Cause:
    low, high = row.stored or (0.0, 0.0)
    return _Cause(
        ratio=ratio,
        text=f"is clipping: {100 * row.clipped:.3g} % of the elements lie outside "
        f"[{low:.4g}, {high:.4g}], float reaches [{row.real[0]:.4g}, {row.real[1]:.4g}]",
        advice='widen the range: `quantize.method = "minmax"`, a higher `quantize.percentile`, '
        f"or a pin of `{row.output}`",
    )


def _rounding(row: LayerRow, ratio: float, finer: str) -> _Cause:
    low, high = row.stored or (0.0, 0.0)
    rms = math.sqrt(row.mse * 10.0 ** (row.sqnr_db / 10.0)) if math.isfinite(row.sqnr_db) else 0.0
    wide = f", {(high - low) / rms:.3g} times the root mean square of the values" if rms else ""
    return _Cause(
        ratio=ratio,
        text=f"is rounding to {row.quantized_dtype} over [{low:.4g}, {high:.4g}]{wide}",
        advice='narrow the range, by `quantize.method = "percentile"` or "mse" or a pin of '
        f"`{row.output}`, or store it finer: {finer}",
    )


def _only_moves(row: LayerRow) -> bool:
    kinds = [TRAITS.get(name) for name in row.op_type.split("+")]
    return all(kind is not None and kind.moves for kind in kinds)


def _figures(row: LayerRow) -> str:
    return f"SNR {row.noise_to_signal:.3g} and cosine {row.cosine:.5f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
