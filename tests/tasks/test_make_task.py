import pytest
import torch

from activefreq.tasks import Answer, make_task


def test_options_go_to_the_task(tiny_system):
    assert make_task("tiny").threshold == 0.5
    task = make_task("tiny", threshold=0.3, noise=[1, 2])
    assert (task.threshold, task.noise) == (0.3, (1, 2))


def test_a_single_value_stands_for_a_list_of_one():
    task = make_task("frequency-disentangled", classes="hippocampus", ids=1)
    assert (tuple(task.classes), tuple(task.ids)) == (("hippocampus",), (1,))
    assert make_task("freqmedclip", phrase="a polyp").phrase == "a polyp"


def test_unknown_names_teach(tiny_system):
    with pytest.raises(ValueError, match="there is no task 'counting'; there is: frequency-disentangled, "):
        make_task("counting")
    with pytest.raises(ValueError, match="task tiny has no option 'speed'; there are: noise, size, threshold"):
        make_task("tiny", speed=3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": torch.zeros(1, 4, 5, dtype=torch.bool)}, r"target must have the shape of prediction \(1, 4, 4\)"),
        ({"prediction": torch.zeros(1, 4, 4)}, "prediction and target must be bool, got torch.float32 and torch.bool"),
        ({"spacing": (1.0,)}, r"spacing must hold 2 positive sizes, .* got \(1.0,\)"),
        ({"spacing": (1.0, 0.0)}, r"spacing must hold 2 positive sizes, .* got \(1.0, 0.0\)"),
    ],
)
def test_an_answer_checks_itself(changed, message):
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match=f"Answer: {message}"):
        Answer(**{"name": "a", "prediction": mask, "target": mask, "spacing": (1.0, 1.0)} | changed)
