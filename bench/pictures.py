"""The picture of README.md: `python -m bench.pictures` evaluates a few synthetic images and writes docs/phantom.jpg."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image

import activefreq as af
from activefreq.data import open_dataset
from activefreq.evaluation.examples import make_example
from activefreq.evaluation.pictures import draw_example
from activefreq.predictor import load

MODEL = "freqformer-isic2017"
SHOWN = 4
TARGET = Path(__file__).parent.parent / "docs" / "phantom.jpg"


def main() -> None:
    """Evaluate, choose the objects with two to five clicks, draw them side by side."""
    predictor, dataset = load(MODEL), open_dataset("phantom", limit=48)
    evaluation = af.evaluate(predictor, dataset, strategy="acselect")
    chosen = [r for r in evaluation.results if 2 <= len(r.clicks) <= 5 and r.stop_reason == "reached"][:SHOWN]
    pictures = []
    for result in chosen:
        example = make_example(predictor, dataset, result, torch.device("cpu"), 0.5)
        pictures.append(Image.open(io.BytesIO(draw_example(example))))
    gap = 8
    strip = Image.new("RGB", (sum(p.width + gap for p in pictures) - gap, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        strip.paste(picture, (left, 0))
        left += picture.width + gap
    strip.thumbnail((1400, 1400))
    strip.save(TARGET, quality=85)
    print(f"{TARGET.name}: {', '.join(f'{r.name} ({len(r.clicks)} clicks)' for r in chosen)}")


if __name__ == "__main__":
    main()
