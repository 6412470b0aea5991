import numpy as np
import pytest
import torch
from toy_objects import ToyDataset, ToySample

import activefreq as af
from activefreq.evaluation.nearest_click import NearestClick


def square(name="square", size=(12, 12), ignore=None):
    mask = np.zeros(size, np.int8)
    mask[3:8, 3:8] = 1
    if ignore is not None:
        mask[ignore] = -1
    return ToySample(name, np.full((*size, 3), 128, np.uint8), mask)


class Constant:
    """Answers the same mask whatever is clicked."""

    def __init__(self, probability):
        self.probability = probability

    def predict(self, images, clicks, previous):
        return self.probability.expand(previous.shape).clone()


class Remembering:
    """Paints 3 × 3 pixels of the click's label around the newest click; keeps what it was given."""

    def __init__(self):
        self.calls = []
        self.answers = []

    def predict(self, images, clicks, previous):
        self.calls.append((images.clone(), clicks.clone(), previous.clone()))
        answer = previous.clone()
        for plane, history in zip(answer, clicks.tolist(), strict=True):
            y, x, label = [click for click in history if click[2] >= 0][-1]
            plane[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = label
        self.answers.append(answer)
        return answer


def test_stops_when_the_largest_threshold_is_reached():
    truth = torch.from_numpy(square().mask == 1).float()
    found = af.evaluate(Constant(truth), [square()])
    assert found.stop_reasons == ["reached"]
    assert found.clicks == [[(5, 5, 1)]]
    assert found.ious[0, 0] == 1
    assert np.isnan(found.ious[0, 1:]).all()
    assert found.noc == {80: 1, 85: 1, 90: 1}
    assert found.miou.tolist() == [1.0] * 20


def test_stops_at_max_clicks():
    found = af.evaluate(Constant(torch.tensor(0.0)), [square()], max_clicks=3)
    assert found.stop_reasons == ["max_clicks"]
    assert found.ious.tolist() == [[0.0, 0.0, 0.0]]
    assert (found.noc[90], found.nof[90], found.nof_field[90]) == (3, 1, 1)


def test_stops_when_nothing_is_left_to_click():
    truth = torch.from_numpy(square().mask == 1).float()
    perfect = af.evaluate(Constant(truth), [square()], full_curve=True)
    assert (perfect.stop_reasons, len(perfect.clicks[0])) == (["nothing_to_click"], 1)
    # A predictor that never answers: after 25 clicks every pixel of the object is clicked.
    deaf = af.evaluate(Constant(torch.tensor(0.0)), [square()], max_clicks=40)
    assert (deaf.stop_reasons, len(set(deaf.clicks[0]))) == (["nothing_to_click"], 25)
    assert deaf.noc[90] == 40


def test_reached_at_the_last_click_is_a_failure_of_the_field_only():
    predictor, sample = Remembering(), square()
    sample.mask[:] = 0
    sample.mask[2:5, 1:4] = 1
    sample.mask[7:10, 7:10] = 1
    found = af.evaluate(predictor, [sample], max_clicks=2)
    assert found.ious.tolist() == [[0.5, 1.0]]
    assert (found.noc[90], found.nof[90], found.nof_field[90]) == (2, 0, 1)


def test_full_curve_runs_every_click():
    found = af.evaluate(NearestClick(), ToyDataset(9), max_clicks=8, full_curve=True)
    short = af.evaluate(NearestClick(), ToyDataset(9), max_clicks=8)
    perfect = [result.ious[-1] == 1 for result in found.results]
    assert found.stop_reasons == ["nothing_to_click" if done else "max_clicks" for done in perfect]
    assert not all(perfect)
    assert "reached" in short.stop_reasons
    assert found.noc == short.noc
    for long, cut in zip(found.results, short.results, strict=True):
        assert long.ious[: len(cut.ious)] == cut.ious


def test_predictor_gets_images_clicks_and_its_last_answer():
    predictor, sample = Remembering(), square()
    found = af.evaluate(predictor, [sample], max_clicks=3, full_curve=True)
    images, clicks, previous = zip(*predictor.calls, strict=True)
    expected = torch.from_numpy(sample.image).permute(2, 0, 1).float() / 255
    assert all(torch.equal(image[0], expected) for image in images)
    assert [c[0].tolist() for c in clicks] == [[list(c) for c in found.clicks[0][:k]] for k in (1, 2, 3)]
    assert previous[0].sum() == 0
    assert torch.equal(previous[1], predictor.answers[0])
    assert torch.equal(previous[2], predictor.answers[1])


def test_ignored_pixels_leave_errors_and_iou_alike():
    # The answer is the square and a column beside it; the column is ignored.
    answer = torch.from_numpy(square().mask == 1).float()
    answer[3:8, 8] = 1
    assert af.evaluate(Constant(answer), [square()], max_clicks=1).ious[0, 0] == 25 / 30
    column = (slice(3, 8), slice(8, 9))
    assert af.evaluate(Constant(answer), [square(ignore=column)], max_clicks=1).ious[0, 0] == 1
    inside = (slice(3, 8), slice(3, 4))
    assert af.evaluate(Constant(answer), [square(ignore=inside)], max_clicks=1).ious[0, 0] == 20 / 25


def test_the_threshold_is_strict_and_in_float32():
    at = torch.full((12, 12), 0.49, dtype=torch.float32)
    at[3:8, 3:8] = torch.nextafter(torch.tensor(0.49), torch.tensor(1.0))
    assert af.evaluate(Constant(at), [square()], threshold=0.49).ious[0, 0] == 1
    assert af.evaluate(Constant(at.double() + 1e-12), [square()], threshold=0.49).ious[0, 0] == 1


def test_masks_without_an_object_are_named_and_skipped():
    empty, ignored = square("empty"), square("ignored")
    empty.mask[:] = 0
    ignored.mask[ignored.mask == 1] = -1
    found = af.evaluate(NearestClick(), [empty, square("kept"), ignored], max_clicks=2)
    assert found.names == ["kept"]
    assert found.skipped == dict.fromkeys(["empty", "ignored"], "the mask has no object pixel")
    assert found.results[0].index == 1
    with pytest.raises(ValueError, match=r"all were skipped \(empty: the mask has no object pixel\)"):
        af.evaluate(NearestClick(), [empty])


@pytest.mark.parametrize(("value", "dtype"), [(255, np.int64), (2, np.int8), (-2, np.int8), (255, np.uint8)])
def test_a_mask_with_other_values_is_refused(value, dtype):
    sample = square("other")
    sample.mask = sample.mask.astype(dtype)
    sample.mask[0, 0] = value
    with pytest.raises(ValueError, match=rf"'other': mask must hold 1 \(object\), 0 and -1 .*, got {value}"):
        af.evaluate(NearestClick(), [sample], max_clicks=2)


class WithNetwork(NearestClick):
    """As a predictor that is no module and has one, part of which is kept frozen."""

    def __init__(self):
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3))
        self.network[1].eval()
        self.modes = []

    def predict(self, images, clicks, previous):
        self.modes += [part.training for part in self.network]
        self.network(images)
        return super().predict(images, clicks, previous)


