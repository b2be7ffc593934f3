"""Which samples are calibrated, evaluated and compared on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from toolchain.core.options.doc import STRICT, Doc


class Order(StrEnum):
    """Which samples of a larger set are taken."""

    FIRST = "first"
    RANDOM = "random"


class Pair(StrEnum):
    """How the samples of several inputs find each other."""

    AUTO = "auto"
    ORDER = "order"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOptions:
    """Which samples the statistics come from."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    data: Annotated[
        str | Mapping[str, str],
        Doc(
            "Samples: a folder, a list file (.txt), an archive (.tar, .tar.gz, .zip), .npy, .npz "
            "(`file.npz:key` for one array) or raw (.bin). A table of input name to path where the "
            "model has several inputs."
        ),
    ]
    pair: Annotated[
        Pair,
        Doc(
            "How samples of several inputs are paired, also those of `check.data`: by `order`, or "
            "by file `name`. `auto`: folders and archives by name where the names agree."
        ),
    ] = Pair.AUTO
    samples: Annotated[
        int, Ge(0), Doc("How many samples are used, fewer where there are fewer; 0 takes all.")
    ] = 100
    order: Annotated[Order, Doc("`first` takes them in order, `random` draws them.")] = Order.FIRST
    seed: Annotated[int, Ge(0), Doc("Seed of the random order.")] = 0
    batch_size: Annotated[
        int, Ge(1), Doc("Samples per forward run; needs a model whose batch is free.")
    ] = 1
    threads: Annotated[
        int,
        Ge(0),
        Doc("Threads of sweeps, check, evaluation and analysis; 0 takes one per core."),
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """Labelled samples, to say what quantization cost."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    data: Annotated[str | Mapping[str, str], Doc("Samples, as in `calibration.data`.")]
    pair: Annotated[Pair, Doc("How samples of several inputs are paired, as in `calibration`.")] = (
        Pair.AUTO
    )
    labels: Annotated[
        str | None,
        Doc(
            "CSV of `file,class` lines, `.npy`, `file.npz:key`, or for boxes a folder of YOLO text "
            "files. Where left out: `labels.csv` in the data folder, a folder per class, or the "
            "folder `labels` beside `images`."
        ),
    ] = None
    classes: Annotated[
        tuple[str, ...],
        Doc(
            "Class names in the order of the model's outputs, where labels are names; names of "
            "folders are sorted where left out."
        ),
    ] = ()
    skip: Annotated[
        int, Ge(0), Doc("Leaves out the first samples of the source, such as those calibrated on.")
    ] = 0
    samples: Annotated[int, Ge(0), Doc("How many samples are used; 0 takes all.")] = 0
    order: Annotated[Order, Doc("`first` takes them in order, `random` draws them.")] = Order.FIRST
    seed: Annotated[int, Ge(0), Doc("Seed of the random order.")] = 0
    metric: Annotated[
        str,
        Doc(
            "Metric: `top1`, `top5`, `agreement` and `sqnr` (with the float model, without "
            "labels), a plugin's, or `file.py:name`, a `MetricDef` or function of your own."
        ),
    ] = "top1"
    max_drop: Annotated[
        float | None,
        Ge(0),
        Doc(
            "The build fails if the reference loses more than this against float (0.01: one point)."
        ),
    ] = None
