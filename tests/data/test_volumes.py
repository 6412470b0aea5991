import gzip
import sys

import nibabel
import numpy as np
import pytest
from nifti_files import write_blobs, write_volume

from activefreq.data.volumes import Volumes, crop_or_pad


@pytest.fixture
def blobs(tmp_path):
    return write_blobs(tmp_path / "blobs")


def test_splits_by_number(blobs):
    """10 volumes: the last 2 are test, the 2 before (20 % of 8, rounded) val."""
    expected = {"train": range(1, 7), "val": range(7, 9), "test": range(9, 11), "all": range(1, 11)}
    for split, numbers in expected.items():
        volumes = Volumes(blobs, split)
        assert volumes.names == [f"case_{number:03d}" for number in numbers]
        assert (volumes.name, volumes.split, len(volumes)) == ("blobs", split, len(numbers))
    assert Volumes(blobs).split == "test"
    assert Volumes(blobs, "train", limit=2).names == ["case_001", "case_002"]
    assert Volumes(blobs, "train", 2).fingerprint != Volumes(blobs, "train", 3).fingerprint


def test_numbers_are_ordered_as_numbers(tmp_path):
    for number in (2, 10, 1):
        for folder in ("images", "labels"):
            write_volume(tmp_path / folder / f"a{number}.nii", np.zeros((2, 2, 2), np.uint8))
    assert Volumes(tmp_path, "all").names == ["a1", "a2", "a10"]


def test_split_csv_is_honoured(blobs):
    rows = [f"case_{number:03d},{'val' if number == 3 else 'train'}" for number in range(1, 11)]
    (blobs / "split.csv").write_text("stem,split\n" + "\n".join(rows) + "\n")
    assert Volumes(blobs, "val").names == ["case_003"]
    with pytest.raises(ValueError, match="has no split 'test'; there is train, val"):
        Volumes(blobs)


def test_a_volume(tmp_path):
    image = np.arange(24, dtype=np.int16).reshape(2, 3, 4) - 5
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[1, 2, 3], labels[0, 0, 0] = 7, 4
    write_volume(tmp_path / "images" / "a.nii.gz", image, (1.0, 0.5, 2.0))
    write_volume(tmp_path / "masks" / "a.nii.gz", labels, (1.0, 0.5, 2.0))
    volume = Volumes(tmp_path, "all", ids=(7, 4))[0]
    assert (volume.name, volume.spacing, volume.image.dtype) == ("a", (1.0, 0.5, 2.0), np.float32)
    np.testing.assert_allclose(volume.image, (image + 5) / 23, rtol=1e-6)
    assert (volume.labels[1, 2, 3], volume.labels[0, 0, 0], volume.labels.sum()) == (1, 2, 3)


