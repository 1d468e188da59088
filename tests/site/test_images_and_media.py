from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from harness import site_images as images
from harness.keys import sha256_file
from harness.media import MediaMaker, write_h264
from harness.model import Frames
from harness.site_flashes import FASTEST, flashes
from harness.suites.mini import world
from harness.video import write_master


@pytest.fixture(scope="module")
def frames() -> Frames:
    clip: Frames = world.render(world.sample_scene(5), 8)
    return clip


def grey(levels: list[int], size: int = 16) -> Frames:
    return np.repeat(np.array(levels, np.uint8), size * size * 3).reshape(len(levels), size, size, 3)


def store(folder: Path, frames: Frames) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    write_master(folder / "x.mkv", frames, 10)
    sha256 = sha256_file(folder / "x.mkv")
    (folder / sha256[:2]).mkdir()
    (folder / "x.mkv").rename(folder / sha256[:2] / f"{sha256}.mkv")
    return sha256


@pytest.mark.parametrize(("side", "factor"), [(64, 4), (96, 2), (128, 2), (129, 1), (1024, 1)])
def test_small_videos_are_enlarged_by_whole_numbers(side: int, factor: int) -> None:
    assert images.enlargement(side, side // 2) == factor


def test_enlarging_repeats_pixels() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    big = images.enlarge(image, 3)
    assert big.shape == (6, 6, 3)
    assert (big[::3, ::3] == image).all()
    assert (big[2, 2] == image[0, 0]).all()


def test_strip_shows_first_to_last_frame_with_transparent_gaps() -> None:
    strip = images.strip(grey(list(range(0, 200, 5))))
    assert strip.shape == (16, 8 * 16 + 7, 4)
    cells = [strip[0, i * 17] for i in range(8)]
    assert [int(c[0]) for c in cells] == [5 * round(39 * i / 7) for i in range(8)]
    assert {int(c[3]) for c in cells} == {255}
    assert int(strip[0, 16, 3]) == 0


def test_slice_is_the_middle_row_and_column_over_time_with_the_energy(frames: Frames) -> None:
    cut = images.slice_t(frames)
    assert cut.shape == (8, 64 + 1 + 64 + 1 + 16, 4)
    assert (cut[3, :64, :3] == frames[3, 32]).all()
    assert (cut[3, 65:129, :3] == frames[3, :, 32]).all()
    assert not cut[:, [64, 129], 3].any()
    bars = (cut[:, 130:, 3] > 0).sum(axis=1)
    assert bars[0] == 0
    assert (bars == np.ceil(np.minimum(images.energy(frames) / 0.05, 1) * 16)).all()


def test_energy_is_the_mean_change_of_full_scale() -> None:
    assert images.energy(grey([0, 51, 51, 0])) == pytest.approx([0, 0.2, 0, 0.2])
    bars = (images.slice_t(grey([0, 2, 2, 0]))[:, -4:, 3] > 0).sum(axis=1)  # a margin of four for 16 pixels
    assert bars.tolist() == [0, 1, 0, 1]


def test_slice_of_a_large_long_video_is_reduced_and_keeps_its_order() -> None:
    cut = images.slice_t(grey([0] * 300 + [200] * 300, 300))
    assert cut.shape == (512, 256 + 1 + 256 + 1 + 64, 4)
    assert (cut[:250, :256, 0] == 0).all()
    assert (cut[-250:, :256, 0] == 200).all()


def test_reduction_averages_areas() -> None:
    checker = (np.indices((256, 256)).sum(axis=0) % 2 * 200).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert (images.reduce(checker, 128) == 100).all()


def test_flash_warning_follows_the_general_flash_threshold() -> None:
    assert flashes(grey([20, 200] * 10), 10)  # five flashes a second
    assert not flashes(grey([20, 20, 20, 20, 200, 200, 200, 200] * 3), 10)  # slower than three
    assert not flashes(grey([120, 125] * 10), 10)  # too small a change
    assert not flashes(grey([240, 255] * 10), 10)  # both states bright
    assert not flashes(grey(list(range(0, 200, 5))), 10)  # a fade does not turn
    assert not flashes(grey([7]), 10)


def test_flashes_are_counted_at_the_speed_of_showing() -> None:
    two_a_second = grey([20, 20, 200, 200, 200] * 8)
    assert not flashes(two_a_second, 10)
    assert flashes(two_a_second, 10, FASTEST)
    assert not flashes(grey([20] * 8 + [200] * 8), 10, FASTEST)


@pytest.mark.parametrize(("columns", "warned"), [(8, True), (2, False)])
def test_part_of_the_picture_is_enough_to_flash_unless_it_is_small(columns: int, warned: bool) -> None:
    frames = grey([30] * 20)
    frames[::2, :, :columns] = 120  # a mean over the whole frame would move by less than a tenth
    assert flashes(frames, 10) is warned


def test_red_flashes_count_without_a_change_in_luminance() -> None:
    frames = grey([0] * 20)
    frames[::2, ..., 0] = 200
    frames[1::2, ..., 1] = 108  # a green of nearly that luminance
    assert flashes(frames, 10)
    frames[::2, ..., 0] = 108
    frames[1::2, ..., 0] = 108  # an orange and a yellow: neither is a saturated red
    frames[::2, ..., 1] = 80
    assert not flashes(frames, 10)


def test_fine_noise_is_no_flash() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)
    assert not flashes(noise, 10)


