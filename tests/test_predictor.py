import pytest
import torch

import activefreq as af
from activefreq.models import FreqFormer
from activefreq.models.network_input import CLICK_RADIUS, network_input, normalise
from activefreq.predictor import FreqFormerPredictor
from activefreq.steps import Steps

SMALL = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 16}
WHOLE = Steps.named("none")


def test_answers_at_the_size_it_was_given():
    torch.manual_seed(0)
    predictor = FreqFormerPredictor(FreqFormer(input_size=32, **SMALL))
    clicks = torch.tensor([[[3, 4, 1], [-1, -1, -1]], [[0, 0, 0], [9, 9, 1]]])
    probability = predictor.predict(torch.rand(2, 3, 20, 50), clicks, torch.zeros(2, 20, 50))
    assert probability.shape == (2, 20, 50)
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_equals_the_network_at_its_own_size():
    torch.manual_seed(0)
    network = FreqFormer(input_size=32, **SMALL).eval()
    images, previous = torch.rand(1, 3, 32, 32), torch.rand(1, 32, 32)
    clicks = torch.tensor([[[3, 4, 1], [20, 25, 0]]])
    with torch.inference_mode():
        expected = network(network_input(images, clicks, previous)).squeeze(1).sigmoid()
    assert torch.equal(FreqFormerPredictor(network, steps=WHOLE).predict(images, clicks, previous), expected)


def test_clicks_move_with_the_image():
    """Corners are aligned: the last pixel of a 20 × 50 image is the last pixel of the network's 32 × 32."""
    seen = {}

    class Spy(FreqFormer):
        def forward(self, x):
            seen["x"] = x
            return x[:, :1]

    predictor = FreqFormerPredictor(Spy(input_size=32, **SMALL), steps=WHOLE)
    clicks = torch.tensor([[[19, 49, 1], [0, 0, 0], [-1, -1, -1]]])
    predictor.predict(torch.rand(1, 3, 20, 50), clicks, torch.zeros(1, 20, 50))
    expected = af.ops.click_maps(torch.tensor([[[31.0, 31.0, 1.0], [0.0, 0.0, 0.0]]]), (32, 32), CLICK_RADIUS)
    assert torch.equal(seen["x"][:, 4:], expected)


def test_channels():
    images = torch.rand(1, 3, 4, 4)
    x = network_input(images, torch.tensor([[[0, 0, 1]]]), torch.full((1, 4, 4), 0.25))
    assert torch.equal(x[:, :3], normalise(images))
    assert torch.equal(x[:, 3], torch.full((1, 4, 4), 0.25))
    assert x[0, 4, 0, 0] == 1
    assert x[0, 5].sum() == 0
    grey = normalise(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
    torch.testing.assert_close(grey, torch.zeros(1, 3, 1, 1), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("images", "clicks", "previous", "message"),
    [
        (
            torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
            torch.zeros(1, 1, 3),
            torch.zeros(1, 8, 8),
            "images must be float",
        ),
        (torch.zeros(1, 4, 8, 8), torch.zeros(1, 1, 3), torch.zeros(1, 8, 8), "images must be float"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(2, 1, 3), torch.zeros(1, 8, 8), r"clicks must have shape \(1, K, 3\)"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 3), torch.zeros(1, 8, 9), r"previous must have shape \(1, 8, 8\)"),
    ],
)
def test_wrong_calls_name_the_argument(images, clicks, previous, message):
    predictor = FreqFormerPredictor(FreqFormer(input_size=32, **SMALL))
    with pytest.raises(ValueError, match=f"predict: {message}"):
        predictor.predict(images, clicks, previous)


def test_digest_follows_the_weights():
    network = FreqFormer(input_size=32, **SMALL)
    predictor = FreqFormerPredictor(network)
    before = predictor.weights_digest()
    assert before == FreqFormerPredictor(network).weights_digest()
    with torch.no_grad():
        network.head.bias.add_(1)
    assert predictor.weights_digest() != before