def test_a_network_is_evaluated_in_evaluation_mode_and_gets_its_modes_back():
    predictor = WithNetwork()
    af.evaluate(predictor, [square("one")], max_clicks=2)
    assert not any(predictor.modes)
    assert [part.training for part in predictor.network] == [True, False]
    assert not predictor.network[0].running_mean.any()


def test_results_taken_over_are_of_this_run():
    (result,) = af.evaluate(NearestClick(), [square("one")], max_clicks=4, full_curve=True).results
    assert len(result.clicks) > 1
    with pytest.raises(ValueError, match="done has object 0, 'one', twice"):
        af.evaluate(NearestClick(), [square("one")], max_clicks=4, done=[result, result])
    with pytest.raises(ValueError, match=r"clicks on 'one', more than max_clicks 1"):
        af.evaluate(NearestClick(), [square("one")], max_clicks=1, done=[result])


def test_thresholds_may_be_an_array_and_differ():
    found = af.evaluate(NearestClick(), [square("one")], max_clicks=2, thresholds=np.array([0.5, 0.9]))
    assert found.thresholds == (0.5, 0.9)
    with pytest.raises(ValueError, match="thresholds must differ from each other"):
        af.evaluate(NearestClick(), [square("one")], thresholds=(0.85, 0.85, 0.9))


