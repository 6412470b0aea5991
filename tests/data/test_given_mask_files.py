import numpy as np
import pytest
from PIL import Image

from activefreq.app.command_line import main
from activefreq.data import GivenMasks, open_dataset


@pytest.fixture
def folders(tmp_path):
    """Two images; the mask of the second holds two objects."""
    for name in ("data/images", "data/masks", "given"):
        (tmp_path / name).mkdir(parents=True)
    masks = {"a": np.zeros((20, 24), np.uint8), "b": np.zeros((20, 24), np.uint8)}
    masks["a"][4:14, 4:16] = 255
    masks["b"][2:8, 2:9], masks["b"][10:18, 12:22] = 1, 2
    for stem, mask in masks.items():
        Image.fromarray(np.repeat(mask[..., None] // 2, 3, 2)).save(tmp_path / "data/images" / f"{stem}.png")
        Image.fromarray(mask).save(tmp_path / "data/masks" / f"{stem}.png")
        mask[:, :6] = 0  # what the other program missed
        Image.fromarray(mask).save(tmp_path / "given" / f"{stem}.png")
    return tmp_path


def test_each_object_gets_its_own(folders):
    opened = open_dataset(folders / "data")
    data = GivenMasks(opened, folders / "given")
    assert data.names == opened.names == ["a", "b#1", "b#2"]
    for index, sample in enumerate(data):
        expected = opened[index].mask.copy()
        expected[:, :6] = 0
        np.testing.assert_array_equal(sample.given, expected)
        np.testing.assert_array_equal(sample.mask, opened[index].mask)
    assert data.fingerprint != opened.fingerprint
    assert opened[0].given is None


def test_merged_objects_take_every_id(folders):
    data = GivenMasks(open_dataset(folders / "data", objects="merged"), folders / "given")
    assert data.names == ["a", "b"]
    assert data[1].given.sum() == 6 * 3 + 8 * 10


def test_wrong_folders_are_named(folders):
    opened = open_dataset(folders / "data")
    with pytest.raises(FileNotFoundError, match=r"--given-masks .*gone: no such folder"):
        GivenMasks(opened, folders / "gone")
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(folders / "given" / "a.png")
    with pytest.raises(ValueError, match=r"a.png is 3 × 4 pixels, but the image of a is 20 × 24"):
        GivenMasks(opened, folders / "given")[0]
    (folders / "given" / "b.png").unlink()
    with pytest.raises(ValueError, match="no mask for b#1, b#2"):
        GivenMasks(opened, folders / "given")


def test_on_the_command_line(folders, capsys):
    """Toy clicks from nothing and from masks; the results of one are not taken for the other's."""
    command = ["evaluate", "--model", "nearest-click", "--data", str(folders / "data"), "--out", str(folders / "out")]
    for given, status in ((["--given-masks", str(folders / "given")], 0), (["--resume"], 2)):
        with pytest.raises(SystemExit) as stop:
            main([*command, *given])
        assert stop.value.code == status
    said = capsys.readouterr()
    assert "2 objects" in said.out
    assert "the given mask leaves nothing to click" in said.err  # of b#2
    assert "other data, data_options" in said.err