def test_a_constant_volume_is_zero(tmp_path):
    for folder in ("images", "labels"):
        write_volume(tmp_path / folder / "a.nii", np.zeros((2, 2, 2), np.float32) + (folder == "images"))
    assert Volumes(tmp_path, "all")[0].image.max() == 0


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_zero(tmp_path, odd):
    image = np.arange(2, 26, dtype=np.float32).reshape(2, 3, 4)
    image[0, 1, 2] = odd
    write_volume(tmp_path / "images" / "a.nii", image)
    write_volume(tmp_path / "labels" / "a.nii", np.zeros((2, 3, 4), np.uint8))
    expected = (image - 2) / 23
    expected[0, 1, 2] = 0
    np.testing.assert_allclose(Volumes(tmp_path, "all")[0].image, expected, rtol=1e-6)
    write_volume(tmp_path / "images" / "a.nii", np.full((2, 3, 4), odd, np.float32))
    with pytest.raises(ValueError, match=r"images/a\.nii has no finite voxel"):
        Volumes(tmp_path, "all")[0]


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_two_files_of_one_name(blobs, folder):
    write_volume(blobs / folder / "case_001.nii", np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(ValueError, match=rf"{folder} holds case_001\.nii and case_001\.nii\.gz: stems must be unique"):
        Volumes(blobs)


def test_labels_lie_where_their_image_does(tmp_path):
    values = np.zeros((2, 2, 2), np.uint8)
    write_volume(tmp_path / "images" / "a.nii", values)
    write_volume(tmp_path / "labels" / "a.nii", values, (1.0, 1.0005, 1.0))
    assert Volumes(tmp_path, "all")[0].labels.max() == 0
    write_volume(tmp_path / "labels" / "a.nii", values, (-1.0, 1.0, 1.0))
    with pytest.raises(
        ValueError, match=r"labels/a\.nii lies elsewhere than its image .*images/a\.nii: its affine is \[\[-"
    ):
        Volumes(tmp_path, "all")[0]


def test_labels_with_a_scale_are_rounded(tmp_path):
    ids = np.arange(8, dtype=np.int16).reshape(2, 2, 2) % 3
    write_volume(tmp_path / "images" / "a.nii", ids)
    path = tmp_path / "labels" / "a.nii"
    path.parent.mkdir()
    for scale in (1.00000012, 0.9999):
        labels = nibabel.Nifti1Image(ids, np.eye(4))
        labels.header.set_slope_inter(scale, 0)
        nibabel.save(labels, path)
        assert not set(np.unique(nibabel.load(path).dataobj)) <= {0, 1, 2}
        assert np.array_equal(Volumes(tmp_path, "all")[0].labels, ids)
    for odd, text in ((1.0625, r"1\.0625"), (np.nan, "nan"), (np.inf, "inf"), (1e-2, r"0\.01")):
        write_volume(path, np.where(ids == 1, odd, 0))
        with pytest.raises(ValueError, match=rf"labels/a\.nii holds {text}, which is neither 0 nor one of the ids"):
            Volumes(tmp_path, "all")[0]


def test_damaged_files_are_named(blobs):
    """Deflated data that are no deflate, a size that does not fit, and a type that there is not."""
    volumes = Volumes(blobs, "all")
    path = blobs / "images" / "case_001.nii.gz"
    content = bytearray(gzip.compress(gzip.decompress(path.read_bytes())))
    content[10] = 0x07  # a block of type 3, after the ten bytes of gzip's header
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"case_001\.nii\.gz does not read as NIfTI: Error -3"):
        volumes[0]
    for number, (place, two) in enumerate([(42, b"\xf0\xff"), (70, b"\x77\x77")], start=2):
        path = blobs / "images" / f"case_{number:03d}.nii.gz"
        header = bytearray(gzip.decompress(path.read_bytes()))
        header[place : place + 2] = two
        path.write_bytes(gzip.compress(header))
        with pytest.raises(ValueError, match=rf"case_00{number}\.nii\.gz does not read as NIfTI"):
            volumes[number - 1]


def test_crop_or_pad_and_back():
    values = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    small = crop_or_pad(values, (3, 9, 7))
    assert small.shape == (3, 9, 7)
    np.testing.assert_array_equal(small[:, 1:7], values[1:4])
    assert small[:, 0].max() == small[:, 7:].max() == 0
    back = crop_or_pad(small, values.shape)
    np.testing.assert_array_equal(back[1:4], values[1:4])
    assert back[[0, 4]].max() == 0
    for size in ((5, 6, 7), (8, 7, 10), (6, 8, 9)):
        np.testing.assert_array_equal(crop_or_pad(crop_or_pad(values, size), values.shape), values)


def test_folders_that_cannot_be_used_teach(tmp_path, blobs):
    with pytest.raises(FileNotFoundError, match=r"--data .*nowhere: no such folder"):
        Volumes(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="--limit must be at least 1, got 0"):
        Volumes(blobs, limit=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"images holds no NIfTI files \(\.nii, \.nii\.gz\)"):
        Volumes(tmp_path / "empty")
    (blobs / "labels" / "case_003.nii.gz").unlink()
    with pytest.raises(ValueError, match=r"labels has no labels for case_003\.nii\.gz \(1 in all\)"):
        Volumes(blobs)
    (blobs / "labels").rename(blobs / "other")
    with pytest.raises(ValueError, match="has images/, but neither labels/ nor masks/"):
        Volumes(blobs)


def test_files_that_cannot_be_used_teach(blobs):
    volumes = Volumes(blobs, "all")
    write_volume(blobs / "labels" / "case_001.nii.gz", np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(ValueError, match=r"case_001\.nii\.gz has shape \(2, 2, 2\), but its image .* \(15, 17, 13\)"):
        volumes[0]
    write_volume(blobs / "labels" / "case_002.nii.gz", np.full((14, 16, 12), 3, np.uint8))
    with pytest.raises(ValueError, match=r"case_002\.nii\.gz holds 3, which is neither 0 nor one of the ids \(1, 2\)"):
        volumes[1]
    write_volume(blobs / "images" / "case_003.nii.gz", np.zeros((15, 17, 13, 2), np.float32))
    with pytest.raises(ValueError, match=r"case_003\.nii\.gz must be a volume \(H, W, D\), got shape"):
        volumes[2]
    (blobs / "images" / "case_004.nii.gz").write_bytes(b"no volume")
    with pytest.raises(ValueError, match=r"case_004\.nii\.gz does not read as NIfTI"):
        volumes[3]


def test_without_nibabel_the_error_names_the_extra(blobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImportError, match=r"pip install 'activefreq\[medical\]'"):
        Volumes(blobs)