def test_a_mistyped_path_stays_at_home(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no model 'runs/frist': neither a file or folder nor"):
        af.load("runs/frist")


ALL = {"target_crop": True, "flip": True, "keep_outside_from": 2, "monotone": True, "progressive_merge": True}


def two_stages(**steps):
    """A predictor with a refine layer; of the steps none but refine and those named."""
    torch.manual_seed(0)
    network = FreqFormer(input_size=32, refine_width=8, **SMALL)
    return FreqFormerPredictor(network, steps=Steps(**{"target_crop": False} | steps))


def scene(batch=3):
    """Images with a previous mask, one without."""
    generator = torch.Generator().manual_seed(2)
    images, previous = torch.rand(batch, 3, 40, 56, generator=generator), torch.full((batch, 40, 56), 0.1)
    previous[1:, 10:25, 12:40] = 0.8
    clicks = torch.randint(5, 35, (batch, 3, 3), generator=generator)
    clicks[:, :, 2] = torch.tensor([[1, -1, -1], [1, 0, 1], [1, 1, 0]])[:batch]
    return images, clicks, previous


@pytest.mark.parametrize("steps", [{}, *({name: value} for name, value in ALL.items()), ALL], ids=str)
def test_an_answer_does_not_depend_on_its_batch(steps):
    predictor, (images, clicks, previous) = two_stages(**steps), scene()
    together = predictor.predict(images, clicks, previous)
    for i in range(3):
        alone = predictor.predict(images[i : i + 1], clicks[i : i + 1], previous[i : i + 1])
        torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-5)
    assert together.min() >= 0
    assert together.max() <= 1


@pytest.mark.parametrize(
    "step", ["target_crop", "flip", "refine", "keep_outside_from", "monotone", "progressive_merge"]
)
def test_every_step_has_an_effect_and_a_switch(step):
    base = {"refine": False}
    plain = two_stages(**base).predict(*scene())
    stepped = two_stages(**base | {step: 2 if step == "keep_outside_from" else True}).predict(*scene())
    assert not torch.allclose(plain, stepped, atol=1e-3)
    again = two_stages(**base | {step: None if step == "keep_outside_from" else False}).predict(*scene())
    assert torch.equal(plain, again)


def test_a_target_crop_of_everything_is_the_whole_image():
    """Before the first mask both ways resize the whole image, with corners aligned or not: nearly the same."""
    images, clicks, _ = scene()
    smooth = torch.nn.functional.interpolate(images[:, :, ::8, ::8], size=(40, 56), mode="bilinear")
    start = torch.zeros(3, 40, 56)
    whole = two_stages(refine=False).predict(smooth, clicks, start)
    cropped = two_stages(refine=False, target_crop=True).predict(smooth, clicks, start)
    assert (whole - cropped).abs().mean() < 0.02


def test_with_flip_the_mirror_image_has_the_mirrored_answer():
    predictor, (images, clicks, previous) = two_stages(flip=True, target_crop=True), scene()
    answer = predictor.predict(images, clicks, previous)
    mirrored = clicks.clone()
    mirrored[:, :, 1] = images.shape[3] - 1 - clicks[:, :, 1]
    again = predictor.predict(images.flip(3), mirrored, previous.flip(2)).flip(2)
    torch.testing.assert_close(again, answer, rtol=0, atol=1e-5)
    assert predictor.describe()["macs"] == 2 * two_stages(target_crop=True).describe()["macs"]


def test_outside_the_target_crop_the_previous_probability_stays():
    images, clicks, previous = scene()
    clicks[:, :, :2] = 20  # inside the mask
    answer = two_stages(target_crop=True).predict(images, clicks, previous)
    assert torch.equal(answer[1:, :, 52:], previous[1:, :, 52:])
    assert not torch.equal(answer[:1, :, 52:], previous[:1, :, 52:])  # no mask: the whole image
    assert not torch.equal(answer[1:, 10:25], previous[1:, 10:25])


