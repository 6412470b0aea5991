"""`activefreq.evaluate`: a predictor, a data set and a click strategy in, an `Evaluation` out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from activefreq.acselect import Selection, make_strategy
from activefreq.evaluation.answers import predictor_device
from activefreq.evaluation.interfaces import Dataset, predictor_name, sample_names
from activefreq.evaluation.loop import ClickLoop, Rounds
from activefreq.evaluation.objects import ObjectResult
from activefreq.evaluation.results import Evaluation, summarise
from activefreq.evaluation.timing import peak_memory
from activefreq.reference.click_rule import STRATEGIES
from activefreq.strategies import AskingStrategy

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["Progress", "check_arguments", "evaluate"]

DEFAULT_THRESHOLDS = (0.80, 0.85, 0.90)


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is."""

    finished: int
    """Objects that are done, skipped ones and those taken over included."""
    total: int
    """Objects in all."""
    clicks: int
    """Clicks made in this run."""


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    strategy: str | Callable[..., Selection] | AskingStrategy = "acselect",
    max_clicks: int = 20,
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
    batch_size: int = 16,
    threshold: float = 0.5,
    full_curve: bool = False,
    device: torch.device | str | None = None,
    seed: int = 0,
    *,
    strategy_options: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_result: Callable[[ObjectResult], None] | None = None,
    done: Iterable[ObjectResult] = (),
) -> Evaluation:
    """Click on every object of a data set until its mask is good, and count the clicks.

    Each object starts from an empty mask, or from the sample's `given` one. The strategy clicks on the errors of the
    current mask, the predictor answers, and so on, at least once, until IoU >= max(thresholds), or `max_clicks` clicks,
    or nothing is left to click. Up to `batch_size` objects of one image size go through the predictor together; images
    are never padded or resized.

    On CUDA, with a named strategy and a predictor whose attribute `capturable` is true (`FreqFormerPredictor`), a click
    on the whole batch is one CUDA graph and the host reads one small table per click. Clicks are the same either way.

    Args:
        predictor: anything with `predict(images, clicks, previous)`, see `activefreq.predictor.Predictor`.
        dataset: a sequence of samples with `name`, `image` and `mask`, see `activefreq.evaluation.Sample`.
        strategy: a name of `activefreq.acselect.STRATEGIES` or `FURTHER_STRATEGIES`, a function
            f(prob, target, clicked) → Selection, or an object with `select_with`, which may ask the predictor
            (`activefreq.strategies.AskingStrategy`). The first click is the one of "largest" for all,
            unless a mask is given.
        max_clicks: clicks per object, at least 1.
        thresholds: of IoU, in (0, 1], at which NoC and NoF are counted.
        batch_size: objects per call of the predictor, at least 1.
        threshold: a pixel is predicted object where its float32 probability is above this, strictly. In [0, 1).
        full_curve: run every click, whatever the IoU; only then does mIoU@k compare with published values.
        device: where images and masks live; the predictor's own device by default.
        seed: of the random strategies; a click depends on it, the object's name and the click's number alone.
        strategy_options: for a named strategy, its options but threshold: those of `activefreq.ops.select_click`, or
            of `activefreq.strategies.Grouped` and `LookAhead`.
        progress: called after every change of what is finished.
        on_result: called with each object's result as soon as it is finished, in no particular order.
        done: results of an earlier run, taken over instead of being evaluated.

    Returns:
        `Evaluation`, with objects in data set order.

    Raises:
        ValueError: an argument out of range, a device that is not there, an empty data set, one with nothing to
            segment, a sample of the wrong shape, or a predictor that answers with the wrong shape or with values
            outside [0, 1]; the message names the predictor or the object.
        TypeError: a wrong type or dtype in the same places.

    Source: the protocol of RITM (Sofiiuk et al. 2021) and the code bases that follow it.
    """
    check_arguments(max_clicks, batch_size, threshold, thresholds)
    thresholds = tuple(float(value) for value in thresholds)
    if isinstance(dataset, (str, Path)):
        raise TypeError(
            f"evaluate: dataset must be a data set; activefreq.data.open_dataset({str(dataset)!r}) opens it"
        )
    if len(dataset) == 0:
        raise ValueError("evaluate: dataset is empty")
    if not callable(getattr(predictor, "predict", None)):
        raise TypeError(
            f"evaluate: predictor {predictor_name(predictor)} has no method predict(images, clicks, previous)"
        )
    if repeated := [name for name, count in Counter(sample_names(dataset) or ()).items() if count > 1]:
        raise ValueError(f"evaluate: dataset has several samples of the name {repeated[0]!r}; names must be unique")
    results = list(done)
    _check_taken_over(results, dataset, max_clicks)
    options = dict(strategy_options or {})
    place = predictor_device(predictor, device)
    if isinstance(strategy, str):
        options["threshold"] = threshold
    strategy_name = strategy if isinstance(strategy, str) else getattr(strategy, "__name__", type(strategy).__name__)
    loop = ClickLoop(
        predictor=predictor,
        dataset=dataset,
        strategy=make_strategy(strategy, **options),
        strategy_name=strategy_name,
        first_click=make_strategy("largest", threshold=threshold),
        max_clicks=max_clicks,
        stop_at=math.inf if full_curve else max(thresholds),
        batch_size=batch_size,
        threshold=threshold,
        seed=seed,
        device=place,
        rounds=_rounds(predictor, strategy, place),
        skipped=dict(getattr(dataset, "skipped", None) or {}),
    )
    taken_over = {result.index for result in results}
    already_skipped = len(loop.skipped)

    def report() -> None:
        if progress is not None:
            skipped = len(loop.skipped) - already_skipped
            progress(Progress(len(results) + skipped, len(dataset), loop.clicks))

    report()
    for result in loop.run(index for index in range(len(dataset)) if index not in taken_over):
        results.append(result)
        if on_result is not None:
            on_result(result)
        report()
    report()
    return summarise(
        results,
        skipped=loop.skipped,
        strategy=strategy_name,
        max_clicks=max_clicks,
        thresholds=thresholds,
        full_curve=full_curve,
        timing=loop.clock.timing(),
        peak_memory=peak_memory(place),
    )


