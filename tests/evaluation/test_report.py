import re

import numpy as np
import pytest
import torch
from toy_objects import ToyDataset

import activefreq as af
from activefreq.clicks import Click
from activefreq.evaluation.examples import Example, best_median_worst, make_example, replay
from activefreq.evaluation.nearest_click import NearestClick
from activefreq.evaluation.objects import ObjectResult
from activefreq.evaluation.pictures import draw_example
from activefreq.evaluation.report import write_report

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def evaluations():
    return [af.evaluate(NearestClick(), ToyDataset(9), name, max_clicks=6) for name in ("largest", "random")]


def test_the_page_needs_no_other_file(tmp_path, evaluations):
    dataset = ToyDataset(9)
    for sample in dataset.samples:
        sample.name += " <b>&"
    evaluations = [af.evaluate(NearestClick(), dataset, name, max_clicks=6) for name in ("largest", "random")]
    page = write_report(tmp_path, evaluations, NearestClick(), dataset).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "<script" not in page
    assert "url(" not in page
    assert "object-0 <b>&" not in page
    assert re.search(r"object-\d &lt;b&gt;&amp;", page)
    assert page.count("data:image/png") == 2
    assert page.count("data:image/jpeg") == 6  # best, median and worst of each
    for evaluation in evaluations:
        assert f"{evaluation.noc[90]:.2f}" in page
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_skipped_objects_are_listed(tmp_path):
    dataset = ToyDataset(4)
    dataset.samples[1].mask[:] = 0
    evaluation = af.evaluate(NearestClick(), dataset, max_clicks=3)
    page = write_report(tmp_path, [evaluation], NearestClick(), dataset).read_text()
    assert "Skipped: 1" in page
    assert "the mask has no object pixel" in page


def test_best_median_and_worst(evaluations):
    evaluation = evaluations[0]
    groups = best_median_worst(evaluation)
    assert list(groups) == ["best", "median", "worst"]
    (best,), (median,), (worst,) = groups.values()

    def cost(result):
        reached = [k for k, iou in enumerate(result.ious) if iou >= 0.9]
        return (reached[0] if reached else 99, -result.ious[-1])

    costs = sorted(cost(result) for result in evaluation.results)
    assert [cost(best), cost(median), cost(worst)] == [costs[0], costs[4], costs[-1]]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_no_object_is_shown_twice(count):
    evaluation = af.evaluate(NearestClick(), ToyDataset(count), max_clicks=3)
    shown = [result.name for results in best_median_worst(evaluation, each=2).values() for result in results]
    assert len(shown) == len(set(shown)) == count


def test_examples_repeat_the_evaluation(evaluations):
    dataset = ToyDataset(9)
    for result in evaluations[1].results:
        example = make_example(NearestClick(), dataset, result, CPU, 0.5)
        truth = example.target == 1
        valid = example.target >= 0
        both, either = example.prediction & truth, (example.prediction | truth) & valid
        assert both.sum() / either.sum() == result.ious[-1]
        assert np.array_equal((example.image * 255).round(), dataset[result.index].image)


def test_replay_feeds_the_mask_before():
    class Counting:
        def predict(self, images, clicks, previous):
            assert clicks.shape[1] == round(previous.max().item() * 8) + 1
            return previous + 0.125

    image = torch.zeros(3, 4, 4)
    assert torch.equal(
        replay(Counting(), image, [(0, 0, 1), (1, 1, 0), (2, 2, 1)], image[0] * 0), torch.full((4, 4), 0.375)
    )


def test_an_object_on_a_very_flat_image_is_drawn():
    result = ObjectResult(0, "flat", (2, 1500), 2, [Click(0, 3, 1)], [0.5], "reached")
    target = np.zeros((2, 1500), np.int8)
    target[:, 3] = 1
    drawn = draw_example(Example(result, np.full((2, 1500, 3), 0.5, np.float32), target, target == 1))
    assert drawn[:2] == b"\xff\xd8"  # a JPEG