def test_outside_the_focus_the_previous_probability_stays_from_that_click_on():
    images, clicks, previous = scene()
    early = two_stages(keep_outside_from=4).predict(images, clicks, previous)
    assert torch.equal(early, two_stages().predict(images, clicks, previous))
    late = two_stages(keep_outside_from=3).predict(images, clicks, previous)
    kept = late == previous
    assert kept[1].any()
    assert not kept[1].all()
    assert torch.equal(late[0], early[0])  # one click


def test_large_images_are_not_aliased():
    """A fine checkerboard becomes grey, not a pattern."""
    seen = {}

    class Spy(FreqFormer):
        def features_and_logits(self, x):
            seen["x"] = x
            return super().features_and_logits(x)

    torch.manual_seed(0)
    predictor = FreqFormerPredictor(Spy(input_size=32, **SMALL), steps=Steps(target_crop=True))
    board = (torch.arange(128)[:, None] + torch.arange(128)).remainder(2).float().expand(1, 3, -1, -1)
    predictor.predict(board, torch.tensor([[[3, 4, 1]]]), torch.zeros(1, 128, 128))
    torch.testing.assert_close(seen["x"][:, :3], normalise(torch.full((1, 3, 32, 32), 0.5)))


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("threshold", 1.0, r"must lie in \[0, 1\)"),
        ("expansion", 0.5, "must be at least 1"),
        ("minimum_side", 0.0, "must be at least 1"),
        ("keep_outside_from", 0, "must be at least 1"),
    ],
)
def test_wrong_steps_teach(field, value, rule):
    with pytest.raises(ValueError, match=f"Steps: {field} {rule}, got {value}"):
        Steps(**{field: value})


def test_records_say_the_steps():
    described = two_stages(monotone=True).describe()["steps"]
    assert described["monotone"] is True
    assert described["refine"] is True  # by default where the network has a refine layer
    assert FreqFormerPredictor(FreqFormer(input_size=32)).describe()["steps"]["refine"] is False


def test_refining_needs_a_refine_layer():
    with pytest.raises(ValueError, match="FreqFormerPredictor: step refine: plain has no refine layer; `active"):
        FreqFormerPredictor(FreqFormer(input_size=32), "plain", steps=Steps.named("refine"))


def test_steps_by_name():
    assert Steps.named("none") == Steps(target_crop=False, refine=False)
    assert Steps.named("target-crop, refine,keep-outside") == Steps(keep_outside_from=11, refine=True)
    assert Steps.named("flip") == Steps(target_crop=False, flip=True, refine=False)
    with pytest.raises(ValueError, match="Steps: no step 'crop'; there are target-crop, flip, refine, keep-outside"):
        Steps.named("crop")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"images": torch.rand(1, 3, 32, 32) * 255},
            ValueError,
            r"images must lie in \[0, 1\], got values from ",
        ),
        (
            {"images": torch.full((1, 3, 32, 32), torch.nan)},
            ValueError,
            r"images must .*, got values from nan to nan",
        ),
        (
            {"clicks": torch.tensor([[[40, 1, 1]]])},
            ValueError,
            r"click \(40, 1\) \(y, x\) lies outside images of 32",
        ),
        (
            {"clicks": torch.tensor([[[4, 1, 2]]])},
            ValueError,
            r"labels of clicks must be 1, 0 or -1 .*, got 2",
        ),
        (
            {"clicks": [[4, 1, 1]]},
            TypeError,
            r"clicks must be a torch tensor, got list; activefreq\.clicks\.pad",
        ),
        ({"previous": None}, TypeError, r"previous must be a torch tensor, got NoneType; zeros before"),
    ],
)
def test_what_a_person_may_hand_over_wrong(changed, error, message):
    predictor = FreqFormerPredictor(FreqFormer(input_size=32, decoder_width=8, depths=(1, 1, 1, 1)))
    call = {
        "images": torch.rand(1, 3, 32, 32),
        "clicks": torch.tensor([[[4, 5, 1], [-1, -1, -1]]]),
        "previous": torch.zeros(1, 32, 32),
    }
    assert predictor.predict(**call).shape == (1, 32, 32)
    with pytest.raises(error, match=f"predict: {message}"):
        predictor.predict(**call | changed)
