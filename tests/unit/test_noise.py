"""Noise depends on item, seed and stream, and on nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.keys import ItemKey, sha256_bytes
from harness.noise import make_noise

ITEM = ItemKey("a" * 32)


def test_the_numbers_are_these_for_ever() -> None:
    drawn = make_noise(ITEM, 0)("latents", (2, 3))
    assert drawn.dtype == np.float32
    assert (
        sha256_bytes(drawn.astype("<f4").tobytes())
        == "a39296f4fc8fc469d7c38a59729254581fbdb7bc74857f3800209cc2be390635"
    )
    assert make_noise(ITEM, 0).digest == ""


@given(st.integers(0, 2**40), st.text(max_size=8), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_stream_drawn_twice_gives_the_same(seed: int, stream: str, shape: list[int]) -> None:
    noise = make_noise(ITEM, seed)
    first = noise(stream, tuple(shape))
    noise("another", (7,))
    np.testing.assert_array_equal(noise(stream, tuple(shape)), first)
    np.testing.assert_array_equal(make_noise(ITEM, seed)(stream, tuple(shape)), first)


@given(st.integers(1, 20), st.integers(0, 20))
def test_a_longer_video_begins_with_the_shorter_ones_noise(frames: int, more: int) -> None:
    noise = make_noise(ITEM, 3)
    np.testing.assert_array_equal(noise("x", (frames + more, 2, 2))[:frames], noise("x", (frames, 2, 2)))


def test_item_seed_and_stream_each_change_the_numbers() -> None:
    draws = [
        make_noise(ITEM, 0)("latents", (8,)),
        make_noise(ITEM, 1)("latents", (8,)),
        make_noise(ItemKey("b" * 32), 0)("latents", (8,)),
        make_noise(ITEM, 0)("image", (8,)),
    ]
    assert len({draw.tobytes() for draw in draws}) == 4


def test_it_is_standard_normal() -> None:
    drawn = make_noise(ITEM, 0)("latents", (200_000,)).astype(np.float64)
    assert abs(drawn.mean()) < 4 / np.sqrt(drawn.size)
    assert abs(drawn.std() - 1) < 0.01
    assert abs((np.abs(drawn) < 1.959964).mean() - 0.95) < 0.003


def test_the_record_is_of_what_was_drawn_and_not_of_the_order() -> None:
    one, other, third = make_noise(ITEM, 0), make_noise(ITEM, 0), make_noise(ITEM, 0)
    one("a", (2,)), one("b", (3,))
    other("b", (3,)), other("a", (2,)), other("a", (2,))
    third("a", (2,)), third("b", (4,))
    assert one.digest == other.digest != third.digest
