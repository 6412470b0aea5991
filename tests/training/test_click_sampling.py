import torch

from activefreq import ops
from activefreq.training.chance import Chance
from activefreq.training.click_sampling import corrective_clicks, initial_clicks


def disc(size, radius):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return ((y - size // 2) ** 2 + (x - size // 2) ** 2 <= radius**2).to(torch.int8)


def test_initial_clicks_lie_where_their_label_says():
    target = torch.stack([disc(40, 12), disc(40, 5), torch.zeros(40, 40, dtype=torch.int8)])
    target[0, 0] = -1
    chance = Chance(torch.Generator().manual_seed(1), 3)
    rounds = [initial_clicks(target, chance) for _ in range(8)]
    assert all(clicks.shape[0] == 3 for clicks in rounds)
    clicks = torch.cat(rounds, dim=1)
    seen = 0
    for image in range(3):
        for y, x, label in clicks[image].tolist():
            if label == -1:
                continue
            assert target[image, y, x] == label
            seen += 1
    assert seen > 60
    assert {label for _, _, label in clicks[0].tolist()} == {-1, 0, 1}
    assert (clicks[2, :, 2] != 1).all()  # no object, no positive click
    y, x, _ = clicks[0, 0].tolist()
    assert (y - 20) ** 2 + (x - 20) ** 2 <= (12 - 12 / 1.7 + 1.5) ** 2  # the first click is deep inside


def test_same_generator_same_clicks():
    target = disc(32, 9).repeat(4, 1, 1)
    first, second = (initial_clicks(target, Chance(torch.Generator().manual_seed(7), 4)) for _ in range(2))
    assert torch.equal(first, second)


def test_corrective_click_goes_to_the_larger_error():
    target = disc(41, 10).unsqueeze(0)
    nothing = torch.zeros(1, 41, 41)
    everything = torch.ones(1, 41, 41)
    chance = Chance(torch.Generator().manual_seed(0), 1)
    y, x, label = corrective_clicks(nothing, target, chance)[0, 0].tolist()
    assert label == 1
    assert target[0, y, x] == 1
    y, x, label = corrective_clicks(everything, target, chance)[0, 0].tolist()
    assert label == 0
    assert target[0, y, x] == 0
    assert corrective_clicks((target == 1).float(), target, chance)[0, 0].tolist() == [-1, -1, -1]


def test_acselect_places_its_share_of_the_corrective_clicks():
    target = disc(41, 12).repeat(64, 1, 1)
    probability = torch.rand(64, 41, 41, generator=torch.Generator().manual_seed(0))
    probability[-1] = target[-1]  # nothing is wrong there

    def clicks(share):
        return corrective_clicks(probability, target, Chance(torch.Generator().manual_seed(1), 64), share)[:, 0]

    chosen = ops.select_click(probability, target, strategy="acselect")
    placed = torch.stack([chosen.y, chosen.x, chosen.positive], dim=-1)
    always, never, half = clicks(1.0), clicks(0.0), clicks(0.5)
    assert torch.equal(always[:-1], placed[:-1].long())
    assert (always[-1] == -1).all()
    as_chosen, as_drawn = (half == always).all(1), (half == never).all(1)
    assert (as_chosen | as_drawn).all()
    assert 16 < as_chosen[:-1].sum() < 48
    assert not torch.equal(always, never)