def _rounds(predictor: Predictor, strategy: object, device: torch.device) -> Rounds:
    """A CUDA graph for predictors that can be recorded and strategies of `select_click`, which can."""
    fits = device.type == "cuda" and getattr(predictor, "capturable", False) and strategy in STRATEGIES
    return "graph" if fits else "host"


def check_arguments(
    max_clicks: int, batch_size: int, threshold: float, thresholds: Sequence[float] = DEFAULT_THRESHOLDS
) -> None:
    """Raise ValueError unless these are what `evaluate` takes."""
    counts: dict[str, object] = {"max_clicks": max_clicks, "batch_size": batch_size}
    for name, value in counts.items():
        if not isinstance(value, Integral):
            raise ValueError(f"evaluate: {name} must be a whole number, got {value!r}")
    if max_clicks < 1:
        raise ValueError(f"evaluate: max_clicks must be at least 1, got {max_clicks}")
    if batch_size < 1:
        raise ValueError(f"evaluate: batch_size must be at least 1, got {batch_size}")
    if isinstance(thresholds, Real):
        raise ValueError(
            f"evaluate: thresholds must be one or more IoUs in (0, 1], such as ({thresholds},); got a number"
        )
    given = tuple(thresholds)
    if not given or not all(0 < value <= 1 for value in given):
        raise ValueError(f"evaluate: thresholds must be one or more IoUs in (0, 1], got {given}")
    if len(set(given)) < len(given):
        raise ValueError(f"evaluate: thresholds must differ from each other, got {given}")
    if not 0 <= threshold < 1:
        raise ValueError(f"evaluate: threshold must be in [0, 1), got {threshold}")


def _check_taken_over(results: Sequence[ObjectResult], dataset: Dataset, max_clicks: int) -> None:
    """Raise ValueError unless results of an earlier run are of this data set, each once, and within `max_clicks`."""
    names, seen = sample_names(dataset), set[int]()
    for result in results:
        if result.index in seen:
            raise ValueError(f"evaluate: done has object {result.index}, {result.name!r}, twice")
        seen.add(result.index)
        if len(result.clicks) > max_clicks:
            raise ValueError(
                f"evaluate: done has {len(result.clicks)} clicks on {result.name!r}, more than max_clicks {max_clicks}"
            )
        if not 0 <= result.index < len(dataset):
            raise ValueError(
                f"evaluate: done has {result.name!r} as object {result.index}, but dataset has {len(dataset)} objects"
            )
        if names is not None and names[result.index] != result.name:
            raise ValueError(
                f"evaluate: done has {result.name!r} as object {result.index}, which dataset calls "
                f"{names[result.index]!r}; the results are of other data"
            )
