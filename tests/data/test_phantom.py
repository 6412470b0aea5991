import numpy as np
import pytest

from activefreq.data import Phantom, open_dataset
from activefreq.data.phantom import SPLITS


def test_same_seed_same_samples():
    first, second = Phantom("val", limit=3), Phantom("val", limit=5)
    assert first.names == ["val-000", "val-001", "val-002"]
    for i in range(3):
        assert np.array_equal(first[i].image, second[i].image)
        assert np.array_equal(first[i].mask, second[i].mask)
    assert not np.array_equal(first[0].image, Phantom("val", seed=1)[0].image)
    assert not np.array_equal(first[0].image, Phantom("test")[0].image)


def test_lesions_look_like_lesions():
    data = Phantom("test")
    assert len(data) == SPLITS["test"]
    for i in range(0, len(data), 4):
        sample = data[i]
        assert sample.image.shape == (256, 256, 3)
        assert set(np.unique(sample.mask)) == {0, 1}
        assert 0.02 < sample.mask.mean() < 0.7
        inside, outside = sample.image[sample.mask == 1].mean(), sample.image[sample.mask == 0].mean()
        assert inside < outside  # lesions are darker than skin


def test_sizes_and_errors():
    assert Phantom("train", size=(64, 96))[0].image.shape == (64, 96, 3)
    assert len(Phantom("all")) == sum(SPLITS.values())
    assert open_dataset("phantom").split == "test"
    with pytest.raises(ValueError, match="phantom has no split 'holdout'; there is train, val, test, all"):
        open_dataset("phantom", split="holdout")
    with pytest.raises(ValueError, match="size must be at least 32 × 32"):
        Phantom(size=(16, 64))
