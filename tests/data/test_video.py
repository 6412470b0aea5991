import numpy as np
import pytest
from PIL import Image

from activefreq.data import open_videos
from activefreq.data.video import CVC_CLINICDB_STARTS


@pytest.fixture
def frames(tmp_path):
    """Makes a folder of frames; frame k is grey k, and its mask has k + 1 pixels."""

    def make(stems, size=(4, 6), **texts):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir()
        for number, stem in enumerate(stems):
            Image.fromarray(np.full((*size, 3), number % 256, np.uint8)).save(tmp_path / "images" / f"{stem}.png")
            mask = np.zeros(size, np.uint8)
            mask.flat[: number % mask.size + 1] = 255
            Image.fromarray(mask).save(tmp_path / "masks" / f"{stem}.png")
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text)
        return tmp_path

    return make


def test_whole_videos_in_order(frames):
    """Frames are in order of their numbers, not of their letters."""
    root = frames(["f1", "f2", "f10", "f11"])
    videos = open_videos(root, starts=["f1", "f10"])
    assert (videos.name, videos.split, len(videos)) == (root.name, "all", 2)
    assert videos.names == ["1", "2"]
    second = videos[1]
    assert (second.name, second.video, second.frames) == ("2", "2", ("f10", "f11"))
    assert second.images[:, 0, 0, 0].tolist() == [2, 3]
    assert second.masks.sum((1, 2)).tolist() == [3, 4]
    assert second.masks.dtype == bool


def test_clips_cover_every_frame(frames):
    """Seven frames in threes: the last clip moves back; a video shorter than a clip is one."""
    root = frames([str(k) for k in range(1, 10)])
    clips = open_videos(root, clip=3, starts=[1, 8])
    assert [clip.frames for clip in clips] == [("1", "2", "3"), ("4", "5", "6"), ("5", "6", "7"), ("8", "9")]
    assert clips.names == ["1@1", "1@4", "1@5", "2@8"]
    assert len(open_videos(root, clip=3, starts=[1, 8], limit=2)) == 2


@pytest.mark.parametrize("source", ["videos", "split"])
def test_files_say_where_videos_begin(frames, source):
    texts = {
        "videos": {"videos": "stem,video\na,x\nb,x\nc,y\n", "split": "stem,split\na,train\nb,train\nc,test\n"},
        "split": {"split": "stem,split,video\na,train,x\nb,train,x\nc,test,y\n"},
    }[source]
    root = frames("abc", **texts)
    assert open_videos(root).names == ["y"]
    assert open_videos(root, "train")[0].frames == ("a", "b")
    assert open_videos(root, "all").names == ["x", "y"]


def test_cvc_clinicdb_is_known(frames):
    root = frames([f"{k:03}" for k in range(1, 613)], size=(2, 2))
    videos = open_videos(root)
    assert len(videos) == 29
    assert [int(video.frames[0]) for video in videos] == list(CVC_CLINICDB_STARTS)
    assert sum(len(video.frames) for video in videos) == 612


def test_fingerprints_tell_cuts_apart(frames):
    root = frames("abcd")
    first = open_videos(root, starts=["a", "c"]).fingerprint
    assert first == open_videos(root, starts=["a", "c"]).fingerprint
    assert first != open_videos(root, starts=["a", "d"]).fingerprint
    assert first != open_videos(root, starts=["a", "c"], clip=1).fingerprint


def test_errors_teach(frames, tmp_path):
    root = frames("abc", split="stem,split\na,train\nb,train\nc,test\n")
    with pytest.raises(ValueError, match=r"nothing says where videos begin: add videos\.csv with the columns stem and"):
        open_videos(root)
    with pytest.raises(ValueError, match="there is no frame 'z' for a video to start at"):
        open_videos(root, starts=["a", "z"])
    with pytest.raises(ValueError, match="the first frame, a, must start a video"):
        open_videos(root, starts=["b"])
    with pytest.raises(ValueError, match=r"video 1 is in the splits train and test \(frame c\); split by video"):
        open_videos(root, starts=["a"])
    with pytest.raises(ValueError, match="open_videos: clip must be at least one frame, got 0"):
        open_videos(root, starts=["a", "c"], clip=0)
    for limit in (0, -1):
        with pytest.raises(ValueError, match=f"open_videos: limit must be at least 1, got {limit}"):
            open_videos(root, starts=["a", "c"], limit=limit)
    with pytest.raises(FileNotFoundError, match=r"open_videos: .*nowhere: no such folder"):
        open_videos(tmp_path / "nowhere")
    (root / "videos.csv").write_text("stem,video\na,x\nb,x\n")
    with pytest.raises(ValueError, match=r"videos\.csv names no video for c \(1 such frames\)"):
        open_videos(root)
    (root / "videos.csv").write_text("stem,film\n")
    with pytest.raises(ValueError, match=r"videos\.csv lacks the column video"):
        open_videos(root)


def test_frames_of_a_video_have_one_size(frames):
    root = frames("ab")
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(root / "masks" / "b.png")
    with pytest.raises(ValueError, match=r"masks/b\.png is 3 × 3 pixels, but its image is 4 × 6"):
        open_videos(root, starts=["a"])[0]
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(root / "images" / "b.png")
    with pytest.raises(ValueError, match=r"images/b\.png is 3 × 3 pixels, but video 1 starts with 4 × 6"):
        open_videos(root, starts=["a"])[0]
