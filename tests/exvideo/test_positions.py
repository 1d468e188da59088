"""Reflected ids, sinusoids and tables against the reference's numbers and their own definitions."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.embeddings import Timesteps
from hypothesis import given
from hypothesis import strategies as st

from harness.exvideo.positions import (
    PositionTable,
    ReflectedPositions,
    initial_table,
    reflected_ids,
    sinusoid,
)
from tests.exvideo.helpers import fixture_json, fixture_tensors

SEQUENCES: dict[str, list[int]] = fixture_json("position_ids")["sequences"]


@pytest.mark.parametrize("num_frames", SEQUENCES)
def test_reflected_ids_match_the_reference(num_frames: str) -> None:
    assert reflected_ids(int(num_frames)).tolist() == SEQUENCES[num_frames]


def test_the_mini_family_reflects_between_one_and_seven() -> None:
    ids = reflected_ids(22, max_id=8, repeat_length=6).tolist()
    assert ids == [0, 1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4, 5, 6, 7, 6, 5]


@given(st.integers(2, 40).flatmap(lambda m: st.tuples(st.just(m), st.integers(1, m - 1))), st.integers(1, 200))
def test_ids_move_by_one_and_stay_in_range(proportions: tuple[int, int], num_frames: int) -> None:
    max_id, repeat_length = proportions
    ids = reflected_ids(num_frames, max_id, repeat_length)
    assert ids[:max_id].tolist() == list(range(min(num_frames, max_id)))
    assert (ids.diff().abs() == 1).all()
    assert ids.max() < max_id
    assert ids[max_id:].tolist() == [] or ids[max_id:].min() >= max_id - 1 - repeat_length


@given(st.integers(2, 40).flatmap(lambda m: st.tuples(st.just(m), st.integers(1, m - 1))))
def test_the_wave_has_period_twice_the_repeat_length(proportions: tuple[int, int]) -> None:
    max_id, repeat_length = proportions
    ids = reflected_ids(max_id + 4 * repeat_length, max_id, repeat_length)[max_id:]
    assert torch.equal(ids[: 2 * repeat_length], ids[2 * repeat_length :])


@pytest.mark.parametrize("repeat_length", [0, 8, 9])
def test_proportions_that_would_leave_the_range_are_refused(repeat_length: int) -> None:
    with pytest.raises(ValueError, match="repeat_length"):
        reflected_ids(10, max_id=8, repeat_length=repeat_length)


@pytest.mark.parametrize("channels", [32, 64, 320])
def test_the_sinusoid_is_bitwise_the_stock_embedding(channels: int) -> None:
    ids = torch.arange(128)
    assert torch.equal(sinusoid(ids, channels), Timesteps(channels, True, 0)(ids))


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        sinusoid(torch.arange(3), 5)


@pytest.mark.parametrize("name", ["table_320x40", "table_32x128", "table_32x9"])
def test_fresh_tables_match_the_reference(name: str) -> None:
    expected = fixture_tensors("position_table_init")[name]
    rows, channels = expected.shape
    table = initial_table("learn_reflect", rows, channels, max_id=25, repeat_length=20)
    torch.testing.assert_close(table, expected, atol=1e-4, rtol=0)


def test_learn_sin_starts_at_the_plain_sinusoid() -> None:
    table = initial_table("learn_sin", 40, 32, max_id=8, repeat_length=6)
    assert torch.equal(table, sinusoid(torch.arange(40), 32))


def test_random_rows_have_the_power_of_a_sinusoid_and_follow_the_seed() -> None:
    def draw(seed: int) -> torch.Tensor:
        rng = torch.Generator().manual_seed(seed)
        return initial_table("learn_rand", 400, 100, max_id=8, repeat_length=6, generator=rng)

    power = sinusoid(torch.arange(400), 100).square().mean()
    assert power == pytest.approx(0.5)
    assert draw(0).square().mean() == pytest.approx(power.item(), rel=0.03)
    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


@pytest.mark.parametrize("positions", ["sin", "reflect"])
def test_fixed_positions_have_no_table(positions: str) -> None:
    with pytest.raises(ValueError, match="has no table"):
        initial_table(positions, 8, 32, max_id=8, repeat_length=6)  # type: ignore[arg-type]


def test_a_table_is_indexed_by_the_frame_number_not_by_its_id() -> None:
    table = PositionTable(torch.arange(40.0)[:, None].repeat(1, 4))
    assert table(torch.arange(40))[:, 0].tolist() == list(range(40))


def test_reflected_positions_are_sinusoids_of_the_ids_at_any_length() -> None:
    module = ReflectedPositions(32, 25, 20)
    for num_frames in (8, 40, 300):
        expected = sinusoid(reflected_ids(num_frames), 32)
        assert torch.equal(module(torch.arange(num_frames)), expected)
    assert list(module.parameters()) == []
