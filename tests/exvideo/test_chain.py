"""Chained clips: how they are cut, and that each begins where the one before ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.exvideo.base import load_base
from harness.exvideo.chain import Link, generate_chain, plan_chain
from harness.exvideo.pipeline import SamplingSettings, generate
from tests.exvideo.test_pipeline import SIZE, picture


@given(frames=st.integers(1, 300), length=st.integers(2, 40))
def test_a_chain_gives_every_frame_once_and_no_clip_is_longer_than_the_model_knows(frames: int, length: int) -> None:
    links = plan_chain(frames, length)
    covered = [frame for link in links for frame in range(link.start, link.start + link.last - link.first)]
    assert covered == list(range(frames))
    assert all(0 <= link.first < link.last <= length for link in links)
    assert [link.first for link in links] == [0, *[1] * (len(links) - 1)]


def test_128_frames_of_svd_xt_take_six_clips() -> None:
    assert plan_chain(128, 25) == [
        Link(0, 0, 25),
        Link(25, 1, 25),
        Link(49, 1, 25),
        Link(73, 1, 25),
        Link(97, 1, 25),
        Link(121, 1, 8),
    ]


@pytest.mark.parametrize(("frames", "length"), [(10, 1), (0, 8)])
def test_chains_that_cannot_be_are_refused(frames: int, length: int) -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain(frames, length)
    assert caught.value.code == "E-WINDOW"


def test_every_clip_is_an_ordinary_one_that_begins_with_the_last_frame(tiny_base: Path) -> None:
    base, settings = load_base(tiny_base), SamplingSettings(9, steps=1)
    drawn: dict[str, NDArray[np.float32]] = {}

    def draw(stream: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        rng = np.random.default_rng(sum(stream.encode()))
        drawn[stream] = rng.standard_normal(shape).astype(np.float32)
        return drawn[stream]

    video = generate_chain(base, picture(), settings, 5, draw)
    assert list(drawn) == ["latents/0", "image/0", "latents/1", "image/1"]
    clip = SamplingSettings(5, steps=1)
    first = generate(base, picture(), clip, drawn["latents/0"], drawn["image/0"])
    second = generate(base, first[-1], clip, drawn["latents/1"], drawn["image/1"])
    assert np.array_equal(video, np.concatenate([first, second[1:]]))
    assert video.shape == (9, SIZE, SIZE, 3)