def test_lossless_pictures_are_lossless(frames: Frames) -> None:
    back = np.asarray(Pillow.open(io.BytesIO(images.lossless_webp(frames[0]))))
    assert (back == frames[0]).all()


def test_preview_video_plays_everywhere(tmp_path: Path, frames: Frames) -> None:
    path = tmp_path / "x.mp4"
    big = images.enlarge(frames, 4)
    write_h264(path, big, 10)
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # playable before it is complete
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 10)
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
        decoded = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(stream)])
    assert decoded.shape == big.shape
    assert np.abs(decoded.astype(int) - big).mean() < 4


def test_odd_sizes_are_padded(tmp_path: Path) -> None:
    write_h264(tmp_path / "x.mp4", grey([10, 20, 30], 15), 10)
    with av.open(str(tmp_path / "x.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (16, 16)


def test_previews_are_equal_for_equal_masters(tmp_path: Path, frames: Frames) -> None:
    sha256 = store(tmp_path / "videos", frames)
    made = [MediaMaker(tmp_path / "videos", tmp_path / name, tmp_path / "none") for name in ("a", "b")]
    first, second = (maker.preview(sha256, 10) for maker in made)
    assert first == second
    assert first is not None
    assert (first.width, first.height, first.slice_width, first.slice_height) == (256, 256, 584, 32)
    assert all(sha256_file(tmp_path / "b" / name) == digest for name, digest in first.digests.items())


def test_earlier_previews_are_reused_unless_damaged(tmp_path: Path, frames: Frames) -> None:
    sha256 = store(tmp_path / "videos", frames)
    first = MediaMaker(tmp_path / "videos", tmp_path / "a", tmp_path / "none")
    preview = first.preview(sha256, 10)
    assert preview is not None
    first.write_index()
    again = MediaMaker(tmp_path / "videos", tmp_path / "b", tmp_path / "a")
    assert again.preview(sha256, 10) == preview
    assert again.made == 0
    (tmp_path / "a" / preview.poster).write_bytes(b"damaged")
    repaired = MediaMaker(tmp_path / "videos", tmp_path / "c", tmp_path / "a")
    assert repaired.preview(sha256, 10) == preview
    assert repaired.made == 1


def test_master_that_is_not_the_scored_one_is_not_shown(tmp_path: Path, frames: Frames) -> None:
    sha256 = store(tmp_path / "videos", frames)
    (tmp_path / "videos" / sha256[:2] / f"{sha256}.mkv").write_bytes(b"another video")
    maker = MediaMaker(tmp_path / "videos", tmp_path / "a", tmp_path / "none")
    assert maker.preview(sha256, 10) is None
    assert "not those that were scored" in maker.problems[0].why


def test_missing_and_broken_masters_are_problems_and_no_errors(tmp_path: Path) -> None:
    broken = tmp_path / "videos" / "x.mkv"
    broken.parent.mkdir()
    broken.write_bytes(b"no video at all")
    sha256 = sha256_file(broken)
    (tmp_path / "videos" / sha256[:2]).mkdir()
    broken.rename(tmp_path / "videos" / sha256[:2] / f"{sha256}.mkv")
    maker = MediaMaker(tmp_path / "videos", tmp_path / "a", tmp_path / "none")
    assert maker.preview(sha256, 10) is None
    assert maker.preview("0" * 64, 10) is None
    assert ["cannot be decoded" in p.why or "not at hand" in p.why for p in maker.problems] == [True, True]


def test_pictures_are_without_loss_as_long_as_they_fit(frames: Frames) -> None:
    plain = np.full((64, 64, 3), 90, np.uint8)
    assert (np.asarray(Pillow.open(io.BytesIO(images.fitting_webp(plain, 2000)))) == plain).all()
    noise = np.random.default_rng(0).integers(0, 256, (128, 512, 3), np.uint8)
    whole = len(images.lossless_webp(noise))
    assert len(images.fitting_webp(noise, whole)) == whole
    sizes = [len(images.fitting_webp(noise, limit)) for limit in (whole - 1, whole // 2, whole // 4, 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] <= whole // 2
    assert sizes[-1] > 1  # what fits at no quality is given at the lowest
    assert len(images.fitting_webp(plain, 10**6, lossless=False)) != len(images.lossless_webp(plain))
