import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activefreq.data import BrokenImageError, open_dataset
from activefreq.data.pictures import read_image, read_mask

IDS = np.zeros((6, 8))
IDS[0, :2], IDS[3, 3:6], IDS[5, 5] = 1, 2, 7


def test_folder(folder):
    folder.pair("a")
    folder.pair("b", IDS)
    data = open_dataset(folder.root)
    assert (data.name, data.split, len(data)) == ("skin", "all", 4)
    assert data.names == ["a", "b#1", "b#2", "b#7"]
    sample = data[2]
    assert sample.name == "b#2"
    assert sample.image.shape == (6, 8, 3)
    assert sample.image.dtype == np.uint8
    assert sample.mask.dtype == np.int8
    assert np.array_equal(sample.mask, IDS == 2)


def test_merged_ids_ignore_and_limit(folder):
    folder.pair("a", np.where(IDS == 7, 128, IDS))
    folder.pair("b")
    data = open_dataset(folder.root, objects="merged", ignore=128)
    assert data.names == ["a", "b"]
    assert data[0].mask[5, 5] == -1
    assert np.array_equal(data[0].mask == 1, (IDS > 0) & (IDS < 7))
    assert open_dataset(folder.root, ignore=128, limit=2).names == ["a#1", "a#2"]


def test_splits(folder):
    for stem in "abc":
        folder.pair(stem)
    folder.text("split.csv", "stem,split,mask_source\na,train,x\nc,test,y\nb,test,\n")
    assert open_dataset(folder.root).split == "test"
    assert open_dataset(folder.root).names == ["c", "b"]
    assert open_dataset(folder.root, split="all").names == ["a", "c", "b"]
    assert open_dataset(folder.root, split="train").attributes("a") == {"mask_source": "x"}
    with pytest.raises(ValueError, match=r"has no split 'val'; there is test, train"):
        open_dataset(folder.root, split="val")


def test_splits_without_test(folder):
    folder.pair("a")
    folder.text("split.csv", "stem,split\na, train\n")
    with pytest.raises(ValueError, match=r"has no split 'test'; there is train; --split all takes everything"):
        open_dataset(folder.root)
    assert open_dataset(folder.root, split="train").names == ["a"]


def test_fingerprint_tells_data_sets_apart(folder, tmp_path):
    folder.pair("a")
    folder.pair("b", IDS)
    first = open_dataset(folder.root).fingerprint
    assert first == open_dataset(folder.root).fingerprint
    assert first != open_dataset(folder.root, limit=1).fingerprint
    folder.image("images/a.jpg", quality=20)
    assert first != open_dataset(folder.root).fingerprint
    assert open_dataset("phantom").fingerprint != open_dataset("phantom", seed=1).fingerprint


def test_coloured_mask(folder):
    folder.image("images/a.png")
    folder.image("masks/a.png")
    with pytest.raises(ValueError, match=r"masks/a\.png has colours: store a mask as grey or palette"):
        open_dataset(folder.root)


def test_other_folder_of_masks(folder):
    folder.image("images/a.png")
    folder.mask("masks_void/a.png", IDS)
    with pytest.raises(ValueError, match=r"no folder of masks: looked for .*masks and .*labels"):
        open_dataset(folder.root)
    assert len(open_dataset(folder.root, masks="masks_void")) == 3


def test_official_isic2017_layout(folder):
    for stem in ("ISIC_0000001", "ISIC_0000002"):
        folder.image(f"ISIC-2017_Test_v2_Data/{stem}.jpg")
        folder.image(f"ISIC-2017_Test_v2_Data/{stem}_superpixels.png")
        folder.mask(f"ISIC-2017_Test_v2_Part1_GroundTruth/{stem}_segmentation.png", 255 * (IDS > 0))
    folder.image("ISIC-2017_Training_Data/ISIC_0000003.jpg")
    folder.mask("ISIC-2017_Training_Part1_GroundTruth/ISIC_0000003_segmentation.png", 255 * (IDS > 0))
    folder.text("ISIC-2017_Training_Data/ISIC-2017_Training_Data_metadata.csv", "image_id\n")
    data = open_dataset(folder.root)
    assert (data.name, data.split) == ("isic2017", "test")
    assert data.names == ["ISIC_0000001", "ISIC_0000002"]
    assert open_dataset(folder.root, format="isic2017", split="train").names == ["ISIC_0000003"]
    with pytest.raises(ValueError, match="has no split 'val'"):
        open_dataset(folder.root, split="val")
    for format in ("auto", "isic2017"):
        with pytest.raises(ValueError, match=r"--masks mine is not for the official folders of ISIC-2017 in .*skin"):
            open_dataset(folder.root, format=format, masks="mine")
    (folder.root / "ISIC-2017_Training_Part1_GroundTruth/ISIC_0000003_segmentation.png").unlink()
    with pytest.raises(ValueError, match=r"ISIC-2017_Training_Part1_GroundTruth has no mask for ISIC_0000003\.jpg"):
        open_dataset(folder.root)


def test_nothing_there(folder):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        open_dataset(folder.root)
    folder.root.mkdir()
    with pytest.raises(ValueError, match="holds neither images/ nor the folders of ISIC-2017"):
        open_dataset(folder.root)
    with pytest.raises(ValueError, match="images holds no images"):
        open_dataset(folder.root, format="folder")
    (folder.root / "images").mkdir()
    with pytest.raises(ValueError, match=r"images holds no images$"):
        open_dataset(folder.root)
    (folder.root / "images" / "a.nii.gz").touch()
    with pytest.raises(
        ValueError, match=r"images holds no images; its volumes \(.nii\) are for frequency-disentangled"
    ):
        open_dataset(folder.root)


