"""Which samples are scored, by what metric, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from toolchain.calibration.boxes import box_labels
from toolchain.calibration.labels import class_labels
from toolchain.calibration.sources import Selection, paths_of
from toolchain.core.labels import LabelReader, LabelSource, Truth
from toolchain.core.lookup import lookup
from toolchain.core.options import EvaluationOptions
from toolchain.core.python_file import split_name
from toolchain.core.registry import MetricDef
from toolchain.errors import Code, ConfigError, DataError, PluginError
from toolchain.graph.inputs import input_specs
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.digests import key
from toolchain.pipeline.stages.samples import SampleQuery, names_of
from toolchain.plugin.userfile import load_user_object
from toolchain.render.jsonout import to_json

_READERS: Mapping[Truth, LabelReader] = MappingProxyType(
    {Truth.CLASSES: class_labels, Truth.BOXES: box_labels}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What is scored on: samples of a source that are not read yet, and their truths.

    Attributes:
        options: What the user asked for.
        metric: What is measured.
        selection: Which samples of `options.data`.
        truths: What is known of each; empty where the float model is the truth.
        digest: Of metric and truths, for cache keys.
    """

    options: EvaluationOptions
    metric: MetricDef
    selection: Selection
    truths: tuple[Any, ...]
    digest: str

    @property
    def query(self) -> SampleQuery:
        """The samples, to be preprocessed."""
        return SampleQuery(
            where="evaluation.data",
            sources=self.options.data,
            selection=self.selection,
            pair=self.options.pair,
        )


def labelled_samples(context: BuildContext, options: EvaluationOptions) -> Labelled:
    """Read the labels and choose samples; neither the model nor a sample is read.

    Raises:
        ConfigError: There is no such metric.
        DataError: Labels are missing, are none, or do not fit the samples.
        PluginError: The metric's own code failed.
    """
    metric, code = _metric(context, options.metric)
    names = names_of(context, options.data, options.pair)
    truths = _truths(context, metric, options, names)
    among = range(len(names)) if truths is None else sorted(truths)
    selection = Selection(
        samples=options.samples,
        order=options.order,
        seed=options.seed,
        among=tuple(position for position in among if position >= options.skip),
    )
    positions = selection.positions(len(names))
    if not positions:
        raise DataError(
            Code.DATA_EMPTY,
            "No labelled sample is left to score",
            where="evaluation",
            got=f"{len(among)} labelled samples, of which {options.skip} positions are skipped",
        )
    known = () if truths is None else tuple(truths[position] for position in positions)
    return Labelled(
        options=options,
        metric=metric,
        selection=selection,
        truths=known,
        digest=_digest(metric, code, known),
    )


def _metric(context: BuildContext, name: str) -> tuple[MetricDef, str]:
    """The metric of a name or of `file.py:name`, with the digest of that file."""
    where = "evaluation.metric"
    split = split_name(name)
    if split is None:
        return lookup(context.manager.metrics(), name, "metric", where), ""
    file, label = split
    found = load_user_object(Path(file), label, where)
    if isinstance(found.value, MetricDef):
        return found.guard.guarded(found.value), found.digest
    if callable(found.value):
        metric = MetricDef(name=label, summary=f"{label} of {name}", function=found.value)
        return found.guard.guarded(metric), found.digest
    raise ConfigError(
        Code.BAD_VALUE,
        "This is no metric",
        where=where,
        got=f"{label}: {type(found.value).__name__}",
        allowed="a `toolchain.api.MetricDef`, or a function of outputs and classes to scores",
    )


def _first_path(context: BuildContext, options: EvaluationOptions) -> str:
    if isinstance(options.data, str):
        return options.data
    specs = input_specs(Path(context.options.model), context.options.input)
    return paths_of(options.data, [spec.name for spec in specs])[0]


def _truths(
    context: BuildContext, metric: MetricDef, options: EvaluationOptions, names: tuple[str, ...]
) -> Mapping[int, Any] | None:
    """Truths by position; None where the float model says them."""
    if metric.truth is Truth.FLOAT:
        return None
    source = LabelSource(
        data=_first_path(context, options),
        labels=options.labels,
        names=names,
        classes=options.classes,
    )
    if isinstance(metric.truth, Truth):
        return _READERS[metric.truth](source)
    found = metric.truth(source)
    wrong = [position for position in found if position not in range(len(names))]
    if wrong:
        raise PluginError(
            Code.PLUGIN_BAD_RETURN,
            "A label reader must name positions of samples",
            where=f"metric `{metric.name}`",
            got=str(wrong[0])[:80],
            allowed=f"0 to {len(names) - 1}",
        )
    return found


def _digest(metric: MetricDef, code: str, truths: tuple[Any, ...]) -> str:
    try:
        return key(metric.name, code, to_json(truths))
    except TypeError as error:
        raise PluginError(
            Code.PLUGIN_BAD_RETURN,
            "A label reader must return data",
            where=f"metric `{metric.name}`",
            got=str(error),
            allowed="numbers, text, lists, arrays, or mappings of those",
        ) from error
