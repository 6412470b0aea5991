import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from activefreq.data import BrokenImageError, open_dataset
from activefreq.data.pictures import picture_size, read_image, read_mask


def ellipse(size=(96, 128), value=255):
    picture = Image.new("L", size[::-1])
    box = (size[1] * 0.2, size[0] * 0.25, size[1] * 0.8, size[0] * 0.7)
    ImageDraw.Draw(picture).ellipse(box, fill=value)
    return picture


LOSSY = {
    "a.jpg": {"quality": 95},
    "b.jpg": {"quality": 90},
    "a.tif": {"compression": "jpeg", "quality": 95},
    "a.webp": {"quality": 90},
}


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_lossy_mask_of_two_values_is_cut(tmp_path, name, mode):
    path = tmp_path / name
    ellipse().convert(mode).save(path, **LOSSY[name])
    assert len(np.unique(np.asarray(Image.open(path)))) > 2
    assert np.array_equal(read_mask(path), np.asarray(ellipse()))


def test_a_jpeg_mask_is_one_object(folder):
    folder.image("images/a.png", (96, 128))
    (folder.root / "masks").mkdir()
    ellipse().save(folder.root / "masks" / "a.jpg", quality=95)
    data = open_dataset(folder.root)
    assert data.names == ["a"]
    assert np.array_equal(data[0].mask == 1, np.asarray(ellipse()) > 0)


@pytest.mark.parametrize(("value", "quality"), [(255, 60), (100, 95), (12, 95)])
def test_other_lossy_masks_are_refused(folder, value, quality):
    """Strong ringing, an id in the middle, and a small id, which ringing looks like."""
    folder.image("images/a.png", (96, 128))
    (folder.root / "masks").mkdir()
    ellipse(value=value).save(folder.root / "masks" / "a.jpg", quality=quality)
    with pytest.raises(ValueError, match=r"masks/a\.jpg is lossy and has \d+ different values.*; store masks as PNG"):
        open_dataset(folder.root)


def test_a_coloured_jpeg_mask_is_refused(tmp_path):
    picture = Image.merge("RGB", [ellipse(), Image.new("L", (128, 96)), Image.new("L", (128, 96))])
    picture.save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg has colours"):
        read_mask(tmp_path / "a.jpg")


@pytest.mark.parametrize(("name", "options"), [("a.webp", {"lossless": True}), ("a.png", {}), ("a.tif", {})])
def test_lossless_ids_are_kept(tmp_path, name, options):
    ids = np.asarray(ellipse(value=3)) + np.asarray(ellipse(value=250)).T.reshape(96, 128) // 125
    Image.fromarray(ids).save(tmp_path / name, **options)
    assert np.array_equal(read_mask(tmp_path / name), ids)


def test_an_empty_jpeg_mask_is_empty(tmp_path):
    ellipse(value=0).save(tmp_path / "a.jpg")
    assert not read_mask(tmp_path / "a.jpg").any()


def in_palette(path, indices, *colours):
    picture = Image.fromarray(np.asarray(indices, np.uint8), mode=None).convert("P")
    picture.putpalette([channel for colour in colours for channel in colour])
    picture.save(path)
    return path


BLACK, GREY, WHITE, RED = (0, 0, 0), (90, 90, 90), (255, 255, 255), (255, 0, 0)


@pytest.mark.parametrize("ending", ["png", "gif", "tif"])
def test_white_is_the_object_wherever_the_palette_has_it(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    inside = np.asarray(ellipse()) > 0
    assert np.array_equal(read_mask(in_palette(path, ~inside, WHITE, BLACK)), 255 * inside)
    assert np.array_equal(read_mask(in_palette(path, inside, BLACK, WHITE)), 255 * inside)


def test_a_palette_of_black_and_white_with_one_of_them_in_use(tmp_path):
    path, nothing = tmp_path / "a.png", np.zeros((6, 8))
    assert (read_mask(in_palette(path, nothing, WHITE, BLACK)) == 255).all()
    assert not read_mask(in_palette(path, nothing + 1, WHITE, BLACK)).any()
    assert not read_mask(in_palette(path, nothing, WHITE, RED, GREY)).any()


@pytest.mark.parametrize("colours", [(BLACK, RED, WHITE), (WHITE, RED, GREY), (BLACK, WHITE, WHITE), (BLACK,) * 3])
def test_other_palettes_hold_ids(tmp_path, colours):
    ids = np.arange(48).reshape(6, 8) % 3
    assert np.array_equal(read_mask(in_palette(tmp_path / "a.png", ids, *colours)), ids)


@pytest.mark.parametrize("colours", [(WHITE, BLACK, RED), (RED, WHITE, BLACK)])
def test_a_palette_with_black_elsewhere_is_refused(tmp_path, colours):
    path = in_palette(tmp_path / "a.png", np.arange(48).reshape(6, 8) % 3, *colours)
    with pytest.raises(ValueError, match=r"a\.png has black at index [12] of its palette and \(255, .* at index 0"):
        read_mask(path)


def test_headers_that_do_not_decode_are_named(tmp_path, monkeypatch):
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "a" * (2 * PngImagePlugin.MAX_TEXT_CHUNK), zip=True)
    ellipse().save(tmp_path / "text.png", pnginfo=text)
    with pytest.raises(BrokenImageError, match=r"text\.png is not a readable image: Decompressed data too large"):
        picture_size(tmp_path / "text.png")
    ellipse().save(tmp_path / "large.png")
    assert picture_size(tmp_path / "large.png") == (96, 128)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(BrokenImageError, match=r"large\.png is not a readable image: Image size"):
        picture_size(tmp_path / "large.png")


def test_32_bit_pictures_are_not_black(tmp_path):
    grey = np.arange(1, 241, dtype=np.uint8).reshape(12, 20)
    scaled = (grey - np.uint8(1)).astype(np.float32) / 239
    for values, expected in [
        (grey.astype(np.float32) / 255, grey),
        (scaled, np.rint(255 * scaled)),
        (grey.astype(np.float32), grey),
        (grey.astype(np.int32), grey),
    ]:
        Image.fromarray(values).save(tmp_path / "a.tif")
        assert np.array_equal(read_image(tmp_path / "a.tif"), np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_16_bit_pictures_are_divided(tmp_path, ending):
    grey = np.arange(240, dtype=np.uint16).reshape(12, 20)
    Image.fromarray(257 * grey).save(tmp_path / f"a.{ending}")
    assert np.array_equal(read_image(tmp_path / f"a.{ending}")[..., 2], grey)


@pytest.mark.parametrize(
    ("values", "span"),
    [
        (np.array([[0, 256]], np.int32), "0 to 256"),
        (np.array([[-1, 9]], np.int32), "-1 to 9"),
        (np.array([[-0.5, 1]], np.float32), r"-0\.5 to 1"),
        (np.array([[0, np.nan]], np.float32), "nan to nan"),
        (np.array([[0, np.inf]], np.float32), "0 to inf"),
    ],
)
def test_32_bit_pictures_without_a_scale_are_refused(tmp_path, values, span):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(BrokenImageError, match=rf"^\S*a\.tif holds 32-bit values from {span}: what is white cannot be"):
        read_image(tmp_path / "a.tif")
