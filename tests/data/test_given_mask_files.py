import numpy as np
import pytest
from PIL import Image

from activefreq.app.command_line import main
from activefreq.data import BrokenImageError, open_dataset


@pytest.fixture
def folders(tmp_path):
    """Two images; the mask of the second holds two objects."""
    for name in ("data/images", "data/masks", "given"):
        (tmp_path / name).mkdir(parents=True)
    masks = {"a": np.zeros((40, 48), np.uint8), "b": np.zeros((40, 48), np.uint8)}
    masks["a"][8:28, 8:32] = 255
    masks["b"][4:16, 4:18], masks["b"][20:36, 24:44] = 1, 2
    for stem, mask in masks.items():
        Image.fromarray(np.repeat(mask[..., None] // 2, 3, 2)).save(tmp_path / "data/images" / f"{stem}.png")
        Image.fromarray(mask).save(tmp_path / "data/masks" / f"{stem}.png")
        mask[:, :12] = 0  # what the other program missed
        Image.fromarray(mask).save(tmp_path / "given" / f"{stem}.png")
    return tmp_path


def give(folders, stem, values, name=None):
    Image.fromarray(np.asarray(values)).save(folders / "given" / (name or f"{stem}.png"))


def opened(folders, **options):
    return open_dataset(folders / "data", given_masks=folders / "given", **options)


def test_each_object_gets_its_own(folders):
    plain, data = open_dataset(folders / "data"), opened(folders)
    assert data.names == plain.names == ["a", "b#1", "b#2"]
    for index, sample in enumerate(data):
        expected = plain[index].mask.copy()
        expected[:, :12] = 0
        np.testing.assert_array_equal(sample.given, expected)
        np.testing.assert_array_equal(sample.mask, plain[index].mask)
    assert plain[0].given is None


def test_other_given_masks_are_other_data(folders):
    first = opened(folders).fingerprint
    give(folders, "a", np.random.default_rng(0).integers(0, 2, (40, 48), np.uint8))  # a larger file
    assert opened(folders).fingerprint != first
    assert open_dataset(folders / "data").fingerprint == open_dataset(folders / "data").fingerprint


def test_one_object_takes_any_value(folders):
    """Where the image has one object, whatever the given mask calls it; merged objects take every id."""
    merged = opened(folders, objects="merged")
    assert merged.names == ["a", "b"]
    assert merged[1].given.sum() == 12 * 6 + 16 * 20
    give(folders, "a", np.eye(40, 48).astype(np.uint8) * 7)
    assert opened(folders)[0].given.sum() == 40


def test_ignored_pixels_are_outside(folders):
    values = np.zeros((40, 48), np.uint8)
    values[:5], values[5:9] = 255, 128
    give(folders, "a", values)
    assert opened(folders, ignore=128)[0].given.sum() == 5 * 48


def test_a_folder_without_ids_is_refused(folders):
    """A mask of 0 and 255 for an image of two objects says nothing about either."""
    give(folders, "b", (np.eye(40, 48) * 255).astype(np.uint8))
    with pytest.raises(ValueError, match=r"b.png holds 255, which is none of the ids in its image's own mask \(1, 2\)"):
        opened(folders)


def test_a_name_with_a_number_sign_is_no_id(folders):
    for kind in ("images", "masks"):
        picture = folders / "data" / kind / "a.png"
        (folders / "data" / kind / "a#1.png").write_bytes(picture.read_bytes())
    with pytest.raises(ValueError, match="no mask for a#1"):
        opened(folders)
    give(folders, "a#1", np.ones((40, 48), np.uint8))
    data = opened(folders)
    given = {sample.name: sample.given.sum() for sample in data}
    assert given["a#1"] == 40 * 48
    assert given["a"] == 20 * 20


def test_probabilities_are_refused(folders):
    grey = np.linspace(0, 255, 40 * 48).reshape(40, 48)
    give(folders, "a", grey.astype(np.uint8))
    with pytest.raises(ValueError, match=r"a.png has 255 different values: is it a soft mask"):
        opened(folders)
    (folders / "given" / "a.png").unlink()
    give(folders, "a", (grey / 255).astype(np.float32), "a.tiff")
    with pytest.raises(ValueError, match=r"a.tiff holds fractions"):
        opened(folders)


def test_wrong_folders_are_named_before_the_first_click(folders):
    with pytest.raises(FileNotFoundError, match=r"--given-masks .*gone: no such folder"):
        open_dataset(folders / "data", given_masks=folders / "gone")
    with pytest.raises(ValueError, match="--given-masks is not for phantom"):
        open_dataset("phantom", given_masks=folders / "given")
    give(folders, "b", np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match=r"b.png is 3 × 4 pixels, but its image is 40 × 48"):
        opened(folders)
    (folders / "given" / "b.png").write_bytes(b"no picture")
    with pytest.raises(BrokenImageError, match=r"b.png does not decode"):
        opened(folders)
    data = opened(folders, skip_broken=True)
    assert data.names == ["a"]
    assert "does not decode" in data.skipped["b"]
    (folders / "given" / "b.png").unlink()
    with pytest.raises(ValueError, match="no mask for b"):
        opened(folders)


def test_on_the_command_line(folders, capsys):
    """Clicks from masks; the results are not taken for those from nothing, and --resume takes them over."""
    out, given = ["--out", str(folders / "out")], ["--given-masks", str(folders / "given")]
    command = ["evaluate", "--model", "freqformer-isic2017", "--data", str(folders / "data"), "--max-clicks", "2"]
    tables = []
    for further, status in ((given, 0), (["--resume"], 2), ([*given, "--resume"], 0)):
        with pytest.raises(SystemExit) as stop:
            main([*command, *out, *further])
        assert stop.value.code == status
        said = capsys.readouterr()
        tables.append(said.out)
        if status:
            assert "other data, data_options" in said.err
        else:
            assert "2 objects" in said.out
            assert "skipped 1 objects (b#2: the given mask is right, there is nothing to click)" in said.err
    assert tables[2] == tables[0]
    assert "2 clicks each · correcting given masks" in (folders / "out" / "report.html").read_text()
    with pytest.raises(SystemExit):
        main(["evaluate", "--model", "nearest-click", "--data", str(folders / "data"), *given])
    assert "--given-masks is for networks; nearest-click does not look at" in capsys.readouterr().err
