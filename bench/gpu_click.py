"""One click and a whole evaluation on a GPU, for `bench.gpu`.

One click is choosing the pixel, FreqFormer, mask and IoU on one image, until the host has the outcome: kernel by kernel
and as a CUDA graph. An evaluation is `activefreq.evaluate` on synthetic images, against the loop that the field's code
bases run: one image at a time with the same network on the same card, and the click chosen by a distance transform
on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

import activefreq as af
from activefreq.acselect import make_strategy
from activefreq.clicks import Click
from activefreq.data.phantom import Phantom
from activefreq.data.samples import Sample
from activefreq.evaluation.device_group import ClickRules, DeviceGroup
from activefreq.evaluation.objects import open_object
from activefreq.predictor import FreqFormerPredictor, load
from bench.measure import ratio, summarise

MODEL = "freqformer-isic2017"
MAX_CLICKS = 20
IMAGES = 64  # different ones; an evaluation goes over them several times under new names
STOP_AT = 0.90

Distance = Callable[[np.ndarray], np.ndarray]


def rows(seconds: float) -> Iterator[dict[str, Any]]:
    """One click at 224 and 448 pixels; evaluations at 224 by two strategies, batch 64."""
    predictor = load(MODEL, "cuda")
    for size in (224, 448):
        resized = FreqFormerPredictor(predictor.network, predictor.name, input_size=size)
        yield one_click(resized, Phantom("test", (size, size))[0], seconds / 6)
    dataset = Phantom("test", (224, 224), limit=IMAGES)
    samples = [dataset[index] for index in range(len(dataset))]
    for strategy in ("largest", "acselect"):
        yield evaluation(predictor, samples, strategy, 64, seconds / 3)


def one_click(predictor: FreqFormerPredictor, sample: Sample, seconds: float, rounds: int = 2) -> dict[str, Any]:
    """Milliseconds from the click's start until the host has its outcome; batch 1, clicks 1 to 20 of one object."""
    groups = {name: _group(predictor, sample, record) for name, record in (("eager", False), ("graph", True))}
    times: dict[str, list[float]] = {name: [] for name in groups}
    end, done = time.perf_counter() + seconds, -1  # the first round is the warm-up
    while done < rounds or time.perf_counter() < end:
        for group in groups.values():
            group.remove([0])
            group.add(*open_object(sample, 0))
        for _ in range(MAX_CLICKS):
            for name, group in groups.items():
                with torch.inference_mode():
                    group.prepare()
                    _wait(predictor.device)
                    start = time.perf_counter()
                    group.click()
                    group.outcomes()
                times[name].append(time.perf_counter() - start)
        if done < 0:
            times = {name: [] for name in groups}
        done += 1
    row: dict[str, Any] = {"what": "one click", "size": predictor.input_size, "batch": 1, "unit": "milliseconds"}
    row |= {name: summarise([1e3 * value for value in values]) for name, values in times.items()}
    return row | {"recorded": groups["graph"].recorded, "ratio": ratio(times["eager"], times["graph"])}


def _group(predictor: FreqFormerPredictor, sample: Sample, record: bool) -> DeviceGroup:
    device = predictor.device
    rules = ClickRules(predictor, make_strategy("acselect"), torch.tensor(0.5, device=device), MAX_CLICKS, 0, record)
    group = DeviceGroup((predictor.input_size, predictor.input_size), device, 1, rules)
    group.add(*open_object(sample, 0))
    return group


@dataclass(frozen=True)
class Repeated:
    """The samples several times over, each time under new names."""

    samples: list[Sample]
    times: int

    def __len__(self) -> int:
        return len(self.samples) * self.times

    def __getitem__(self, index: int) -> Sample:
        turn, place = divmod(index, len(self.samples))
        return replace(self.samples[place], name=f"{self.samples[place].name}-{turn}")


def evaluation(
    predictor: FreqFormerPredictor, samples: list[Sample], strategy: str, batch: int, seconds: float, runs: int = 3
) -> dict[str, Any]:
    """Clicks per second of `evaluate` and of the loop of one image at a time, everything but making images included."""
    objects = Repeated(samples, max(1, 8 * batch // len(samples)))
    settings: dict[str, Any] = {"strategy": strategy, "batch_size": batch, "thresholds": (STOP_AT,)}
    af.evaluate(predictor, Repeated(samples, 1), max_clicks=4, **settings)
    found, ours, in_stages = None, [], []
    end = time.perf_counter() + seconds / 2
    while len(ours) < runs or time.perf_counter() < end:
        found = af.evaluate(predictor, objects, max_clicks=MAX_CLICKS, **settings)
        ours.append(sum(map(len, found.clicks)) / found.timing.wall)
        in_stages.append(1 / found.seconds_per_click)
    row: dict[str, Any] = {
        "what": "evaluation",
        "strategy": strategy,
        "size": samples[0].image.shape[0],
        "batch": batch,
    }
    row |= {"unit": "clicks per second", "objects": len(objects), "clicks": sum(map(len, found.clicks))}
    row |= {"ours": summarise(ours), "ours_in_stages": summarise(in_stages), "stages": found.timing.stages}
    if strategy != "largest":  # the loop knows the field's rule alone
        return row
    speed, clicks = one_at_a_time(predictor, samples, seconds / 2)
    same = [len(a) == len(b) for a, b in zip(found.clicks, clicks, strict=False)]
    return row | {
        "one_at_a_time": speed,
        "ratio": summarise(ours).median / speed,
        "objects_one_at_a_time": len(clicks),
        "same_number_of_clicks": sum(same) / len(same),
    }


def one_at_a_time(
    predictor: FreqFormerPredictor, samples: list[Sample], seconds: float
) -> tuple[float, list[list[Click]]]:
    """Clicks per second of the field's loop on as many samples as fit the time, and their clicks."""
    distance = _distance()
    field_clicks(predictor, samples[0], distance)
    done: list[list[Click]] = []
    start = time.perf_counter()
    for sample in samples:
        done.append(field_clicks(predictor, sample, distance))
        if time.perf_counter() - start > seconds:
            break
    return sum(map(len, done)) / (time.perf_counter() - start), done


def field_clicks(predictor: FreqFormerPredictor, sample: Sample, distance: Distance) -> list[Click]:
    """Click on one object until IoU >= 0.90, by the field's rule; image, clicks and mask cross over at every click."""
    truth, counts = sample.mask == 1, sample.mask != -1
    image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float().div(255).to(predictor.device)
    probability = torch.zeros((1, *truth.shape), device=predictor.device)
    clicked = np.zeros(truth.shape, bool)
    prediction = np.zeros(truth.shape, bool)
    clicks: list[Click] = []
    while len(clicks) < MAX_CLICKS:
        missed, wrong = (distance(error & counts) * ~clicked for error in (truth & ~prediction, ~truth & prediction))
        positive = bool(missed.max() > wrong.max())
        chosen = missed if positive else wrong
        if chosen.max() == 0:
            break
        y, x = np.unravel_index(chosen.argmax(), chosen.shape)
        clicks.append(Click(int(y), int(x), int(positive)))
        clicked[y, x] = True
        probability = predictor.predict(image, torch.tensor([clicks], device=predictor.device), probability)
        prediction = probability[0].cpu().numpy() > 0.5
        if (truth & prediction & counts).sum() / ((truth | prediction) & counts).sum() >= STOP_AT:
            break
    return clicks


def _distance() -> Distance:
    """cv2's distance transform, as the field has it, else scipy's."""
    try:
        import cv2
    except ImportError:
        from scipy import ndimage

        return lambda mask: ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return lambda mask: cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 0)[1:-1, 1:-1]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
