import pytest
import torch

from activefreq import crops

WHOLE = [0.0, 0.0, 20.0, 30.0]


def mask(*boxes, size=(20, 30)):
    """A probability map that is 0.9 in the boxes and 0.1 elsewhere."""
    probability = torch.full(size, 0.1)
    for y0, x0, y1, x1 in boxes:
        probability[y0:y1, x0:x1] = 0.9
    return probability


def clicks(*rows):
    return torch.tensor(rows).view(1, -1, 3)


def test_boxes_of_masks():
    masks = torch.stack([mask((2, 3, 5, 9), (4, 1, 6, 2)), mask(), mask((0, 0, 20, 30)), mask((19, 29, 20, 30))]) > 0.5
    boxes, some = crops.boxes_of_masks(masks)
    assert boxes.tolist() == [[2, 1, 6, 9], [0, 0, 0, 0], WHOLE, [19, 29, 20, 30]]
    assert some.tolist() == [True, False, True, True]


def test_newest_clicks():
    given = torch.tensor([[[3, 4, 1], [5, 6, 0]], [[7, 8, 1], [-1, -1, -1]], [[-1, -1, -1], [-1, -1, -1]]])
    newest, count = crops.last_clicks(given)
    assert newest.tolist() == [[5, 6, 0], [7, 8, 1], [0, 0, -1]]
    assert count.tolist() == [2, 1, 0]
    assert crops.last_clicks(given[:, :0])[0].tolist() == [[0, 0, -1]] * 3


def test_target_box_holds_mask_and_positive_clicks():
    previous = mask((4, 10, 8, 20)).unsqueeze(0)
    alone = crops.target_boxes(previous, clicks((0, 0, 0)), expansion=1.0, minimum_side=1)
    assert alone.tolist() == [[4, 10, 8, 20]]  # a negative click moves nothing
    both = crops.target_boxes(previous, clicks((15, 3, 1), (-1, -1, -1)), expansion=1.0, minimum_side=1)
    assert both.tolist() == [[4, 3, 16, 20]]
    larger = crops.target_boxes(previous, clicks((5, 12, 1)))
    torch.testing.assert_close(larger, torch.tensor([[1.0, 8.0, 11.0, 22.0]]))  # 10 rows at least; 1.4 × 10 columns
    clipped = crops.target_boxes(previous, clicks((5, 12, 1)), expansion=10.0)
    assert clipped.tolist() == [WHOLE]
    assert crops.target_boxes(torch.zeros(1, 20, 30), clicks((5, 12, 1))).tolist() == [WHOLE]


@pytest.mark.parametrize(
    ("before", "after", "click", "box"),
    [
        ([], [(4, 6, 9, 20)], (5, 7, 1), [4, 6, 9, 20]),  # no mask before: the new one's box
        ([(4, 6, 9, 20)], [(4, 6, 12, 20), (4, 25, 9, 28)], (10, 8, 1), [9, 6, 12, 20]),  # what grew at the click
        ([(4, 6, 12, 20)], [(4, 6, 9, 20)], (10, 8, 0), [9, 6, 12, 20]),  # what shrank
        ([(4, 6, 12, 20)], [(4, 6, 12, 21)], (5, 20, 1), [2.5, 17.5, 8.5, 23.5]),  # narrow: ±0.2 × 15 at the click
        ([(4, 6, 12, 21)], [(4, 6, 12, 21)], (5, 20, 1), [2.5, 17.5, 8.5, 23.5]),  # the clicked pixel did not change
        ([], [], (5, 7, 1), WHOLE),
        ([(4, 6, 12, 20)], [], (5, 7, 0), [4, 6, 12, 20]),  # everything went
        ([(4, 6, 12, 20)], [], (15, 25, 0), WHOLE),
    ],
)
def test_focus_box(before, after, click, box):
    boxes = crops.focus_boxes(
        mask(*before).unsqueeze(0), mask(*after).unsqueeze(0), clicks((0, 0, 1), click), expansion=1.0, minimum_side=1
    )
    torch.testing.assert_close(boxes, torch.tensor([box], dtype=torch.float32))


def test_focus_box_stays_in_its_limits():
    before, after = mask((4, 6, 9, 20)).unsqueeze(0), mask((4, 6, 12, 20)).unsqueeze(0)
    limits = torch.tensor([[3.0, 5.0, 13.0, 19.0]])
    boxes = crops.focus_boxes(before, after, clicks((10, 8, 1)), limits)
    assert boxes.tolist() == [[5.5, 5.0, 13.0, 19.0]]  # at least 10 high, 1.4 × 14 wide, clipped


def test_component_at():
    masks = torch.stack([mask((1, 1, 4, 4), (4, 4, 6, 6), (10, 10, 12, 12)) > 0.5] * 3)
    found = crops.component_at(masks, torch.tensor([[1, 1], [0, 0], [99, -3]]))
    assert torch.equal(found[0], mask((1, 1, 4, 4), (4, 4, 6, 6)) > 0.5)  # corners touch
    assert not found[1:].any()


def test_crop_and_place_are_inverse_on_whole_pixels():
    image = torch.rand(2, 3, 20, 30)
    boxes = torch.tensor([[2.0, 3.0, 12.0, 23.0], [0.0, 0.0, 20.0, 30.0]])
    for i, box in enumerate(boxes):
        size = [int(box[2] - box[0]), int(box[3] - box[1])]
        piece = crops.crop(image[i : i + 1], boxes[i : i + 1], size)
        placed, inside = crops.place(piece, boxes[i : i + 1], (20, 30))
        assert inside.sum() == size[0] * size[1]
        torch.testing.assert_close(placed[0][:, inside[0]], image[i][:, inside[0]])


def test_clicks_and_boxes_move_with_the_crop():
    """A linear image tells where each crop pixel came from."""
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    frame, size = torch.tensor([[3.0, 4.0, 13.0, 24.0]]), (40, 50)
    piece = crops.crop(torch.stack([rows, columns]).unsqueeze(0), frame, size)
    moved = crops.clicks_within(clicks((5, 7, 1), (-1, -1, -1)), frame, size)
    y, x, label = moved[0, 0].tolist()
    assert label == 1
    assert moved[0, 1, 2] == -1
    low, high = int(y), int(y) + 1
    assert piece[0, 0, low, 20] * (high - y) + piece[0, 0, high, 20] * (y - low) == pytest.approx(5, abs=1e-4)
    low, high = int(x), int(x) + 1
    assert piece[0, 1, 20, low] * (high - x) + piece[0, 1, 20, high] * (x - low) == pytest.approx(7, abs=1e-4)
    again = crops.crop(piece, crops.boxes_within(torch.tensor([[5.0, 8.0, 10.0, 18.0]]), frame, size), (5, 10))
    torch.testing.assert_close(again[0, 0, :, 0], torch.arange(5.0, 10.0))
    torch.testing.assert_close(again[0, 1, 0], torch.arange(8.0, 18.0))


def test_images_do_not_see_each_other():
    generator = torch.Generator().manual_seed(0)
    previous, probability = torch.rand(2, 4, 20, 30, generator=generator)
    points = torch.randint(0, 20, (4, 3, 3), generator=generator)
    points[:, :, 2] %= 2
    targets, focus = crops.target_boxes(previous, points), crops.focus_boxes(previous, probability, points)
    for i in range(4):
        one = slice(i, i + 1)
        assert torch.equal(crops.target_boxes(previous[one], points[one]), targets[one])
        assert torch.equal(crops.focus_boxes(previous[one], probability[one], points[one]), focus[one])
