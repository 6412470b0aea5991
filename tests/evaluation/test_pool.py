import numpy as np
import torch
from toy_objects import ToySample

from activefreq.evaluation.objects import open_object
from activefreq.evaluation.pool import Group, Pool

CPU = torch.device("cpu")


def entry(index, size=(4, 6)):
    image = np.full((*size, 3), index, np.uint8)
    mask = np.zeros(size, np.int8)
    mask[0, index % size[1]] = 1
    return open_object(ToySample(f"object-{index}", image, mask), index)


def held(group):
    """Index of each slot's object, and whether its tensors are that object's."""
    for active, image, target in zip(group.objects, group.images, group.targets, strict=True):
        assert (image * 255).round().unique().tolist() == [active.index]
        assert target[0, active.index % target.shape[1]] == 1
    return [active.index for active in group.objects]


def test_slots_follow_their_objects():
    group = Group((4, 6), CPU, 5)
    for index in range(5):
        group.add(*entry(index))
    assert held(group) == [0, 1, 2, 3, 4]
    assert group.full
    group.previous[1] = 0.25
    group.clicked[4, 2, 2] = True
    group.remove([0, 3])
    assert held(group) == [4, 1, 2]
    assert group.previous[1].unique().tolist() == [0.25]
    assert group.clicked[0, 2, 2]
    group.add(*entry(7))
    assert held(group) == [4, 1, 2, 7]
    assert group.previous[3].sum() == 0
    assert not group.clicked[3].any()
    group.remove([0, 2, 1])
    assert held(group) == [7]
    group.remove([0])
    assert held(group) == []


def test_objects_without_a_mask_are_the_last():
    group = Group((4, 6), CPU, 4)
    for index in range(2):
        group.add(*entry(index))
    for active in group.objects:
        active.history.add(0, 0, 1)
    assert group.empty == 0
    group.add(*entry(2))
    assert group.empty == 1


def test_the_pool_groups_by_size_and_takes_the_largest():
    sizes = [(4, 6), (6, 4), (6, 4), (4, 6), (6, 4), (5, 5)]
    source = iter([entry(index, size) for index, size in enumerate(sizes)])
    pool = Pool(12, lambda size: Group(size, CPU, 3))
    pool.fill(source)
    assert len(pool) == 5  # stops as soon as one group makes a batch
    assert held(pool.next_group()) == [1, 2, 4]
    pool.next_group().remove([0, 1, 2])
    pool.fill(source)
    assert held(pool.next_group()) == [0, 3]
    assert sorted(pool.groups) == [(4, 6), (5, 5)]


def test_the_pool_holds_no_more_than_its_limit():
    pool = Pool(6, lambda size: Group(size, CPU, 4))
    pool.fill(iter([entry(index, (4, 4 + index)) for index in range(9)]))
    assert len(pool) == 6