def test_float_images_and_other_mask_types_are_equal():
    uint8 = square()
    as_float = ToySample("square", torch.from_numpy(uint8.image).permute(2, 0, 1).double() / 255, uint8.mask == 1)
    one, two = (af.evaluate(NearestClick(), [sample], max_clicks=4) for sample in (uint8, as_float))
    assert one.clicks == two.clicks


def test_each_image_is_decoded_once_and_only_when_it_enters():
    dataset = ToyDataset(40)
    ahead = []

    def watch(result):
        ahead.append(sum(dataset.decoded) - len(ahead))

    af.evaluate(NearestClick(), dataset, max_clicks=5, batch_size=2, on_result=watch)
    assert dataset.decoded == [1] * 40
    assert max(ahead) <= 8  # four batches


def test_objects_leave_and_others_enter():
    sizes = []

    class Counting(NearestClick):
        def predict(self, images, clicks, previous):
            sizes.append(len(images))
            return super().predict(images, clicks, previous)

    found = af.evaluate(Counting(), ToyDataset(20, sizes=((24, 36),)), max_clicks=9, batch_size=4)
    total = sum(len(clicks) for clicks in found.clicks)
    assert sum(sizes) == total
    assert max(sizes) == 4
    assert sizes.count(4) * 4 >= total - 4 * 9  # full batches until the last objects


def test_progress_and_timing():
    seen = []
    found = af.evaluate(NearestClick(), ToyDataset(10), max_clicks=4, batch_size=4, progress=seen.append)
    assert (seen[0].finished, seen[0].clicks) == (0, 0)
    assert (seen[-1].finished, seen[-1].total) == (10, 10)
    assert seen[-1].clicks == sum(len(clicks) for clicks in found.clicks)
    assert found.timing.clicks == seen[-1].clicks - 4  # the warm-up round
    assert found.seconds_per_click == sum(found.timing.stages.values()) > 0
    assert found.timing.wall > found.seconds_per_click * found.timing.clicks


def test_a_strategy_of_ones_own():
    def first_pixel(prob, target, clicked):
        n = len(prob)
        error = ((prob > 0.5) != (target == 1)) & ~clicked
        at = error.flatten(1).int().argmax(dim=1)
        y, x = at // prob.shape[2], at % prob.shape[2]
        here = torch.arange(n), y, x
        zero = torch.zeros(n)
        return af.ops.Selection(y, x, target[here] == 1, error[here], zero, zero)

    found = af.evaluate(Remembering(), [square()], first_pixel, max_clicks=4)
    assert found.strategy == "first_pixel"
    assert found.clicks[0][:2] == [(5, 5, 1), (3, 3, 1)]  # the first click is the largest error's


def test_table_and_json():
    import json

    found = af.evaluate(NearestClick(), ToyDataset(6), max_clicks=4)
    header, row = found.table().splitlines()
    assert header.split()[:7] == ["strategy", "NoC@80", "NoC@85", "NoC@90", "NoF@80", "NoF@85", "NoF@90"]
    assert row.split()[:2] == ["acselect", f"{found.noc[80]:.2f}"]
    assert len(header) == len(row)
    stored = json.loads(found.to_json())
    assert stored["noc"] == {"80": found.noc[80], "85": found.noc[85], "90": found.noc[90]}
    assert stored["miou"] == found.miou.tolist()
    assert (stored["objects"], stored["clicks"]) == (6, sum(map(len, found.clicks)))