def test_image_without_a_mask(folder):
    folder.pair("a")
    folder.image("images/b.jpg")
    with pytest.raises(ValueError, match=r"masks has no mask for b\.jpg"):
        open_dataset(folder.root)


def test_sizes_differ(folder):
    folder.image("images/a.jpg", (6, 9))
    folder.mask("masks/a.png", IDS)
    with pytest.raises(ValueError, match=r"a\.png is 6 × 8 pixels, but its image .*a\.jpg is 6 × 9"):
        open_dataset(folder.root)


def test_all_background_is_skipped_and_named(folder):
    folder.pair("a", np.zeros((6, 8)))
    with pytest.raises(ValueError, match=r"no object is left in split 'all' \(a\.png has no object"):
        open_dataset(folder.root)
    folder.pair("b")
    data = open_dataset(folder.root)
    assert data.names == ["b"]
    assert list(data.skipped) == ["a"]
    assert "every pixel is background" in data.skipped["a"]


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_broken_jpeg(folder, damage):
    folder.pair("a")
    folder.pair("b")
    path = folder.root / "images/a.jpg"
    path.write_bytes(b"not a picture" if damage == "garbage" else path.read_bytes()[:-200])
    with pytest.raises(BrokenImageError, match=r"a\.jpg"):
        open_dataset(folder.root)[0]
    data = open_dataset(folder.root, skip_broken=True)
    assert data.names == ["b"]
    assert "a.jpg" in data.skipped["a"]


def test_soft_mask(folder):
    folder.pair("a", np.arange(6 * 8).reshape(6, 8))
    folder.image("images/big.png", (16, 16))
    folder.mask("masks/big.png", np.arange(256).reshape(16, 16))
    with pytest.raises(ValueError, match=r"big\.png has 255 different values: is it a soft mask, or stored as JPEG\?"):
        open_dataset(folder.root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stem\na\n", r"split\.csv lacks the column split"),
        ("stem,split\na,test\nz,test\n", r"split\.csv names z, of which there is no image"),
        ("stem,split\na,test\na,train\n", r"split\.csv names a twice"),
        ("stem,split\n", r"split\.csv names no image"),
    ],
)
def test_split_file_that_cannot_be_used(folder, content, message):
    folder.pair("a")
    folder.text("split.csv", content)
    with pytest.raises(ValueError, match=message):
        open_dataset(folder.root)


def test_names_that_are_no_utf8(folder):
    folder.pair("a")
    (folder.root / "split.csv").write_bytes("stem,split,where\na,test,Köln\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"split\.csv is no UTF-8 text: "):
        open_dataset(folder.root)
    (folder.root / "split.csv").unlink()
    odd = Path(os.fsdecode(os.fsencode(folder.root / "images") + b"/b\xff.jpg"))
    odd.write_bytes((folder.root / "images" / "a.jpg").read_bytes())
    with pytest.raises(ValueError, match=r"images holds a file whose name is no UTF-8: 'b\\udcff\.jpg'; rename it"):
        open_dataset(folder.root)


def test_format_isic2017_means_the_official_folders(folder):
    folder.pair("a")
    with pytest.raises(ValueError, match=r"--format isic2017: .* does not hold the official folders of ISIC-2017"):
        open_dataset(folder.root, format="isic2017")


def test_equal_stems(folder):
    folder.pair("a")
    folder.image("images/a.png")
    with pytest.raises(ValueError, match=r"holds a\.jpg and a\.png: stems must be unique"):
        open_dataset(folder.root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "coco"}, "--format must be one of auto, folder, isic2017, got 'coco'"),
        ({"objects": "some"}, "--objects must be separate or merged, got 'some'"),
        ({"ignore": 0}, "--ignore 0 would leave the whole background out"),
        ({"limit": 0}, "--limit must be at least 1, got 0"),
    ],
)
def test_unknown_options(options, message):
    with pytest.raises(ValueError, match=message):
        open_dataset("phantom", **options)


@pytest.mark.parametrize(
    "option",
    [{"format": "folder"}, {"masks": "mine"}, {"ignore": 128}, {"skip_broken": True}],
    ids=lambda o: next(iter(o)),
)
def test_phantom_refuses_options_of_files(option):
    name = next(iter(option)).replace("_", "-")
    with pytest.raises(ValueError, match=f"--{name} is not for phantom, which reads no files; it takes split, limit"):
        open_dataset("phantom", **option)
    assert len(open_dataset("phantom", split="val", seed=3, limit=2, objects="merged")) == 2


def test_modes_of_pictures(tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.repeat(grey[..., None], 3, axis=2))
    deep = grey.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(read_image(tmp_path / "deep.png")[..., 1], grey)
    assert np.array_equal(read_mask(tmp_path / "deep.png"), deep)
    palette = Image.fromarray(grey % 3, mode=None).convert("P")
    palette.putpalette([9, 9, 9, 8, 8, 8, 7, 7, 7])
    palette.save(tmp_path / "palette.png")
    assert set(np.unique(read_mask(tmp_path / "palette.png"))) == {0, 1, 2}
    clear = np.dstack([grey, grey, grey, np.full_like(grey, 9)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert np.array_equal(read_image(tmp_path / "clear.png"), clear[..., :3])
    assert np.array_equal(read_mask(tmp_path / "clear.png"), grey)
