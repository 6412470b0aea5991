"""Evaluations that start from masks to be corrected."""

import dataclasses

import numpy as np
import pytest
import torch
from toy_objects import ToyDataset

import activefreq as af
from activefreq.acselect import STRATEGIES, make_strategy
from activefreq.evaluation.examples import make_example
from activefreq.evaluation.loop import ClickLoop

CPU = torch.device("cpu")


@dataclasses.dataclass
class Given:
    name: str
    image: np.ndarray
    mask: np.ndarray
    given: np.ndarray | None


class Edited:
    """Toy objects whose left half is missing in the given mask, and a patch of background is in it."""

    def __init__(self, count):
        self.samples = []
        for sample in ToyDataset(count).samples:
            given = (sample.mask == 1).astype(np.int8)
            columns = np.flatnonzero(given.any(axis=0))
            given[:, : columns[len(columns) // 2]] = 0
            given[:2, :5] = 1
            self.samples.append(Given(sample.name, sample.image, sample.mask, given))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


class Disc:
    """Changes a disc around the newest click of the previous mask, and notes what it was asked."""

    def __init__(self):
        self.previous = []

    def predict(self, images, clicks, previous):
        self.previous.append(previous.clone())
        answer = previous.clone()
        rows, columns = (torch.arange(n) for n in previous.shape[1:])
        for image, made in enumerate(clicks):
            made = made[made[:, 2] >= 0]
            if not len(made):  # a slot that no object holds
                continue
            y, x, label = made[-1].tolist()
            answer[image][(rows[:, None] - y) ** 2 + (columns - x) ** 2 <= 9] = float(label)
        return answer


def test_starts_from_the_given_mask():
    data, predictor = Edited(1), Disc()
    found = af.evaluate(predictor, data, strategy="largest", max_clicks=2, full_curve=True)
    sample, result = data.samples[0], found.results[0]
    assert torch.equal(predictor.previous[0][0], torch.from_numpy(sample.given).float())
    click = af.ops.select_click(
        torch.from_numpy(sample.given).float().unsqueeze(0),
        torch.from_numpy(sample.mask).unsqueeze(0),
        strategy="largest",
    )
    assert result.clicks[0][:2] == (int(click.y[0]), int(click.x[0]))
    # The picture of the report is made from the same start.
    example = make_example(predictor, data, result, CPU, 0.5)
    counted = sample.mask != -1
    truth, shown = (sample.mask == 1) & counted, example.prediction & counted
    assert (truth & shown).sum() / (truth | shown).sum() == pytest.approx(result.ious[-1])


def test_the_first_click_is_the_strategy_s():
    """Two regions with different errors: where nothing is given, all strategies click as largest does."""
    data = Edited(1)
    data.samples[0].given[-6:, -9:] = 1  # the largest region, and with the largest sum of error
    made = {name: af.evaluate(Disc(), data, strategy=name, max_clicks=1).results[0].clicks for name in STRATEGIES}
    assert made["acselect"] == made["largest"]
    assert len({tuple(clicks[0]) for clicks in made.values()}) > 1
    data.samples[0].given = None
    empty = (af.evaluate(Disc(), data, strategy=name, max_clicks=1).results[0] for name in STRATEGIES)
    assert len({tuple(result.clicks[0]) for result in empty}) == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rounds_and_batches_agree(strategy):
    def run(rounds, batch_size):
        loop = ClickLoop(
            predictor=Disc(),
            dataset=Edited(11),
            strategy=make_strategy(strategy),
            strategy_name=strategy,
            first_click=make_strategy("largest"),
            max_clicks=5,
            stop_at=0.9,
            batch_size=batch_size,
            threshold=0.5,
            seed=3,
            device=CPU,
            rounds=rounds,
        )
        return sorted(loop.run(range(11)), key=lambda result: result.index)

    expected = run("host", 4)
    assert len(expected) == 11
    assert run("host", 1) == expected
    assert run("device", 4) == expected


def test_a_mask_that_is_right_is_skipped():
    data = Edited(2)
    data.samples[1].given = data.samples[1].mask == 1
    found = af.evaluate(Disc(), data, strategy="largest")
    assert [result.name for result in found.results] == ["object-0"]
    assert found.skipped == {"object-1": "the given mask is right, there is nothing to click"}


def test_wrong_masks_are_named():
    data = Edited(2)
    data.samples[1].given = None
    with pytest.raises(ValueError, match=r"object 'object-1' has no given mask, which others have"):
        af.evaluate(Disc(), data)
    data.samples[1].given = np.zeros((3, 4), np.int8)
    with pytest.raises(ValueError, match=r"object 'object-1': the given mask must have shape \(36, 24\), got \(3, 4\)"):
        af.evaluate(Disc(), data)
    data.samples[1].given = np.full((36, 24), 255)
    with pytest.raises(ValueError, match="object 'object-1': the given mask must hold 0 and 1, or probabilities"):
        af.evaluate(Disc(), data)


def test_advice_on_a_mask_without_doubt():
    """A mask of 0 and 1 has no doubtful pixel: candidates are drawn from all of them."""
    options = {"among": "anywhere", "candidates": 8}
    found = af.evaluate(Disc(), Edited(3), strategy="look-ahead", strategy_options=options, max_clicks=3)
    assert not found.skipped
    assert all(result.clicks for result in found.results)
